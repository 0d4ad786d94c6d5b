package portal

import (
	"errors"
	"net/http"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

const contactsPath = "/portal/contacts"

// contactsPage shows the addresses a person proved, those that wait for a code,
// and which of them may get registered mail.
type contactsPage struct {
	frame
	Contacts []identity.Contact
	Drafts   []identity.ContactDraft
	Version  string // of the text on registered mail
	Email    string // as typed
	Mobile   string
	EmailOwn bool
	SMSOwn   bool
}

func (p *Portal) contacts(v *visitor) error {
	return p.showContacts(v, http.StatusOK, contactsPage{})
}

func (p *Portal) showContacts(v *visitor, status int, page contactsPage) (err error) {
	faults := page.Faults
	page.frame, page.Version = v.frame("/portal/account"), onlineVersion
	page.Faults = faults
	if page.Contacts, err = p.Identity.Contacts(v.ctx(), v.actor()); err != nil {
		return err
	}
	if page.Drafts, err = p.Identity.ContactDrafts(v.ctx(), v.actor()); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/contacts", page)
}

// addContact sends a code to a new address.
func (p *Portal) addContact(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	kind, own := f.Get("kind"), f.Get("own") != ""
	page := contactsPage{}
	value := one(f, "email")
	if page.Email, page.EmailOwn = value, own; kind == "sms" {
		value = international(one(f, "mobile"))
		page = contactsPage{Mobile: value, SMSOwn: own}
	}
	if err = p.Identity.AskContact(v.ctx(), v.actor(), kind, value, own); err == nil {
		return v.Redirect(http.StatusSeeOther, contactsPath+"#codes")
	}
	status, err := p.typed(&page.Faults, err)
	if err != nil {
		return err
	}
	return p.showContacts(v, status, page)
}

// confirmContact takes the code that came to a new address.
func (p *Portal) confirmContact(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	kind := f.Get("kind")
	err = p.Identity.ConfirmContact(v.ctx(), v.actor(), kind, digitsOf(one(f, "code")))
	page := contactsPage{}
	switch {
	case err == nil:
		return v.Redirect(http.StatusSeeOther, contactsPath)
	case errors.Is(err, identity.ErrCode):
		page.Add("code-"+kind, "fault.code")
	case errors.Is(err, identity.ErrTooManyCodes):
		page.Add("code-"+kind, "fault.too_many_codes")
	case errors.Is(err, identity.ErrLoginTaken):
		page.Add("code-"+kind, "fault.login_taken")
	default:
		return err
	}
	return p.showContacts(v, http.StatusUnprocessableEntity, page)
}

func (p *Portal) removeContact(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	if err := p.Identity.RemoveContact(v.ctx(), v.actor(), v.Param("id")); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, contactsPath)
}

// preferOnline gives or withdraws consent to registered mail at one address.
// Withdrawing takes no second factor: nobody is held to it.
func (p *Portal) preferOnline(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	on, version := f.Get("on") != "", f.Get("version")
	if on && version != onlineVersion {
		return web.ErrBadInput
	}
	err = p.Identity.PreferOnline(v.ctx(), v.actor(), v.Param("id"), on, version, p.Web.Language(v))
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return err
	}
	return v.Redirect(http.StatusSeeOther, contactsPath) // pressed twice: it is as it was asked
}
