package portal_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/identity"
)

// signer is a face on which tests sign what was opened for signing.
func (r *rig) signer(proof func(l identity.Login) identity.Proof) *httptest.Server {
	r.t.Helper()
	face, err := portal.New(r.config)
	r.must(err)
	e := r.config.Web.Echo()
	e.POST("/signed/:id", func(c echo.Context) error {
		l, err := r.people.Login(c.Request().Context(), c.Param("id"), r.config.Web.ErrandSecret(c, c.Param("id")))
		if err != nil {
			return c.String(http.StatusTeapot, err.Error())
		}
		return face.GrantMandate(c, l, proof(l))
	})
	s := httptest.NewServer(e)
	r.t.Cleanup(s.Close)
	return s
}

// proofOf is what a means proves of a person of the rig who approved a text.
func (r *rig) proofOf(person string, l identity.Login) identity.Proof {
	return identity.Proof{Method: identity.MethodItsme, Provider: "https://idp.example", Subject: person, Given: "Lotte", Family: "Peeters",
		Level: identity.LevelHigh, At: r.now(), Token: []byte("t"), Approved: l.Approve}
}

// A mandate is written, signed in the session that wrote it, seen by both, and
// withdrawn.
func TestMandatePages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	els := r.citizen("els")
	r.must(r.people.AddMember(t.Context(), identity.System, r.account, els.person, identity.Sender))
	lotte := &citizen{browser: r.lotte(), secret: r.secret, person: r.person}
	whose := r.person
	s := r.signer(func(l identity.Login) identity.Proof { return r.proofOf(whose, l) })

	lotte.to("/portal/mandates/new").submit("/portal/mandates", url.Values{"grantee": {r.person}, "mandate_from": {"yesterday"}, "mandate_classes": {"HR"}, "power_send": nil, "power_receive": nil, "power_administer": nil}).
		want(http.StatusUnprocessableEntity, "/mandates").shows("Enter a date")
	lotte.submit("/portal/mandates", url.Values{"grantee": {r.person}, "mandate_from": {""}, "mandate_classes": {"HR"}, "power_send": nil, "power_receive": nil, "power_administer": nil}).
		want(http.StatusUnprocessableEntity, "/mandates").shows("Choose at least one power", "Use small letters")
	open := func() string {
		lotte.again().to("/portal/mandates/new").submit("/portal/mandates", url.Values{"grantee": {els.person}, "power_send": {"on"}, "power_receive": nil, "power_administer": nil,
			"mandate_classes": {"facturen, personeel"}, "mandate_until": {r.now().AddDate(0, 6, 0).Format(time.DateOnly)}})
		if !strings.HasPrefix(lotte.at.Path, "/identify/") {
			t.Fatalf("at %s: %s", lotte.at, lotte.text())
		}
		return "/signed/" + strings.TrimPrefix(lotte.at.Path, "/identify/")
	}
	path := open()
	text := r.one(`SELECT approve FROM login WHERE purpose = 'mandate'`)
	for _, want := range []string{"MANDATE with", "Principal: Immo Zilverlinde bv", "Grantee: Lotte Peeters", "send and withdraw registered messages", "facturen, personeel", "Until and including: ", "Number: " + r.one(`SELECT id::text FROM mandate_draft`)} {
		if !strings.Contains(text, want) {
			t.Errorf("the text does not say %q:\n%s", want, text)
		}
	}
	for _, c := range text {
		if c > 0xff && c != '€' {
			t.Errorf("%q is in no code page of old apps", c)
		}
	}

	els.post(s.URL+path, nil)
	if els.status != http.StatusTeapot {
		t.Errorf("signed without the cookie of the errand: %d", els.status)
	}
	whose = els.person
	lotte.post(s.URL+path, nil).want(http.StatusConflict, path).shows("Somebody else signed")
	whose = r.person
	r.pass(6 * time.Minute)
	lotte.again() // a new token: the errand belongs to the session of before
	lotte.post(s.URL+path, nil).want(http.StatusConflict, path).shows("belongs to another sign-in")
	path = open()
	lotte.post(s.URL+path, nil)
	if lotte.status != http.StatusOK && lotte.status != http.StatusNotFound { // the redirect leads back to the other server
		t.Errorf("signed: %d %s", lotte.status, lotte.text())
	}
	id := r.one(`SELECT id::text FROM mandate WHERE proof_kind = 'approval'`)
	lotte.to("/portal/mandates/"+id).want(http.StatusOK, id).shows("by confirming it with a means of identification", "in force")
	els.to("/portal/mandates").shows("Immo Zilverlinde bv", "facturen")
	els.again().to("/portal/mandates/"+id).submit("/withdraw", nil).want(http.StatusOK, id).shows("withdrawn")
	founder := r.one(`SELECT id::text FROM mandate WHERE proof_kind <> 'approval' AND account_id = $1`, r.account)
	lotte.again().to("/portal/mandates/"+founder).submit("/withdraw", nil).want(http.StatusConflict, "/withdraw").shows("last mandate to administer")
	if n := r.count(`SELECT count(*) FROM mandate WHERE proof_kind = 'approval'`); n != 1 {
		t.Errorf("%d mandates", n)
	}
}

