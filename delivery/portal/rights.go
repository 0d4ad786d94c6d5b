package portal

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

const dataPath = "/portal/data"

// dataPage shows a person everything held, with the forms to correct it (R8).
type dataPage struct {
	frame
	Held      identity.Holding
	Profile   identity.AccountProfile
	Admin     bool
	Proven    bool // the name is proven: it cannot be typed over
	Typed     identity.Held
	Email     string // of the company
	Lines     string // of the postal address
	Languages []web.Option
	Known     map[string]bool // texts that can be shown, by the id of the consent
}

func (p *Portal) data(v *visitor) error { return p.showData(v, http.StatusOK, nil, nil) }

func (p *Portal) showData(v *visitor, status int, typed url.Values, faults web.Faults) (err error) {
	page := dataPage{frame: v.frame("/portal/account"), Admin: v.may(identity.Administrator), Proven: v.session.Record != "",
		Languages: languageOptions(), Known: map[string]bool{}}
	page.Faults, page.chrome.Wide = faults, true
	if page.Held, err = p.Identity.Holding(v.ctx(), v.actor()); err != nil {
		return err
	}
	for _, c := range page.Held.Consents {
		page.Known[c.ID] = hasText(c.Text, c.Version)
	}
	if page.Profile, err = p.Identity.Profile(v.ctx(), v.session.Account); err != nil {
		return err
	}
	page.Typed, page.Email, page.Lines = page.Held.Person, page.Profile.Email, strings.Join(page.Profile.Address, "\n")
	for name, to := range map[string]*string{"given": &page.Typed.Given, "family": &page.Typed.Family, "language": &page.Typed.Language,
		"company_email": &page.Email, "address": &page.Lines} {
		if typed.Has(name) {
			*to = typed.Get(name)
		}
	}
	return p.Web.Render(v, status, "portal/data", page)
}

// correct changes what a person corrected (R8).
func (p *Portal) correct(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	u := identity.Update{}
	for name, to := range map[string]**string{"given": &u.Given, "family": &u.Family, "language": &u.Language} {
		if s := one(f, name); f.Has(name) {
			*to = &s
		}
	}
	return p.corrected(v, f, p.Identity.UpdatePerson(v.ctx(), v.actor(), v.session.Person, u))
}

// correctAccount changes what an administrator corrected of the account.
func (p *Portal) correctAccount(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	u := identity.AccountUpdate{}
	if s := one(f, "company_email"); f.Has("company_email") {
		u.Email = &s
	}
	if f.Has("address") {
		lines := []string{}
		for l := range strings.Lines(f.Get("address")) {
			if l = strings.TrimSpace(l); l != "" {
				lines = append(lines, l)
			}
		}
		u.Address = &lines
	}
	return p.corrected(v, f, p.Identity.UpdateAccount(v.ctx(), v.actor(), u))
}

func (p *Portal) corrected(v *visitor, f url.Values, err error) error {
	if err == nil {
		return v.Redirect(http.StatusSeeOther, dataPath)
	}
	var faults web.Faults
	if errors.Is(err, identity.ErrForbidden) {
		return err
	}
	found, _ := errors.AsType[identity.FieldErrors](err)
	for _, x := range found {
		field := x.Field
		if field == "email" {
			field = "company_email"
		}
		faults.Add(field, p.faultKey(x.Code, x.Field))
	}
	if len(found) == 0 {
		return err
	}
	return p.showData(v, http.StatusUnprocessableEntity, f, faults)
}

// restrict stops or resumes the processing of the person's data (GDPR art. 18).
func (p *Portal) restrict(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	if err := p.Identity.Restrict(v.ctx(), v.actor(), f.Get("on") != ""); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, dataPath+"#restrict")
}

// withdraw ends the consent to a text. Without the terms there is no account: who
// withdraws from those is shown what leaving means.
func (p *Portal) withdraw(v *visitor) error {
	held, err := p.Identity.Holding(v.ctx(), v.actor())
	if err != nil {
		return err
	}
	for _, c := range held.Consents {
		if c.ID != v.Param("id") {
			continue
		}
		if c.Text == identity.TermsText && c.WithdrawnAt == nil {
			return v.Redirect(http.StatusSeeOther, leavePath)
		}
	}
	if err := p.Identity.WithdrawConsent(v.ctx(), v.actor(), v.Param("id")); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, dataPath+"#consents")
}

// export gives a person everything held, as a file for a machine (GDPR art. 20).
// It is a POST, so that the log tells of every one.
func (p *Portal) export(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	held, err := p.Identity.Holding(v.ctx(), v.actor())
	if err != nil {
		return err
	}
	if err := p.Identity.LogAccess(v.ctx(), nil, v.actor(), "data_exported", p.Web.Language(v)); err != nil {
		return err
	}
	h := v.Response().Header()
	h.Set("Cache-Control", "no-store")
	switch f.Get("format") {
	case "json":
		h.Set("Content-Type", "application/json")
		h.Set("Content-Disposition", `attachment; filename="data.json"`)
		e := json.NewEncoder(v.Response())
		e.SetIndent("", "  ")
		return e.Encode(held)
	case "csv":
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="data.csv"`)
		return held.WriteCSV(v.Response())
	}
	return web.ErrBadInput
}
