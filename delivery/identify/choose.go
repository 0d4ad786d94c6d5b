package identify

import (
	"net/http"

	"github.com/bode-erds/bode/identity"
)

// choice is the page of the choice.
type choice struct {
	Means   []string // methods, in our order
	Account *account // who is signed in to an account here
}

// choose shows the means that serve the errand.
func (i *Identify) choose(v *visit) error {
	c := choice{}
	for _, m := range i.cfg.Means {
		if i.serves(v, m) {
			c.Means = append(c.Means, m.Method())
		}
	}
	var err error
	if c.Account, err = i.signedIn(v); err != nil {
		return err
	}
	return i.render(v, http.StatusOK, "choose", c)
}

// serves reports whether a means may be used for the errand: the errand allows
// it, it can reach the level, and it can hold the approval of the text.
func (i *Identify) serves(v *visit, m identity.Means) bool {
	l := v.login
	if a, ok := m.(identity.Approver); l.Approve != "" && (!ok || !a.Approves(l.Approve)) {
		return false
	}
	return l.Serves(m.Method()) && i.cfg.Identity.Reaches(v.owner.Purpose, m.Method(), l.Level)
}

// means finds one by its name, among those that serve.
func (i *Identify) means(v *visit, method string) (identity.Means, bool) {
	for _, m := range i.cfg.Means {
		if m.Method() == method && i.serves(v, m) {
			return m, true
		}
	}
	return nil, false
}
