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
