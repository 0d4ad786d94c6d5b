package portal

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

type clientPage struct {
	frame
	Form    keyForm
	JWKS    string // as typed
	JWKSURL string
	Token   string // address of the token endpoint
}

// askClient shows the form of a client.
func (p *Portal) askClient(v *visitor) error { return p.showClient(v, http.StatusOK, nil, nil) }

func (p *Portal) showClient(v *visitor, status int, typed url.Values, faults web.Faults) (err error) {
	page := clientPage{frame: v.frame("/portal/keys"), JWKS: typed.Get("client_jwks"), JWKSURL: typed.Get("client_jwks_url"),
		Token: p.Deliveries.BaseURL + "/api/v1/oauth/token"}
	page.Faults = faults
	if page.Form, err = p.keyForm(v, typed); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/client", page)
}

// createClient registers a client of the account.
func (p *Portal) createClient(v *visitor) error {
	if ok, err := p.proven(v); !ok {
		return err
	}
	if ok, err := p.fresh(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	n, faults := p.newKey(f)
	if len(faults) == 0 {
		var k identity.Key
		k, err = p.Identity.MakeClient(v.ctx(), v.actor(), v.session.Account, identity.NewClient{NewKey: n, JWKS: f.Get("client_jwks"), JWKSURL: f.Get("client_jwks_url")})
		if err == nil {
			return v.Redirect(http.StatusSeeOther, "/portal/keys/"+k.ID)
		}
		if faults = p.keyFaults(err); faults == nil {
			return err
		}
	}
	return p.showClient(v, http.StatusUnprocessableEntity, f, faults)
}

type certificatesPage struct {
	frame
	List     []identity.Certificate
	Demanded bool
	Name     string // as typed
	PEM      string
	Subject  string
}

// certificates shows which certificates the account's software has.
func (p *Portal) certificates(v *visitor) error {
	return p.showCertificates(v, http.StatusOK, certificatesPage{}, nil)
}

func (p *Portal) showCertificates(v *visitor, status int, page certificatesPage, faults web.Faults) (err error) {
	page.frame = v.frame("/portal/keys")
	page.Faults, page.chrome.Wide = faults, true
	if page.List, page.Demanded, err = p.Identity.Certificates(v.ctx(), v.actor(), v.session.Account); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/certificates", page)
}

func (p *Portal) registerCertificate(v *visitor) error {
	if ok, err := p.proven(v); !ok {
		return err
	}
	if ok, err := p.fresh(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	page := certificatesPage{Name: f.Get("certificate_name"), PEM: f.Get("certificate"), Subject: f.Get("certificate_subject")}
	_, err = p.Identity.RegisterCertificate(v.ctx(), v.actor(), v.session.Account, identity.NewCertificate{Name: page.Name, PEM: page.PEM, Subject: page.Subject})
	if faults := p.identityFaults(err, map[string]string{"name": "certificate_name"}); faults != nil {
		return p.showCertificates(v, http.StatusUnprocessableEntity, page, faults)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/keys/certificates")
}

func (p *Portal) revokeCertificate(v *visitor) error {
	return p.endKey(v, p.Identity.RevokeCertificate, "/portal/keys/certificates")
}

// demandCertificates says whether live keys answer only with a certificate.
func (p *Portal) demandCertificates(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	err = p.Identity.DemandCertificates(v.ctx(), v.actor(), v.session.Account, f.Get("demand") == "on")
	if errors.Is(err, identity.ErrCertificate) {
		var faults web.Faults
		faults.Add("", "fault.no_certificate")
		return p.showCertificates(v, http.StatusConflict, certificatesPage{}, faults)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/keys/certificates")
}
