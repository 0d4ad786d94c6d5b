package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eidtest"
)

// TestPeople is the life of two account holders in real browsers: they sign up,
// show who they are with each means, lose a telephone and come back, found a
// company, act for it under a mandate, and leave.
func TestPeople(t *testing.T) {
	if testing.Short() {
		t.Skip("minutes in four browsers: make test runs it")
	}
	t.Parallel()
	w := newTown(t)
	an := w.citizen("Annelies", "Verhaegen", "1985-07-30", eidtest.NationalNumber("850730", 997, false))
	an.signUp("/portal/sign-up")
	an.signIn()
	an.enrol()
	for _, method := range []string{identity.MethodItsme, identity.MethodWallet, identity.MethodWebEID, identity.MethodStatement} {
		an.identifies(method)
	}
	an.addPasskey()
	an.byPasskey()
	an.losesEverything()
	company := an.founds("Verhaegen Verhuur bv", "0671516647")
	bram := w.citizen("Bram", "Claes", "1991-02-11", eidtest.NationalNumber("910211", 997, false))
	an.invites(bram, "sender")
	an.grants(bram, "send")
	mandate := bram.sendsFor(company)
	an.withdraws(mandate)
	bram.cannotSend()
	bram.leaves()
	an.closes()
}

// identifies shows who one is with a means: R2, R15.
func (c *citizen) identifies(method string) {
	c.t.Helper()
	c.open("/portal/identify")
	c.press(`form[action="/portal/identify"] button`, "/identify/")
	c.again()
	c.proves(method)
	if !strings.HasPrefix(c.at(), "/portal") || strings.Contains(c.at(), "refused") {
		c.t.Fatalf("%s: not identified with %s, at %s\n%s", c.name, method, c.at(), c.text())
	}
	var got string
	err := c.town.pool.QueryRow(context.Background(), `
SELECT i.method || ' ' || i.level FROM person p JOIN identification i ON i.id = p.identification_id WHERE p.email = $1`, c.person.Email).Scan(&got)
	if err != nil || got != method+" high" {
		c.t.Fatalf("%s is proven by %q, want %s: %v", c.name, got, method, err)
	}
}

// byPasskey signs out, and in again with the passkey alone.
func (c *citizen) byPasskey() {
	c.t.Helper()
	c.open("/portal/account")
	c.press(`form[action$="/sign-out"] button`)
	c.open("/portal/sign-in")
	c.press(`form[action$="/sign-in/passkey"] button`, "/portal$") // the page in between asks the device by itself
	c.open("/portal/account")
	c.shows(c.person.Family)
}

// losesEverything comes back without password, telephone and passkey: R28. The
// day that recovery waits is taken out of the database, which is the only clock
// that counts.
func (c *citizen) losesEverything() {
	c.t.Helper()
	c.open("/portal/account")
	c.press(`form[action$="/sign-out"] button`)
	c.secret, c.step, c.person.Password = "", 0, "een nieuwe zin na het verlies"
	c.recovers("/portal/recovery/wait")
	c.received("recovery_started", c.person.Email, 1)
	c.received("recovery_started", c.person.Mobile, 1)
	if _, err := c.town.pool.Exec(context.Background(), `
UPDATE recovery SET started_at = started_at - interval '25 hours', ready_at = ready_at - interval '25 hours', expires_at = expires_at - interval '25 hours'`); err != nil {
		c.t.Fatal(err)
	}
	c.recovers("/portal/recovery/password")
	c.fill("new_password", c.person.Password)
	c.press(`form[action$="/recovery/password"] button`, "/portal/factors")
	c.received("recovery_done", c.person.Email, 1)
	c.enrol()
	c.open("/portal/account")
	if strings.HasPrefix(c.at(), "/portal/account") {
		c.press(`form[action$="/sign-out"] button`)
	}
	c.signIn()
}

func (c *citizen) recovers(to string) {
	c.t.Helper()
	c.open("/portal/recovery")
	c.fill("login", c.person.Email)
	c.press(`form[action="/portal/recovery"] button`, "/identify/")
	c.proves(identity.MethodItsme)
	if !strings.HasPrefix(c.at(), to) {
		c.t.Fatalf("%s: at %s, not at %s\n%s", c.name, c.at(), to, c.text())
	}
}

