package portal_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
)

// citizen is a person with a private account, known and with an authenticator.
type citizen struct {
	*browser
	person, account, secret string
}

func (r *rig) citizen(login string) *citizen {
	r.t.Helper()
	account, person, err := r.people.CreateAccount(r.t.Context(), identity.NewAccount{Kind: identity.Private, Country: "BE"}, r.newPerson(login))
	r.must(err)
	c := &citizen{person: person, account: account, secret: r.enrol(person)}
	r.prove(person)
	c.browser = r.signedIn(login, c.secret)
	return c
}

func (r *rig) operator(login string) *citizen {
	r.t.Helper()
	c := r.citizen(login)
	r.must(r.people.AddOperator(r.t.Context(), identity.System, c.person, "board"))
	return c
}

// again shows both factors once more: each step of a long test takes a while.
func (c *citizen) again() *citizen {
	c.r.t.Helper()
	if c.to("/portal/again"); c.at.Path == "/portal/again" {
		c.submit("/portal/again", url.Values{"password": {password}, "code": {c.r.code(c.secret)}})
	}
	return c
}

func application() url.Values {
	return url.Values{"legal_name": {"Zilverlinde <b>bv</b>"}, "company_country": {"BE"}, "enterprise_number": {"0671.516.647"}, "vat_number": {"BE0671516647"},
		"company_email": {"info@zilverlinde.example"}, "capacity": {"bestuurder"}, "company_terms": {"on"}}
}

// upload sends a file as the form of the page would.
func (b *browser) upload(path, field string, content []byte) *browser {
	b.r.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile(field, "form.pdf")
	b.r.must(err)
	_, err = part.Write(content)
	b.r.must(err)
	b.r.must(w.Close())
	q, err := http.NewRequestWithContext(b.r.t.Context(), http.MethodPost, b.r.server.URL+path, &body)
	b.r.must(err)
	q.Header.Set("Content-Type", w.FormDataContentType())
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(q)
}

// filed is the path of a new application.
func (c *citizen) filed() string {
	c.r.t.Helper()
	c.to("/portal/applications/new").submit("/portal/applications", application())
	if c.status != http.StatusOK {
		c.r.t.Fatalf("not filed (%d): %s", c.status, c.text())
	}
	return c.at.Path
}

// A person founds a company, without a script: files, brings a scan, and two
// operators confirm.
func TestFoundCompany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	an, one, two := r.citizen("an"), r.operator("one"), r.operator("two")
	an.to("/portal/applications").want(http.StatusOK, "/applications").shows("No applications yet")
	bad := application()
	bad["enterprise_number"], bad["company_terms"], bad["vat_number"] = []string{"0671516648"}, nil, []string{"FR12345678901"}
	an.to("/portal/applications/new").submit("/portal/applications", bad).want(http.StatusUnprocessableEntity, "/applications").
		shows("not a Belgian enterprise number", "Without agreement to the terms", "not a VAT number of the chosen country")
	path := an.filed()
	an.shows("Waits for the signature", "Zilverlinde <b>bv</b>", "0671.516.647").hides("<b>bv")

	an.get(r.server.URL+path+"/form").want(http.StatusOK, "/form")
	if an.header.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(an.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("form: %v", an.header)
	}
	blank := []byte(an.body)
	an.upload(path+"/form", "form", []byte("PK\x03\x04")).want(http.StatusUnprocessableEntity, "/form").shows("not a PDF")
	an.upload(path+"/form", "form", nil).want(http.StatusUnprocessableEntity, "/form").shows("Choose the signed form")
	an.upload(path+"/form", "form", append([]byte("%PDF-1.7"), make([]byte, identity.MaxApprovalForm)...)).want(http.StatusUnprocessableEntity, "/form").shows("larger than 5 MB")
	an.upload(path+"/form", "form", append([]byte("%PDF-1.4 scan of "), blank...)).want(http.StatusOK, path).shows("Being checked", "No valid e-signature")
	an.upload(path+"/form", "form", blank).want(http.StatusConflict, "/form")

	id := path[strings.LastIndex(path, "/")+1:]
	one.again().to("/operator").want(http.StatusOK, "/operator").shows("Zilverlinde", "To be checked by eye")
	one.to("/operator/applications/"+id).shows("A second operator then has to confirm", "No valid e-signature")
	one.submit("/confirm", nil).want(http.StatusOK, id).shows("one confirmation", "First confirmation")
	one.submit("/confirm", nil).want(http.StatusForbidden, "/confirm").shows("You may not decide this")
	an.to(path).shows("Being checked")
	two.again().to("/operator/applications/" + id).shows("Another operator confirmed already")
	two.submit("/confirm", nil).want(http.StatusOK, id).shows("Approved")
	two.post(r.server.URL+"/operator/applications/"+id+"/refuse", url.Values{"reason": {"x"}}).want(http.StatusConflict, "/refuse")

	an.again().to(path).shows("Approved").submit("/portal/account/switch", nil).want(http.StatusOK, "/portal")
	an.to("/portal/mandates").shows("Lotte Peeters", "send, receive, administer", "in force")
	an.to("/portal/people").shows("administrator", "an@firma.example")
	if n := r.count(`SELECT count(*) FROM account WHERE name LIKE 'Zilverlinde%' AND kind = 'company'`); n != 1 {
		t.Errorf("%d accounts", n)
	}
}