// A private person names a standing delegate by login and family name.
func TestDelegatePage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	an, els := r.citizen("an"), r.citizen("els")
	for _, c := range [][2]string{{"els", "Maes"}, {"nobody", "Peeters"}, {"els", ""}} {
		an.to("/portal/mandates/new").submit("/portal/mandates", url.Values{"grantee": {c[0]}, "grantee_family": {c[1]}}).
			want(http.StatusUnprocessableEntity, "/mandates").shows("We find nobody")
	}
	an.again().to("/portal/mandates/new").submit("/portal/mandates", url.Values{"grantee": {"els"}, "grantee_family": {"peeters"}})
	s := r.signer(func(l identity.Login) identity.Proof { return r.proofOf(an.person, l) })
	an.post(s.URL+"/signed/"+strings.TrimPrefix(an.at.Path, "/identify/"), nil)
	els.to("/portal/mandates").shows("Lotte Peeters", "receive")
	var powers string
	r.must(r.pool.QueryRow(t.Context(), `SELECT powers::text FROM mandate WHERE account_id = $1`, an.account).Scan(&powers))
	if powers != "{receive}" {
		t.Errorf("powers %s", powers)
	}
}

// The pages about companies in a browser: what axe finds, on a phone and a desk.
func TestCompanyScreens(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	an, one := r.citizen("an"), r.operator("one")
	path := an.filed()
	an.upload(path+"/form", "form", []byte("%PDF-1.4 scan"))
	open := an.filed()
	r.must(r.people.Invite(t.Context(), identity.Actor{Kind: identity.ActorPerson, Subject: r.person, Account: r.account}, "els@firma.example", identity.Sender, "nl"))
	facts, err := r.people.NoteFacts(t.Context(), r.post.to(t, "els@firma.example"))
	r.must(err)
	mandate := r.one(`SELECT id::text FROM mandate WHERE account_id = $1`, r.account)
	for _, c := range []struct {
		lang, name    string
		width, height int64
		scheme        string
	}{{"nl", "phone", 360, 740, "light"}, {"fr", "desk", 1280, 900, "dark"}} {
		t.Run(fmt.Sprint(c.lang, c.name), func(t *testing.T) {
			look := func(login, secret string, pages map[string]string) {
				s := newScreen(r, c.lang, c.name, c.width, c.height, c.scheme)
				s.open("sign-in-"+login, "/portal/sign-in?lang="+c.lang)
				s.fill("login", login)
				s.fill("password", password)
				s.fill("code", r.code(secret))
				s.follow(`form[action="/portal/sign-in"] button[type=submit]`, "/portal")
				for name, p := range pages {
					s.open(name, p)
				}
			}
			look("an", an.secret, map[string]string{"applications": "/portal/applications", "apply": "/portal/applications/new", "application-open": open, "application": path,
				"grant-private": "/portal/mandates/new", "invitation": facts.Path, "mandates-none": "/portal/mandates"})
			look("lotte", r.secret, map[string]string{"people": "/portal/people", "member": "/portal/people/" + r.person, "mandates": "/portal/mandates", "mandate": "/portal/mandates/" + mandate})
			look("one", one.secret, map[string]string{"queue": "/operator", "case": "/operator" + strings.TrimPrefix(path, "/portal"), "accounts": "/operator/accounts", "one-account": "/operator/accounts/" + r.account})
		})
	}
}
