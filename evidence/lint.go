package evidence

import (
	"slices"
	"strings"
)

// Finding is one broken rule.
type Finding struct {
	Source string `json:"source"` // whose rule: "en319522", "cir" or "policy"
	Clause string `json:"clause"`
	What   string `json:"what"` // what is missing or wrong, in English, without the value
}

// LintError is what [Prepare] returns for evidence that breaks rules.
type LintError struct{ Findings []Finding }

func (e *LintError) Error() string {
	var s []string
	for _, f := range e.Findings {
		s = append(s, f.Source+" "+f.Clause+": "+f.What)
	}
	return ErrLint.Error() + ": " + strings.Join(s, "; ")
}

// Is makes errors.Is(err, ErrLint) hold.
func (e *LintError) Is(target error) bool { return target == ErrLint }

// Lint names every rule that evidence of e by i would break; none means that
// [Prepare] accepts it. Ask before recording: a recorded event cannot be mended.
func (e Event) Lint(i Issuer) []Finding {
	found := lintMatrix(e.Name, func(c component) int { return c.count(e, i) })
	for _, r := range rules() {
		if r.applies(e) && !r.holds(e, i) {
			found = append(found, Finding{r.source, r.clause, r.what})
		}
	}
	return found
}

// lint checks the event by the rules and d by itself: hash is the digest of
// d.Event as encoded now.
func lint(d Document, hash string) error {
	found := d.Event.Lint(d.Issuer)
	policy := func(what string) { found = append(found, Finding{"policy", "chain", what}) }
	if d.Hash != hash {
		policy("the event is not the one that was recorded")
	}
	if d.Nonce == [NonceSize]byte{} {
		policy("the nonce is missing")
	}
	if len(d.History) > 0 {
		if err := VerifyChain(append(slices.Clone(d.History), d.Event)); err != nil {
			policy("the history does not lead to this event: " + err.Error())
		}
	}
	if len(found) > 0 {
		return &LintError{found}
	}
	return nil
}