// The approval form says what is approved, in every language, and is a PDF that
// others read.
func TestApprovalForm(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"pdftotext", "qpdf"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is needed to read the form: apt-get install poppler-utils qpdf", tool)
		}
	}
	r := newRig(t)
	an := r.citizen("an")
	for lang, says := range map[string]string{"nl": "Goedkeuring van een bedrijfsaccount", "fr": "Approbation d’un compte d’entreprise",
		"de": "Genehmigung eines Unternehmenskontos", "en": "Approval of a company account"} {
		an.to("/portal/applications/new?lang=" + lang)
		long := application()
		if lang == "de" {
			long["legal_name"], long["capacity"] = []string{strings.Repeat("Łódź ", 39)}, []string{strings.Repeat("漢", 60)}
		}
		path := an.submit("/portal/applications", long).at.Path
		an.get(r.server.URL + path + "/form")
		file := filepath.Join(t.TempDir(), "form.pdf")
		r.must(os.WriteFile(file, []byte(an.body), 0o600))
		if out, err := exec.Command("qpdf", "--check", file).CombinedOutput(); err != nil {
			t.Errorf("%s: qpdf: %v\n%s", lang, err, out)
		}
		// Nothing of ours may stand where signatures show themselves, but where to sign.
		upper, err := exec.Command("pdftotext", "-layout", "-r", "72", "-x", "0", "-y", "0", "-W", "595", "-H", "545", file, "-").Output()
		r.must(err)
		for _, want := range []string{says, "0671.516.647", "BE0671516647", "info@zilverlinde.example", "Lotte Peeters", path[strings.LastIndex(path, "/")+1:]} {
			if !strings.Contains(string(upper), want) {
				t.Errorf("%s: the form does not say %q:\n%s", lang, want, upper)
			}
		}
		if dir := os.Getenv("BODE_SCREENSHOTS"); dir != "" {
			r.must(os.WriteFile(filepath.Join(dir, "approval-"+lang+".pdf"), []byte(an.body), 0o600))
			r.must(exec.Command("pdftoppm", "-r", "60", "-png", file, filepath.Join(dir, "approval-"+lang)).Run())
		}
	}
}

// Pages of operators exist for nobody else, and take two factors of just now.
func TestOperatorPagesAreHidden(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	an, one := r.citizen("an"), r.operator("one")
	path := an.filed()
	id := path[strings.LastIndex(path, "/")+1:]
	gets := []string{"/operator", "/operator/applications/" + id, "/operator/accounts", "/operator/accounts/" + r.account, "/operator/applications/" + id + "/forms/" + id}
	posts := []string{"/operator/applications/" + id + "/confirm", "/operator/applications/" + id + "/refuse", "/operator/applications/" + id + "/again",
		"/operator/accounts/" + r.account + "/suspend", "/operator/accounts/" + r.account + "/resume"}
	stranger := r.browser()
	r.pass(6 * time.Minute)
	an.again()
	for _, p := range gets {
		if an.to(p); an.status != http.StatusNotFound {
			t.Errorf("%s: %d for no operator", p, an.status)
		}
		stranger.to(p).want(http.StatusOK, "/portal/sign-in")
		if one.to(p); one.at.Path != "/portal/again" {
			t.Errorf("%s opens without showing the factors again: %s", p, one.at)
		}
	}
	for _, p := range posts {
		if an.post(r.server.URL+p, url.Values{"reason": {"x"}}); an.status != http.StatusNotFound {
			t.Errorf("POST %s: %d for no operator", p, an.status)
		}
		if one.post(r.server.URL+p, url.Values{"reason": {"x"}}); one.status != http.StatusUnauthorized {
			t.Errorf("POST %s: %d without showing the factors again", p, one.status)
		}
	}
	one.again()
	for _, p := range []string{"/operator/applications/x", "/operator/applications/" + r.account, "/operator/accounts/x", "/operator/accounts/" + id, "/operator?before=x",
		"/operator/applications/" + id + "/forms/x"} {
		if one.to(p); one.status != http.StatusNotFound {
			t.Errorf("%s: %d", p, one.status)
		}
	}
	if n := r.count(`SELECT count(*) FROM operator_act WHERE act <> 'operator_added'`); n != 0 {
		t.Errorf("%d acts", n)
	}
	one.to("/operator?state=filed").shows("Zilverlinde")
	one.to("/operator?state=nonsense&q=zilver").shows("There is nothing here")
	one.to("/operator/accounts?q=immo").shows("Immo Zilverlinde bv")
	one.to("/operator/accounts/"+r.account).submit("/suspend", url.Values{"reason": {""}}).want(http.StatusUnprocessableEntity, "/suspend").shows("Give a reason")
	one.submit("/suspend", url.Values{"reason": {"Faillissement"}}).want(http.StatusOK, r.account).shows("suspended", "Faillissement")
	lotte := r.lotte()
	lotte.to("/portal").want(http.StatusOK, "/portal").hides(`href="/portal/new"`)
	lotte.to("/portal/new").want(http.StatusForbidden, "/new")
	one.again().to("/operator/accounts/"+r.account).submit("/resume", url.Values{"reason": {"Opgelost"}}).want(http.StatusOK, r.account)
	lotte.to("/portal").shows("New message")
}

