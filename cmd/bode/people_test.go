package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eid"
	"github.com/bode-erds/bode/identity/eidtest"
	"github.com/bode-erds/bode/migrations/pgtest"
	"github.com/bode-erds/bode/notify/notifytest"
)

// town is the whole service at work on a name that passkeys can be bound to, with
// the demonstration's stand-ins and an authority for identity cards.
type town struct {
	*app
	t      *testing.T
	base   string
	stands *standIns
	cards  *eidtest.Authority
	notary *notary
	seeds  seeds
}

func newTown(t *testing.T) *town {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w := &town{t: t, base: "http://localhost:" + port}
	log, dir := slog.New(slog.DiscardHandler), openDir(t)
	if os.Getenv("BODE_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	if w.cards, err = eidtest.Start(eidtest.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.cards.Close() })
	if w.stands, err = startStandIns(dir, w.base, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.stands.Close() })
	out, err := w.stands.outside(dir, w.base, log)
	if err != nil {
		t.Fatal(err)
	}
	anchors, err := eid.NewAnchors(w.cards.Certificates()...)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := eid.New(eid.Config{Anchors: anchors, Responders: []string{w.cards.Host()}})
	if err != nil {
		t.Fatal(err)
	}
	webeid, err := eid.NewWebEID(verifier, w.base)
	if err != nil {
		t.Fatal(err)
	}
	w.notary = newNotary(t)
	out.means = append(out.means, webeid, w.notary.means())
	if w.app, err = build(pgtest.New(t), out, log); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- together(ctx, func(ctx context.Context) error { return w.answer(ctx, l) }, w.work)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("service: %v", err)
		}
		w.codes.Close()
	})
	return w
}

// citizen is somebody who uses the service in a browser.
type citizen struct {
	*chrome
	town   *town
	person identity.NewPerson
	born   string
	number string // national number
	secret string // of the authenticator
	codes  []string
	step   int64 // last step of the authenticator that was used
	card   bool  // an identity card is in the reader
}

func (w *town) citizen(given, family, born string, number string) *citizen {
	w.t.Helper()
	name := strings.ToLower(given)
	c := &citizen{chrome: newChrome(w.t, w.base, name), town: w, born: born, number: number, person: identity.NewPerson{Given: given, Family: family,
		Email: name + "@post.example", Mobile: "+3247000" + number[5:9], Language: "en", Password: "een zin die niemand raadt " + name}}
	c.open("/?lang=en")
	return c
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// received waits for the newest message of a kind to an address.
func (c *citizen) received(kind, to string, n int) notifytest.Message {
	c.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), pagePatience)
	defer stop()
	all, err := c.town.stands.catcher.Wait(ctx, n, func(m notifytest.Message) bool { return m.Kind == kind && m.To == to })
	if err != nil {
		c.t.Fatalf("%s: no %s to %s: %v", c.name, kind, to, err)
	}
	return all[len(all)-1]
}

func (c *citizen) code(kind, to string, n int) string {
	c.t.Helper()
	m := c.received(kind, to, n)
	code := sixDigits.FindString(m.Text)
	if code == "" {
		c.t.Fatalf("%s: no code in %q", c.name, m.Text)
	}
	return code
}

var anyLink = regexp.MustCompile(`https?://[^\s"<>]+`)

// link is where a message leads.
func (c *citizen) link(kind, to string, n int) string {
	c.t.Helper()
	m := c.received(kind, to, n)
	link := anyLink.FindString(m.Text)
	if link == "" {
		c.t.Fatalf("%s: no link in %q", c.name, m.Text)
	}
	return link
}

// totp is a code that was not used yet. The authenticator may be half a minute
// slow or fast, so three codes can be had at once, and then one in 30 seconds.
func (c *citizen) totp() string {
	c.t.Helper()
	now := func() int64 { return time.Now().Unix() / 30 }
	for c.step = max(c.step+1, now()-1); c.step > now()+1; <-time.After(200 * time.Millisecond) {
	}
	code, err := totp.GenerateCode(c.secret, time.Unix(30*c.step, 0))
	if err != nil {
		c.t.Fatal(err)
	}
	return code
}

// signUp opens a private account: R1, R4.
func (c *citizen) signUp(from string) {
	c.t.Helper()
	p := c.person
	c.open(from)
	c.fill("given", p.Given, "family", p.Family, "email", p.Email, "mobile", p.Mobile, "own_password", p.Password, "own_password_repeat", p.Password)
	c.do(chromedp.Click(chromedp.CSS("#terms")))
	c.press(`form[action="/portal/sign-up"] button`, "/codes")
	c.fill("email_code", c.code("contact_code", p.Email, 1), "sms_code", c.code("contact_code", p.Mobile, 1))
	c.press(`form[action$="/codes"] button`, "/portal/sign-in")
}

// signIn signs in with the password, and the authenticator when there is one.
func (c *citizen) signIn() {
	c.t.Helper()
	if !strings.HasPrefix(c.at(), "/portal/sign-in") {
		c.open("/portal/sign-in")
	}
	c.fill("login", c.person.Email, "password", c.person.Password)
	if c.secret != "" {
		c.fill("code", c.totp())
	}
	c.press(`form[action="/portal/sign-in"] button`)
	if strings.HasPrefix(c.at(), "/portal/sign-in") {
		c.t.Fatalf("%s: not signed in\n%s", c.name, c.text())
	}
}

