package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// grantFields maps a field of a mandate to the field of its form.
var grantFields = map[string]string{"from": "mandate_from", "until": "mandate_until", "classes": "mandate_classes", "powers": "power_send"}

type grantPage struct {
	frame
	Kind    identity.Kind
	Members []web.Option // of a company: who can be the grantee
	Typed   url.Values
	Powers  []string
}

// Has reports whether a power was ticked.
func (g grantPage) Has(power string) bool { return g.Typed.Get("power_"+power) != "" }

func (p *Portal) askGrant(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	return p.showGrant(v, http.StatusOK, url.Values{}, nil)
}

func (p *Portal) showGrant(v *visitor, status int, typed url.Values, faults web.Faults) error {
	page := grantPage{frame: v.frame("/portal/mandates"), Kind: v.session.AccountKind, Typed: typed, Powers: []string{"receive"}}
	page.Faults = faults
	if page.Kind == identity.Company {
		page.Powers = []string{"send", "receive", "administer"}
		members, err := p.Identity.Members(v.ctx(), v.actor(), v.session.Account)
		if err != nil {
			return err
		}
		for _, m := range members {
			if m.Person != v.session.Person && m.Identified {
				page.Members = append(page.Members, web.Option{Value: m.Person, Text: m.Given + " " + m.Family})
			}
		}
	}
	return p.Web.Render(v, status, "portal/grant", page)
}

// grant writes a mandate down and sends the visitor to sign its text.
func (p *Portal) grant(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	n, faults := p.readGrant(v.session.AccountKind, f)
	if len(faults) > 0 {
		return p.showGrant(v, http.StatusUnprocessableEntity, f, faults)
	}
	d, err := p.Identity.DraftMandate(v.ctx(), v.actor(), n, func(d identity.MandateDraft) (string, error) { return p.mandateText(v, d) })
	if faults := p.identityFaults(err, grantFields); faults != nil {
		return p.showGrant(v, http.StatusUnprocessableEntity, f, faults)
	}
	if locked, ok := errors.AsType[*identity.Locked](err); ok {
		faults.Add("grantee", "fault.locked", "minutes", int(locked.Until.Sub(p.Now())/time.Minute)+1)
		return p.showGrant(v, http.StatusTooManyRequests, f, faults)
	}
	if errors.Is(err, identity.ErrUnidentified) {
		return p.needIdentity(v)
	}
	if err != nil {
		return err
	}
	about, err := p.Web.Text(v, "portal", "mandate.about", "grantee", d.Given+" "+d.Family)
	if err != nil {
		return err
	}
	id, secret, err := p.Identity.OpenLogin(v.ctx(), identity.NewLogin{Errand: identity.ErrandMandate, Subject: d.ID, Session: v.token,
		Level: identity.LevelSubstantial, Language: p.Web.Language(v), About: about, Approve: d.Text, Back: "/portal/mandates"})
	if err != nil {
		return err
	}
	return p.Web.ToIdentify(v, id, secret)
}

// readGrant reads the form of a mandate. Days are days in Brussels.
func (p *Portal) readGrant(kind identity.Kind, f url.Values) (n identity.NewMandate, faults web.Faults) {
	n = identity.NewMandate{Grantee: line(f, "grantee"), GranteeFamily: line(f, "grantee_family")}
	for _, power := range []identity.Power{identity.PowerSend, identity.PowerReceive, identity.PowerAdminister} {
		if f.Get("power_"+string(power)) != "" {
			n.Powers = append(n.Powers, power)
		}
	}
	if kind == identity.Private {
		n.Powers = []identity.Power{identity.PowerReceive}
	}
	for class := range strings.FieldsFuncSeq(line(f, "mandate_classes"), func(r rune) bool { return r == ',' || r == ' ' }) {
		n.Classes = append(n.Classes, class)
	}
	day := func(name string) (t time.Time) {
		s := strings.TrimSpace(line(f, name))
		if s == "" {
			return t
		}
		t, err := time.ParseInLocation(time.DateOnly, s, p.Web.Zone)
		if err != nil {
			faults.Add(name, "fault.date")
		}
		return t
	}
	n.From = day("mandate_from")
	if last := day("mandate_until"); !last.IsZero() {
		end := last.AddDate(0, 0, 1)
		n.Until = &end
	}
	return n, faults
}

// GrantMandate is the owner of the errand "mandate": the text was signed, and the
// mandate is in force from here on.
func (p *Portal) GrantMandate(c echo.Context, l identity.Login, pr identity.Proof) error {
	v := &visitor{Context: c, token: p.SessionToken(c)}
	var err error
	if v.session, err = p.Identity.Session(v.ctx(), v.token); errors.Is(err, identity.ErrSessionOver) || err == nil && !l.Bound(v.token) {
		return p.stopSigning(v, "mandate_session")
	}
	if err != nil {
		return err
	}
	m, err := p.Identity.GrantMandate(v.ctx(), v.actor(), l, pr)
	switch {
	case errors.Is(err, identity.ErrLoginStale):
		return p.stopSigning(v, "mandate_stale")
	case errors.Is(err, identity.ErrForbidden):
		return p.stopSigning(v, "mandate_somebody_else")
	case errors.Is(err, identity.ErrUnidentified):
		return p.stopSigning(v, "mandate_level")
	case errors.Is(err, identity.ErrNotFound), errors.Is(err, identity.ErrClosed):
		return p.stopSigning(v, "mandate_grantee_gone")
	case err != nil:
		return outward(p.explain(v, err))
	}
	return c.Redirect(http.StatusSeeOther, "/portal/mandates/"+m.ID+"?granted=1")
}

// stopSigning says why a signed text became no mandate.
func (p *Portal) stopSigning(v *visitor, key string) error {
	return p.stop(v, http.StatusConflict, key, "/portal/mandates")
}

// withdrawMandate ends a mandate at once.
func (p *Portal) withdrawMandate(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	err := p.Identity.WithdrawMandate(v.ctx(), v.actor(), v.Param("id"))
	if errors.Is(err, identity.ErrLastAdministrator) {
		var faults web.Faults
		faults.Add("", "fault.last_mandate")
		return p.showMandate(v, http.StatusConflict, faults)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/mandates/"+v.Param("id"))
}
