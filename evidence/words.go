package evidence

import (
	_ "embed"
	"encoding/json"
	"slices"
	"sync"
)

//go:embed words.json
var wordsJSON []byte

type phrase map[string]string // by language

type wordBook struct {
	Event   map[Name]phrase            `json:"event"`
	Check   map[Code]map[string]phrase `json:"check"` // "ok", "fail", and "unchecked" and "need" where that can be
	Claim   map[Claim]phrase           `json:"claim"`
	Verdict map[string]phrase          `json:"verdict"`
	Label   map[string]phrase          `json:"label"`
}

var words = sync.OnceValue(func() wordBook {
	var w wordBook
	if err := json.Unmarshal(wordsJSON, &w); err != nil {
		panic("evidence: words.json: " + err.Error()) // built in; a test reads it
	}
	return w
})

// Languages are the languages in which everything can be said.
func Languages() []string { return []string{"nl", "fr", "de", "en"} }

// language is l when it is one of [Languages], and English otherwise.
func language(l string) string {
	if slices.Contains(Languages(), l) {
		return l
	}
	return "en"
}

// Title says in a few words what n means, such as "The recipient accepted the
// item". An unknown language gets English; an unknown name gets "".
func (n Name) Title(lang string) string { return words().Event[n][language(lang)] }

// Words says what a document with this claim is worth, in one or two sentences.
func (c Claim) Words(lang string) string { return words().Claim[c][language(lang)] }

// Words says the answer to a check in a sentence.
func (c Check) Words(lang string) string {
	answer := "fail"
	if c.OK {
		answer = "ok"
	}
	return words().Check[c.Code][answer][language(lang)]
}

// Words says what was not checked, and why, in a sentence.
func (u Unchecked) Words(lang string) string {
	return words().Check[u.Code]["unchecked"][language(lang)]
}

// Need says what would be needed to check it after all, in a sentence.
func (u Unchecked) Need(lang string) string {
	return words().Check[u.Code]["need"][language(lang)]
}

// Verdict is the one sentence on top of a report.
func (r Report) Verdict(lang string) string {
	answer := "fail"
	if r.OK() {
		answer = "ok"
	}
	return words().Verdict[answer][language(lang)]
}

// Label is the word for a fact of a report: "sender", "recipient", "event",
// "event_time", "stamp_time", "authority", "message", "subject", "signer",
// "submitted", "issuer", "claim", "file", "detail", "part", "reason", "method",
// "acting", "mandate", "log", "log_index", "log_size", "witness", "need", "content_part",
// "content_none", "content_missing", "yes", "no", "unchecked". "" when unknown.
func Label(key, lang string) string { return words().Label[key][language(lang)] }
