package portal

import (
	"net/http"
	"time"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// mandateRow is a mandate as a list shows it.
type mandateRow struct {
	identity.Mandate
	Principal string // of a mandate that the visitor holds
	State     string // "in_force", "later", "over", "withdrawn"
	Until     *time.Time
}

// Ended reports whether there is nothing left to withdraw.
func (m mandateRow) Ended() bool { return m.State == "over" || m.State == "withdrawn" }

func rowOf(m identity.Mandate, principal string, at time.Time) mandateRow {
	row := mandateRow{m, principal, "in_force", m.Until}
	switch {
	case m.RevokedAt != nil:
		row.State = "withdrawn"
	case m.Until != nil && !at.Before(*m.Until):
		row.State = "over"
	case at.Before(m.From):
		row.State = "later"
	}
	return row
}

type mandatesPage struct {
	frame
	Grants bool // the visitor administers the account
	Own    []mandateRow
	Held   []mandateRow
	Kind   identity.Kind
}

// mandates shows who may act for the account, and for whom the visitor may (R26).
func (p *Portal) mandates(v *visitor) error {
	page := mandatesPage{frame: v.frame("/portal/mandates"), Grants: v.may(identity.Administrator), Kind: v.session.AccountKind}
	page.chrome.Wide = true
	at := p.Now()
	if page.Grants {
		own, err := p.Identity.Mandates(v.ctx(), v.actor())
		if err != nil {
			return err
		}
		for _, m := range own {
			page.Own = append(page.Own, rowOf(m, "", at))
		}
	}
	held, err := p.Identity.HeldMandates(v.ctx(), v.actor())
	if err != nil {
		return err
	}
	for _, h := range held {
		page.Held = append(page.Held, rowOf(h.Mandate, h.Principal, at))
	}
	return p.Web.Render(v, http.StatusOK, "portal/mandates", page)
}

type mandatePage struct {
	frame
	M    mandateRow
	Mine bool // the visitor holds it
}

// mandate shows one, and asks before it is ended.
func (p *Portal) mandate(v *visitor) error { return p.showMandate(v, http.StatusOK, nil) }

func (p *Portal) showMandate(v *visitor, status int, faults web.Faults) error {
	row, err := p.findMandate(v)
	if err != nil {
		return err
	}
	page := mandatePage{v.frame("/portal/mandates"), row, row.Person == v.session.Person}
	page.Faults = faults
	return p.Web.Render(v, status, "portal/mandate", page)
}

// findMandate finds a mandate that the visitor may see.
func (p *Portal) findMandate(v *visitor) (mandateRow, error) {
	held, err := p.Identity.HeldMandates(v.ctx(), v.actor())
	if err != nil {
		return mandateRow{}, err
	}
	for _, h := range held {
		if h.ID == v.Param("id") {
			return rowOf(h.Mandate, h.Principal, p.Now()), nil
		}
	}
	if !v.may(identity.Administrator) {
		return mandateRow{}, web.ErrNotFound
	}
	own, err := p.Identity.Mandates(v.ctx(), v.actor())
	if err != nil {
		return mandateRow{}, err
	}
	for _, m := range own {
		if m.ID == v.Param("id") {
			return rowOf(m, "", p.Now()), nil
		}
	}
	return mandateRow{}, web.ErrNotFound
}
