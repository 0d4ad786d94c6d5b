package portal

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// companyFields maps a field of an application to the field of its form.
var companyFields = map[string]string{"name": "legal_name", "email": "company_email", "country": "company_country", "terms": "company_terms"}

type applicationsPage struct {
	frame
	List []identity.Application
}

// applications lists what the visitor asked for.
func (p *Portal) applications(v *visitor) error {
	list, err := p.Identity.Applications(v.ctx(), v.actor())
	if err != nil {
		return err
	}
	page := applicationsPage{v.frame("/portal/account"), list}
	page.chrome.Wide = true
	return p.Web.Render(v, http.StatusOK, "portal/applications", page)
}

type applyPage struct {
	frame
	Given, Family string // the applicant
	Typed         identity.NewApplication
	Agreed        bool
	Countries     []web.Option
}

func (p *Portal) askApply(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	if !known(v.session) {
		return p.needIdentity(v)
	}
	return p.showApply(v, http.StatusOK, identity.NewApplication{Country: "BE"}, false, nil)
}

func (p *Portal) showApply(v *visitor, status int, typed identity.NewApplication, agreed bool, faults web.Faults) error {
	page := applyPage{frame: v.frame("/portal/account"), Given: v.session.Given, Family: v.session.Family, Typed: typed, Agreed: agreed,
		Countries: countryOptions(p.Web.Language(v))}
	page.Faults = faults
	return p.Web.Render(v, status, "portal/apply", page)
}

// apply files an application for a company account.
func (p *Portal) apply(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	typed := identity.NewApplication{Name: line(f, "legal_name"), Country: line(f, "company_country"), EnterpriseNumber: line(f, "enterprise_number"),
		VATNumber: line(f, "vat_number"), Email: line(f, "company_email"), Capacity: line(f, "capacity"), Language: p.Web.Language(v)}
	agreed := f.Get("company_terms") != ""
	if agreed {
		typed.Terms = termsVersion
	}
	a, err := p.Identity.FileApplication(v.ctx(), v.actor(), typed, func(a identity.Application) ([]byte, error) { return p.approvalForm(v, a) })
	if faults := p.identityFaults(err, companyFields); faults != nil {
		return p.showApply(v, http.StatusUnprocessableEntity, typed, agreed, faults)
	}
	if errors.Is(err, identity.ErrUnidentified) {
		return p.needIdentity(v)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/applications/"+a.ID)
}

// line is one line that somebody typed, or "" for what is none.
func line(f url.Values, name string) string {
	if s := f.Get(name); printable(s) {
		return s
	}
	return ""
}

// identityFaults says what is wrong with a form; nil when err is something else.
// fields maps names of the root to those of the form.
func (p *Portal) identityFaults(err error, fields map[string]string) (out web.Faults) {
	found, _ := errors.AsType[identity.FieldErrors](err)
	for _, f := range found {
		name, ok := fields[f.Field]
		if !ok {
			name = f.Field
		}
		if out.At(name) == nil { // one thing at a time
			out.Add(name, p.faultKey(f.Code, name))
		}
	}
	if errors.Is(err, identity.ErrTooMany) {
		out.Add("", "fault.too_many_open")
	}
	return out
}

type stopPage struct {
	frame
	Key  string // a stem of the words
	Next string // where to go on; empty: nowhere
}

// stop says in words of their own why something was not done.
func (p *Portal) stop(v *visitor, status int, key, next string) error {
	page := stopPage{v.frame(""), key, next}
	if v.token == "" {
		page.frame = public("/portal")
	}
	return p.Web.Render(v, status, "portal/stop", page)
}