// founds files an application, brings a scan of the signed form, and has two
// operators confirm it.
func (c *citizen) founds(name, number string) (company string) {
	c.t.Helper()
	c.open("/portal/applications/new")
	c.again()
	c.fill("legal_name", name, "enterprise_number", number, "company_email", "info@verhuur.example", "capacity", "Zaakvoerder")
	c.do(chromedp.Click(chromedp.CSS("#company_terms")))
	c.press(`form[action="/portal/applications"] button`, "/portal/applications/")
	files, err := playDocuments()
	if err != nil {
		c.t.Fatal(err)
	}
	scan := filepath.Join(c.t.TempDir(), "scan.pdf")
	if err := os.WriteFile(scan, files["opzegging.pdf"], 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.do(chromedp.SetUploadFiles(chromedp.CSS("#form"), []string{scan}))
	c.press(`form[action$="/form"] button`, "/portal/applications/")
	c.again()
	for _, login := range []string{"lotte", "karim"} {
		c.town.operator(login).confirms(name)
	}
	c.received("application_approved", c.person.Email, 1)
	if err := c.town.pool.QueryRow(context.Background(), `SELECT id FROM account WHERE enterprise_number = $1`, number).Scan(&company); err != nil {
		c.t.Fatal(err)
	}
	c.acts(company)
	return company
}

// acts goes on in another account of the same person, unless it is that already.
func (c *citizen) acts(account string) {
	c.t.Helper()
	c.open("/portal/account")
	other := `form:has(input[name="account"][value="` + account + `"]) button`
	if script[bool](c.chrome, "!!document.querySelector(`"+other+"`)") {
		c.press(other)
	}
}

// operator is one of the demonstration's account holders, who are operators too.
func (w *town) operator(login string) *citizen {
	w.t.Helper()
	if w.seeds.SignIns == nil {
		var err error
		if w.seeds, err = seed(context.Background(), w.app, w.t.TempDir()); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, s := range w.seeds.SignIns {
		if s.Login != login {
			continue
		}
		o := &citizen{chrome: newChrome(w.t, w.base, "operator-"+login), town: w, secret: s.TOTPSecret, step: time.Now().Unix()/30 - 1, // seeding took the one before
			person: identity.NewPerson{Email: login, Password: s.Password}}
		o.open("/?lang=en")
		o.signIn()
		return o
	}
	w.t.Fatalf("nobody is called %s", login)
	return nil
}

func (c *citizen) confirms(company string) {
	c.t.Helper()
	c.open("/operator")
	c.shows(company)
	c.press(`main tbody a`, "/operator/applications/")
	c.press(`form[action$="/confirm"] button`, "/operator")
}

// invites asks somebody into the company, who signs up for that.
func (c *citizen) invites(other *citizen, role string) {
	c.t.Helper()
	c.open("/portal/people")
	c.again()
	c.fill("invite_email", other.person.Email)
	c.do(chromedp.Click(chromedp.CSS(`input[name="member_role"][value="` + role + `"]`)))
	c.press(`form[action="/portal/people"] button`, "/portal/people")
	other.open(other.link("invitation", other.person.Email, 1))
	other.press(`a.button.second`, "/portal/sign-up")
	other.signUp("/portal/sign-up")
	other.signIn()
	other.enrol()
	other.identifies(identity.MethodItsme)
	other.open(other.link("invitation", other.person.Email, 1))
	other.press(`form[action^="/portal/invitation/"] button`)
}

// grants signs a mandate for somebody, by approving its text.
func (c *citizen) grants(other *citizen, power string) {
	c.t.Helper()
	c.open("/portal/mandates/new")
	c.again()
	c.do(chromedp.Click(chromedp.CSS("#power_" + power)))
	script[chromedp.Void](c.chrome, `{ const s = document.querySelector("#grantee"); s.value = [...s.options].find(o => o.text.includes("`+other.person.Family+`")).value; }`)
	c.press(`form[action="/portal/mandates"] button`, "/identify/")
	c.shows(other.person.Family)
	c.proves(identity.MethodItsme)
	if !strings.HasPrefix(c.at(), "/portal/mandates") {
		c.t.Fatalf("%s: no mandate, at %s\n%s", c.name, c.at(), c.text())
	}
	other.received("mandate_granted", other.person.Email, 1)
}

// sendsFor sends a message for the company, and looks at what its evidence says.
func (c *citizen) sendsFor(company string) (mandate string) {
	c.t.Helper()
	c.acts(company)
	c.writes()
	c.press(`.actions button`, "/portal/messages/")
	ctx := context.Background()
	if err := c.town.pool.QueryRow(ctx, `SELECT m.id FROM mandate m JOIN person p ON p.id = m.person_id WHERE m.account_id = $1 AND p.email = $2`,
		company, c.person.Email).Scan(&mandate); err != nil {
		c.t.Fatal(err)
	}
	var event string
	if err := c.town.pool.QueryRow(ctx, `SELECT e.body FROM erds_event e JOIN delivery d ON d.id = e.delivery_id WHERE d.account_id = $1 AND e.seq = 1`, company).Scan(&event); err != nil {
		c.t.Fatal(err)
	}
	for _, want := range []string{mandate, "Verhaegen Verhuur bv", "LoA/substantial"} {
		if !strings.Contains(event, want) {
			c.t.Errorf("the event of the submission does not name %q:\n%s", want, event)
		}
	}
	if strings.Contains(event, c.person.Family) || strings.Contains(event, c.number) { // R5
		c.t.Errorf("the event of the submission gives somebody of the company away:\n%s", event)
	}
	return mandate
}

// writes composes a message, to the page that asks whether it is right.
func (c *citizen) writes() {
	c.t.Helper()
	c.open("/portal/new")
	c.fill("subject", "Opzegging", "body", "Wij zeggen op.", "r0-given", "Amina", "r0-family", "Janssens", "r0-email", "amina@post.example",
		"r0-mobile", "+32470000001", "r0-line1", "Vlasmarkt 7", "r0-postcode", "9000", "r0-city", "Gent")
	c.press(`.actions button[value="check"]`, "/portal/new")
}

// withdraws ends a mandate: it no longer holds from this moment.
func (c *citizen) withdraws(mandate string) {
	c.t.Helper()
	c.open("/portal/mandates/" + mandate)
	c.press(`form[action$="/withdraw"] button`)
	c.again()
	if script[bool](c.chrome, `!!document.querySelector('form[action$="/withdraw"] button')`) {
		c.press(`form[action$="/withdraw"] button`)
	}
}

func (c *citizen) cannotSend() {
	c.t.Helper()
	c.received("mandate_withdrawn", c.person.Email, 1)
	before, had := c.town.kept(c.t)
	c.writes()
	c.press(`.actions button`)
	after, waiting := c.town.kept(c.t)
	if !strings.HasPrefix(c.at(), "/portal/drafts/") || after != before || waiting != had+1 { // a colleague may release it
		c.t.Fatalf("%s: without a mandate: at %s, %d messages of %d before, %d drafts wait\n%s", c.name, c.at(), after, before, waiting, c.text())
	}
}

// kept counts the messages that were sent, and the drafts that wait for release.
func (w *town) kept(t *testing.T) (messages, waiting int) {
	t.Helper()
	if err := w.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM draft WHERE state = 'waiting')`).
		Scan(&messages, &waiting); err != nil {
		t.Fatal(err)
	}
	return messages, waiting
}

// leaves leaves the company, and keeps the own account: R7.
func (c *citizen) leaves() {
	c.t.Helper()
	c.open("/portal/leave")
	c.do(chromedp.Click(chromedp.CSS("#sure-leave")))
	c.press(`form:has(#sure-leave) button`)
	c.again()
	c.signIn()
	c.open("/portal/account")
	c.shows(c.person.Family)
}

// closes closes both accounts: the company first.
func (c *citizen) closes() {
	c.t.Helper()
	for range 2 {
		c.open("/portal/leave")
		c.do(chromedp.Click(chromedp.CSS("#sure-close")))
		c.press(`form:has(#sure-close) button`)
		c.again()
		if script[bool](c.chrome, `!!document.querySelector('form[action="/portal/leave"] button')`) {
			c.press(`form[action="/portal/leave"] button`)
		}
		c.open("/portal/sign-in")
		c.fill("login", c.person.Email, "password", c.person.Password, "code", c.totp())
		c.press(`form[action="/portal/sign-in"] button`)
	}
	c.received("account_closed", c.person.Email, 2)
	if !strings.HasPrefix(c.at(), "/portal/sign-in") {
		c.t.Errorf("%s: signed in to a closed account, at %s\n%s", c.name, c.at(), c.text())
	}
}
