package evidence

import (
	_ "embed"
	"encoding/json"
	"sync"
)

//go:embed reasons.json
var reasonsJSON []byte

// reasonEntry is one row of the register.
type reasonEntry struct {
	URI      string            `json:"uri"`
	Verified bool              `json:"verified"` // ETSI's URI was seen in two public sources; false for unconfirmed and our own
	Words    map[string]string `json:"words"`    // by language: nl, fr, de, en
}

var reasons = sync.OnceValue(func() map[string]reasonEntry {
	var m map[string]reasonEntry
	if err := json.Unmarshal(reasonsJSON, &m); err != nil {
		panic("evidence: reasons.json: " + err.Error()) // built in; a test reads it
	}
	return m
})

// ReasonURI is the identifier of a reason as it stands in evidence, or "" when
// the register has no such code. EN 319 522-2 §8.3.3
func ReasonURI(code string) string { return reasons()[code].URI }

// ReasonWords says a reason in a language (nl, fr, de or en), or "" when the
// register has no such code or language.
func ReasonWords(code, language string) string { return reasons()[code].Words[language] }

// ReasonCodes returns every code of the register, in no order.
func ReasonCodes() []string {
	var codes []string
	for c := range reasons() {
		codes = append(codes, c)
	}
	return codes
}
