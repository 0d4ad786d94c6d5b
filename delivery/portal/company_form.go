package portal

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

type applicationPage struct {
	frame
	A       identity.Application
	Number  string // enterprise number as people write it
	Country string
	Forms   []identity.ApprovalForm
	Open    bool // waits for the form
	Bytes   int64
}

// application shows the applicant where an application stands.
func (p *Portal) application(v *visitor) error { return p.showApplication(v, http.StatusOK, nil) }

func (p *Portal) showApplication(v *visitor, status int, faults web.Faults) error {
	a, err := p.Identity.Application(v.ctx(), v.actor(), v.Param("id"))
	if err != nil {
		return err
	}
	if a.Person != v.session.Person {
		return web.ErrNotFound // an operator looks at it elsewhere
	}
	page := applicationPage{frame: v.frame("/portal/account"), A: a, Number: enterpriseNumber(a.EnterpriseNumber), Country: countryName(p.Web.Language(v), a.Country),
		Open: a.State == identity.ApplicationFiled, Bytes: identity.MaxApprovalForm}
	page.Faults = faults
	if page.Forms, err = p.Identity.ApprovalForms(v.ctx(), v.actor(), a.ID); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/application", page)
}

// blankForm gives the form that a legal representative is to sign.
func (p *Portal) blankForm(v *visitor) error {
	b, err := p.Identity.BlankForm(v.ctx(), v.actor(), v.Param("id"))
	if err != nil {
		return err
	}
	return givePDF(v, "approval-"+v.Param("id")+".pdf", b)
}

// signedForm gives back a form as it was brought.
func (p *Portal) signedForm(v *visitor) error {
	b, err := p.Identity.SignedForm(v.ctx(), v.actor(), v.Param("id"), v.Param("form"))
	if err != nil {
		return err
	}
	return givePDF(v, "approval-"+v.Param("id")+"-signed.pdf", b)
}

// givePDF answers with a file to keep. What others made is never shown inside
// our own pages.
func givePDF(v *visitor, name string, b []byte) error {
	h := v.Response().Header()
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	return v.Blob(http.StatusOK, "application/pdf", b)
}

// bringForm takes the signed form.
func (p *Portal) bringForm(v *visitor) error {
	var pdf []byte
	_, err := readForm(v.Request(), func(part *multipart.Part) (err error) {
		if part.FormName() == "form" && pdf == nil {
			pdf, err = io.ReadAll(io.LimitReader(part, identity.MaxApprovalForm+1))
		}
		return err
	})
	if err != nil {
		return err
	}
	a, err := p.Identity.AttachForm(v.ctx(), v.actor(), v.Param("id"), pdf)
	faults := p.identityFaults(err, map[string]string{"form": "form"})
	status := http.StatusUnprocessableEntity
	switch {
	case errors.Is(err, identity.ErrUnchecked):
		p.Log.WarnContext(v.ctx(), "approval form could not be checked", "application", v.Param("id"), "error", err)
		faults.Add("form", "fault.form_unchecked")
		status = http.StatusServiceUnavailable
	case errors.Is(err, identity.ErrMoved):
		faults.Add("", "fault.application_moved")
		status = http.StatusConflict
	case err != nil && faults == nil:
		return err
	}
	if len(faults) > 0 {
		return p.showApplication(v, status, faults)
	}
	return v.Redirect(http.StatusSeeOther, "/portal/applications/"+a.ID)
}

// countryName names a country in a language.
func countryName(lang, code string) string {
	region, err := language.ParseRegion(code)
	if err != nil {
		return code
	}
	return display.Regions(language.Make(lang)).Name(region)
}
