package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// telling is a report in words of one language, ready to be shown.
type telling struct {
	Verdict   string   `json:"verdict"`
	Title     string   `json:"title,omitempty"` // what happened
	Facts     []fact   `json:"facts,omitempty"`
	Parts     []fact   `json:"parts,omitempty"` // what was sent
	Checks    []answer `json:"checks"`
	Unchecked []answer `json:"unchecked,omitempty"`
	Members   []inside `json:"members,omitempty"`
}

// fact is what the evidence says of one thing. Time is set when Text is that
// time, so that a page can also write it as its reader does.
type fact struct {
	Key   string     `json:"key"`
	Label string     `json:"label"`
	Text  string     `json:"text"`
	Time  *time.Time `json:"time,omitempty"`
}

// answer is what became of one question.
type answer struct {
	Code   evidence.Code `json:"code"`
	OK     bool          `json:"ok"`
	Label  string        `json:"label"`
	Text   string        `json:"text"`
	Detail string        `json:"detail,omitempty"`
	Need   string        `json:"need,omitempty"`
}

// inside is evidence in a dossier.
type inside struct {
	Name    string     `json:"name"`
	OK      bool       `json:"ok"`
	Verdict string     `json:"verdict"`
	Title   string     `json:"title,omitempty"`
	Time    *time.Time `json:"time,omitempty"`
}

// tell puts the report of r into words.
func tell(r result, lang string) telling {
	t := teller{lang: lang}
	t.Verdict = r.Report.Verdict(lang)
	if r.OK {
		t.facts(r.Report)
	}
	t.checks(r.Report)
	for _, m := range r.Report.Members {
		if len(m.Report.Checks) > 0 {
			t.member(m)
		}
	}
	return t.telling
}

type teller struct {
	telling
	lang string
}

func (t *teller) fact(key, text string) {
	if text != "" {
		t.Facts = append(t.Facts, fact{Key: key, Label: evidence.Label(key, t.lang), Text: text})
	}
}

func (t *teller) time(key string, at time.Time, more string) {
	if !at.IsZero() {
		t.Facts = append(t.Facts, fact{key, evidence.Label(key, t.lang), instant(at) + more, &at})
	}
}

func (t *teller) facts(r evidence.Report) {
	if d := r.Document; d != nil {
		e := d.Event
		t.Title = e.Name.Title(t.lang)
		t.fact("claim", d.Claim().Words(t.lang))
		t.fact("event", t.Title)
		t.time("event_time", e.At, "")
		for _, reason := range e.Reasons {
			t.fact("reason", join(": ", evidence.ReasonWords(reason.Code, t.lang), reason.Text))
		}
		t.fact("message", e.Number)
		t.fact("subject", e.Subject)
		t.time("submitted", e.Submitted, "")
		t.party("sender", &e.Sender)
		t.party("acting", e.SentBy)
		t.party("recipient", &e.Recipient)
		t.party("acting", e.ReceivedBy)
		for _, part := range e.Parts {
			t.Parts = append(t.Parts, fact{Key: "part", Label: evidence.Label("part", t.lang), Text: part.Name + " (SHA-256 " + part.SHA256 + ")"})
		}
		t.fact("issuer", d.Issuer.Name)
	}
	t.fact("signer", r.Signer)
	for _, s := range r.Stamps {
		t.time("stamp_time", s.Time, " ("+s.Serial+")")
		t.fact("authority", s.Authority)
	}
	if l := r.Log; l != nil {
		t.fact("log", l.Origin)
		t.fact("log_index", strconv.FormatInt(l.Index, 10))
		t.fact("log_size", strconv.FormatInt(l.Size, 10))
		for _, w := range l.Witnesses {
			t.fact("witness", w)
		}
	}
}

// party names a party as declared, and then how somebody was identified.
func (t *teller) party(key string, p *evidence.Party) {
	if p == nil {
		return
	}
	name := p.Name
	if name == "" {
		name = join(" ", p.Given, p.Family)
	}
	if id := p.Identifier; id.Value != "" {
		name = join(" ", name, fmt.Sprintf("(%s %s)", id.Scheme, id.Value))
	}
	t.fact(key, name)
	if proof := p.Proof; proof != nil {
		t.fact("method", join(", ", proof.Method, proof.Provider, proof.Level, join(" ", proof.Given, proof.Family), instant(proof.At)))
	}
	if m := p.Mandate; m != nil {
		t.fact("mandate", join(", ", m.ID, m.Given, instant(m.At)))
	}
}

// checks says every answer; of the good ones, and of what was left, each once.
func (t *teller) checks(r evidence.Report) {
	seen := map[evidence.Code]bool{}
	for _, c := range r.Checks {
		label := "no"
		if c.OK {
			if seen[c.Code] {
				continue
			}
			seen[c.Code], label = true, "yes"
		}
		t.Checks = append(t.Checks, answer{Code: c.Code, OK: c.OK, Label: evidence.Label(label, t.lang), Text: c.Words(t.lang), Detail: c.Detail})
	}
	left := map[evidence.Unchecked]bool{}
	leave := func(list []evidence.Unchecked) {
		for _, u := range list {
			if !left[u] {
				left[u] = true
				t.Unchecked = append(t.Unchecked, answer{Code: u.Code, Label: evidence.Label("unchecked", t.lang), Text: u.Words(t.lang), Detail: u.Detail, Need: u.Need(t.lang)})
			}
		}
	}
	leave(r.Unchecked)
	for _, m := range r.Members {
		leave(m.Report.Unchecked)
	}
}

func (t *teller) member(m evidence.Member) {
	i := inside{Name: m.Name, OK: m.Report.OK(), Verdict: m.Report.Verdict(t.lang)}
	if d := m.Report.Document; d != nil {
		i.Title, i.Time = d.Event.Name.Title(t.lang), &d.Event.At
	}
	t.Members = append(t.Members, i)
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// join is strings.Join without what is empty.
func join(between string, parts ...string) string {
	var list []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			list = append(list, p)
		}
	}
	return strings.Join(list, between)
}