// enrol adds an authenticator: R28 gives recovery codes with it.
func (c *citizen) enrol() {
	c.t.Helper()
	c.open("/portal/factors")
	c.press(`form[action$="/factors/authenticator"] button`, "/factors/authenticator")
	c.secret = strings.ReplaceAll(script[string](c.chrome, `document.querySelector("code.secret").textContent`), " ", "")
	if script[int](c.chrome, `document.querySelector("img.qr").naturalWidth`) < 100 {
		c.t.Error("no QR code")
	}
	c.fill("code", c.totp())
	c.press(`form[action$="/confirm"] button`, "")
	c.codes = script[[]string](c.chrome, `[...document.querySelectorAll("ol.codes code")].map(e => e.textContent)`)
	if len(c.codes) != 10 {
		c.t.Fatalf("%s: %d recovery codes\n%s", c.name, len(c.codes), c.text())
	}
}

// addPasskey lets the device make a passkey.
func (c *citizen) addPasskey() {
	c.t.Helper()
	c.device()
	c.open("/portal/factors")
	c.fill("passkey_name", "Telephone")
	c.press(`form[action$="/factors/passkeys"] button`, "#passkeys") // the page in between asks the device by itself
	c.shows("Telephone")
}

// again shows the factors once more where the page asks for them.
func (c *citizen) again() {
	c.t.Helper()
	if script[bool](c.chrome, `!!document.querySelector('form[action="/portal/again"]')`) {
		c.fill("password", c.person.Password, "code", c.totp())
		c.press(`form[action="/portal/again"] button`)
	}
}

// proves goes through an errand with a means, from the page of choices.
func (c *citizen) proves(method string) {
	c.t.Helper()
	begin := `form:has(input[value="` + method + `"]) button`
	switch method {
	case identity.MethodItsme:
		c.press(begin, c.town.stands.provider.Issuer())
		c.be("/answer", `button[value="approve"]`)
	case identity.MethodWallet:
		c.press(begin, "/begin", "/with")
		c.press(`a.button[href*="demo-wallet"]`, demoWalletPath)
		c.be("/answer", `button[value="share"]`)
	case identity.MethodStatement:
		c.press(begin, "/begin", "/with")
		c.do(chromedp.SetUploadFiles(chromedp.CSS("#document"), []string{c.signed(c.download(`a[href$="/statement.pdf"]`))}))
		c.press(`form[action$="/upload"] button`)
		return
	case identity.MethodWebEID:
		c.withCard()
		c.press(begin, "/begin", "/with")
		c.press(`form[data-webeid] button`)
		return
	}
	c.press(`form[action$="/finish"] button`)
}

// be fills in who one is at a stand-in, and presses.
func (c *citizen) be(action, button string) {
	c.t.Helper()
	c.do(chromedp.Click(chromedp.CSS(`input[name="person"][value="other"]`)))
	c.fill("given_name", c.person.Given, "family_name", c.person.Family, "birthdate", c.born, "national_number", c.number)
	c.press(`form[action$="`+action+`"] `+button, c.base)
}

// download takes the document that a link leads to, as the browser would.
func (c *citizen) download(link string) []byte {
	c.t.Helper()
	href := script[string](c.chrome, "document.querySelector(`"+link+"`).href")
	q, err := http.NewRequestWithContext(context.Background(), http.MethodGet, href, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, k := range c.cookies() {
		q.AddCookie(&http.Cookie{Name: k.Name, Value: k.Value})
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s: %d, %v", c.name, href, resp.StatusCode, err)
	}
	return doc
}

// signed is a file with the document, signed.
func (c *citizen) signed(doc []byte) string {
	c.t.Helper()
	path := filepath.Join(c.t.TempDir(), "signed.pdf")
	if err := os.WriteFile(path, c.town.notary.sign(doc, c.person.Given, c.person.Family, c.number), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// withCard puts an identity card into the reader, and the extension into the
// browser, once.
func (c *citizen) withCard() {
	c.t.Helper()
	if c.card {
		return
	}
	c.card = true
	card, err := c.town.cards.Issue(eidtest.Person{Given: c.person.Given, Family: c.person.Family, NationalNumber: c.number})
	if err != nil {
		c.t.Fatal(err)
	}
	c.do(chromedp.ExposeFunc("eidSign", func(_ context.Context, request string) (string, error) { return card.Answer(request) }),
		func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
			_, err = cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: eidtest.Extension +
				`;window.eidCard = (request) => window.eidSign(request).then((m) => window.eidAnswer(JSON.parse(m)));`})
			return none, err
		})
}

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

// operator is one of the demonstration's account holders, made an operator.
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
		var person string
		if err := w.pool.QueryRow(context.Background(), `SELECT id FROM person WHERE login = $1`, login).Scan(&person); err != nil {
			w.t.Fatal(err)
		}
		if err := w.identity.AddOperator(context.Background(), identity.System, person, "test"); err != nil {
			w.t.Fatal(err)
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
	c.writes()
	c.press(`.actions button`)
	if !strings.HasPrefix(c.at(), "/portal/send") {
		c.t.Fatalf("%s: sent without a mandate, at %s\n%s", c.name, c.at(), c.text())
	}
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