// What is somebody else's does not exist.
func TestCompanyForeign(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	an, piet := r.citizen("an"), r.citizen("piet")
	path := an.filed()
	mandate := r.one(`SELECT id::text FROM mandate WHERE account_id = $1`, r.account)
	piet.again()
	for _, p := range []string{path, path + "/form", path + "/forms/" + mandate, "/portal/applications/x", "/portal/mandates/" + mandate, "/portal/mandates/x"} {
		if piet.to(p); piet.status != http.StatusNotFound || strings.Contains(piet.body, "Zilverlinde") {
			t.Errorf("%s: %d", p, piet.status)
		}
	}
	piet.upload(path+"/form", "form", []byte("%PDF-1.7 x")).want(http.StatusNotFound, "/form")
	for _, p := range []string{"/portal/mandates/" + mandate + "/withdraw", "/portal/people/" + r.person, "/portal/people/" + r.person + "/remove", "/portal/invitations/" + mandate + "/withdraw"} {
		if piet.post(r.server.URL+p, url.Values{"member_role": {"reader"}}); piet.status != http.StatusNotFound {
			t.Errorf("POST %s: %d", p, piet.status)
		}
	}
	piet.to("/portal/people").want(http.StatusNotFound, "/people")
	if n := r.count(`SELECT count(*) FROM mandate WHERE revoked_at IS NOT NULL`); n != 0 {
		t.Error("a stranger withdrew a mandate")
	}
}

// An invited person joins, is made a colleague of another kind, and leaves.
func TestPeoplePagesOfCompany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	els, lotte := r.citizen("els"), &citizen{browser: r.lotte(), secret: r.secret, person: r.person}
	lotte.to("/portal/people").submit("/portal/people", url.Values{"invite_email": {"nobody"}, "member_role": {"owner"}, "language": {"en"}}).
		want(http.StatusUnprocessableEntity, "/people").shows("Enter an e-mail address", "Choose a role")
	lotte.to("/portal/people").submit("/portal/people", url.Values{"invite_email": {"els@firma.example"}, "member_role": {"billing"}, "language": {"en"}}).
		want(http.StatusOK, "/people").shows("els@firma.example", "billing")
	facts, err := r.people.NoteFacts(t.Context(), r.post.to(t, "els@firma.example"))
	r.must(err)

	r.browser().to(facts.Path+"?lang=en").want(http.StatusOK, facts.Path).shows("Immo Zilverlinde bv invites you", "Open an account").hides("Lotte", "els@firma")
	r.browser().to("/portal/invitation/x?lang=en").want(http.StatusGone, "/x").shows("no longer valid")
	r.browser().post(r.server.URL+facts.Path, nil).want(http.StatusUnauthorized, facts.Path)
	els.again().to(facts.Path).want(http.StatusOK, facts.Path).submit(facts.Path, nil).want(http.StatusOK, "/portal/account").shows("Immo Zilverlinde bv")
	els.to(facts.Path).want(http.StatusGone, facts.Path)
	for _, p := range []string{"/portal/messages/" + r.account, "/portal/new", "/portal/people", "/portal/mandates/new", "/portal/keys"} {
		if els.to(p); els.status != http.StatusForbidden {
			t.Errorf("billing at %s: %d", p, els.status)
		}
	}
	els.to("/portal/mandates").want(http.StatusOK, "/mandates")

	lotte.again().to("/portal/people/"+els.person).submit("/portal/people/"+els.person, url.Values{"member_role": {"owner"}}).want(http.StatusForbidden, els.person)
	lotte.to("/portal/people/"+els.person).submit("/portal/people/"+els.person, url.Values{"member_role": {"reader"}}).want(http.StatusOK, "/people").shows("reads")
	els.to("/portal").want(http.StatusOK, "/portal")
	lotte.to("/portal/people/"+r.person).submit("/portal/people/"+r.person, url.Values{"member_role": {"reader"}}).want(http.StatusConflict, r.person).shows("Appoint somebody else first")
	lotte.to("/portal/people/"+r.person).submit("/remove", nil).want(http.StatusConflict, "/remove").shows("Appoint somebody else first")
	lotte.to("/portal/people/"+els.person).submit("/remove", nil).want(http.StatusOK, "/people").hides("els@firma.example")
	els.to("/portal").want(http.StatusOK, "/portal/sign-in")
	if n := r.count(`SELECT count(*) FROM person WHERE login = 'els'`); n != 1 {
		t.Error("the private account went too (R7)")
	}
}
