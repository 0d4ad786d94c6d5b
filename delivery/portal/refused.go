package portal

import (
	"errors"
	"net/http"

	"github.com/bode-erds/bode/identity"
)

// refusedPage says why somebody may not act for the account. Key is a stem of
// the words: no_mandate.title, no_mandate.text.
type refusedPage struct {
	frame
	Key string
}

// explain answers with a page of its own when a visitor may not act for the
// account, and passes every other error on. Nothing happened.
func (p *Portal) explain(v *visitor, err error) error {
	page := refusedPage{frame: v.frame("")}
	switch {
	case errors.Is(err, identity.ErrNoMandate):
		page.Key = "no_mandate"
	case errors.Is(err, identity.ErrSuspended):
		page.Key = "suspended"
	default:
		return err
	}
	return p.Web.Render(v, http.StatusForbidden, "portal/refused", page)
}
