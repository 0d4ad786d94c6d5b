package portal_test

import (
	"bytes"
	"encoding/base32"
	"image/png"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/labstack/echo/v4"
	"github.com/pquerna/otp/totp"
	"golang.org/x/net/html"

	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/identity"
)

// named is an address on this machine by name: passkeys take no numbers.
func named(base string) string { return strings.Replace(base, "127.0.0.1", "localhost", 1) }

// identify stands in for the pages of identifying: whoever comes there proves
// r.proof at once.
func (r *rig) identify(face *portal.Portal) echo.HandlerFunc {
	return func(c echo.Context) error {
		l, err := r.people.Login(c.Request().Context(), c.Param("id"), r.config.Web.ErrandSecret(c, c.Param("id")))
		if err != nil {
			return err
		}
		if l.Errand == portal.BindErrand {
			return face.Bind(c, l, r.proof)
		}
		return face.Recover(c, l, r.proof)
	}
}

var recoveryCode = regexp.MustCompile(`[a-z2-7]{4}(?:-[a-z2-7]{4}){3}`)

// one is the cookie of a session.
func (b *browser) session() string {
	b.r.t.Helper()
	u, err := url.Parse(b.r.server.URL)
	b.r.must(err)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == "bode_session" {
			return c.Value
		}
	}
	return ""
}

// options are those that the page hands to its script.
func (b *browser) options() (options string) {
	walk(b.page, func(n *html.Node) {
		if n.Data == "form" && attr(n, "data-options") != "" {
			options = attr(n, "data-options")
		}
	})
	return options
}

// device is an authenticator in software.
type device struct {
	rp   virtualwebauthn.RelyingParty
	auth virtualwebauthn.Authenticator
	key  virtualwebauthn.Credential
}

func (r *rig) device() *device {
	return &device{virtualwebauthn.RelyingParty{Name: "Bode", ID: "localhost", Origin: named(r.server.URL)},
		virtualwebauthn.NewAuthenticator(), wholeKey()}
}

// wholeKey is a new key. The library drops leading zeros of coordinates, which
// makes one key in 128 no key at all: those are passed over.
func wholeKey() virtualwebauthn.Credential {
	const size = 77 // of a COSE key with both coordinates whole
	for {
		if key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(key.Key.AttestationData()) == size {
			return key
		}
	}
}

// answer does what the script of the page does.
func (b *browser) answer(d *device) *browser {
	b.r.t.Helper()
	_, values := b.form("/answer")
	action, _ := b.form("/answer")
	if values.Has("passkey_name") {
		o, err := virtualwebauthn.ParseAttestationOptions(b.options())
		b.r.must(err)
		d.auth.Options.UserHandle = []byte(o.UserID)
		values.Set("answer", virtualwebauthn.CreateAttestationResponse(d.rp, d.auth, d.key, *o))
	} else {
		o, err := virtualwebauthn.ParseAssertionOptions(b.options())
		b.r.must(err)
		d.key.Counter++
		values.Set("answer", virtualwebauthn.CreateAssertionResponse(d.rp, d.auth, d.key, *o))
	}
	return b.post(action, values)
}

// somebody is a new person with a password, in a private account.
func (r *rig) somebody(login string) (person string) {
	r.t.Helper()
	_, person, err := r.people.CreateAccount(r.t.Context(), identity.NewAccount{Kind: identity.Private, Country: "BE"}, r.newPerson(login))
	r.must(err)
	return person
}

// Without a second factor nothing strong opens; the page leads to one.
func TestEnrol(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.somebody("noor")
	b := r.signedIn("noor", "")
	b.to("/portal/new").want(http.StatusForbidden, "/new").shows("Set up the second step")
	b.to("/portal/factors").want(http.StatusOK, "/factors").shows("no second step")
	b.to("/portal/factors/authenticator").want(http.StatusOK, "/factors") // nothing was begun
	before := b.session()
	b.to("/portal/factors").submit("/factors/authenticator", nil).want(http.StatusOK, "/factors/authenticator")
	secret := regexp.MustCompile(`[A-Z2-7]{4}(?: [A-Z2-7]{4}){7}`).FindString(b.text())
	secret = strings.ReplaceAll(secret, " ", "")
	if raw, err := base32.StdEncoding.DecodeString(secret); err != nil || len(raw) != 20 {
		t.Fatalf("secret %q: %v", secret, err)
	}
	b.to("/portal/factors/authenticator/qr.png")
	if picture, err := png.Decode(bytes.NewReader([]byte(b.body))); err != nil || picture.Bounds().Dx() != 264 || b.header.Get("Cache-Control") != "no-store" {
		t.Errorf("picture: %v, %s", err, b.header.Get("Cache-Control"))
	}
	b.to("/portal/factors/authenticator").submit("/confirm", url.Values{"code": {"000000"}}).want(http.StatusUnprocessableEntity, "/confirm").shows("not right", secret[:4])
	if b.session() != before {
		t.Error("the session changed without a factor")
	}
	r.pass(30 * time.Second)
	code, err := totp.GenerateCode(secret, r.now())
	r.must(err)
	b.submit("/confirm", url.Values{"code": {code}}).want(http.StatusOK, "/confirm").shows("Your recovery codes")
	codes := recoveryCode.FindAllString(b.body, -1)
	if len(codes) != 10 || b.session() == before {
		t.Errorf("%d codes, session rotated: %v", len(codes), b.session() != before)
	}
	if _, err := r.people.Session(t.Context(), before); err == nil {
		t.Error("the token of before still works")
	}
	b.to("/portal/factors").shows("An app is linked", "10 recovery codes").hides(codes[0])
	b.to("/portal/factors/authenticator").want(http.StatusOK, "/factors").hides(secret)
	if n := r.post.to(t, "noor@firma.example"); n.Kind != identity.NoteSignInChanged || n.Ref != "factor_confirmed" {
		t.Errorf("told %+v", n)
	}
	b.submit("/factors/codes", nil).want(http.StatusOK, "/codes").hides(codes[0]).shows("Your recovery codes")
	r.browser().to("/portal/sign-in?lang=en").submit("/portal/sign-in", url.Values{"login": {"noor"}, "password": {password}, "code": {codes[0]}}).
		want(http.StatusUnprocessableEntity, "/sign-in")
	// The only factor stays, however it is asked.
	b.post(r.server.URL+"/portal/factors/authenticator/remove", nil).want(http.StatusConflict, "/remove").shows("only second step")
	fresh := recoveryCode.FindString(b.to("/portal/factors").submit("/factors/codes", nil).body)
	r.browser().to("/portal/sign-in?lang=en").submit("/portal/sign-in", url.Values{"login": {"noor"}, "password": {password}, "code": {fresh}}).
		want(http.StatusOK, "/portal/factors").shows("signed in with a recovery code")
}

// What has effect asks for the factors again, and what was typed comes along.
func TestAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte()
	b.multipart("/portal/new", typed()).want(http.StatusOK, "/new")
	_, form := b.form("/portal/send")
	r.pass(6 * time.Minute)
	before := b.session()
	b.post(r.server.URL+"/portal/send", form).want(http.StatusUnauthorized, "/send").shows("Confirm that it is you", "Nothing was done yet")
	b.submit("/portal/again", url.Values{"password": {"wrong"}, "code": {r.code(r.secret)}}).want(http.StatusUnprocessableEntity, "/again").shows("is wrong")
	if b.session() != before || r.count(`SELECT count(*) FROM message`) != 0 {
		t.Error("something happened")
	}
	b.submit("/portal/again", url.Values{"password": {password}, "code": {r.code(r.secret)}}).want(http.StatusOK, "/again").shows("Check your message", "u bent in gebreke")
	if b.session() == before {
		t.Error("the token was not rotated")
	}
	b.submit("/portal/send", nil).shows("Your message was accepted")
	// A form of another page goes on after one more press.
	r.pass(6 * time.Minute)
	b.post(r.server.URL+"/portal/keys", url.Values{"key_name": {"Boek"}, "key_mode": {"test"}, "password": {"getypt wachtwoord"}}).want(http.StatusUnauthorized, "/keys").hides("getypt wachtwoord")
	b.submit("/portal/again", url.Values{"password": {password}, "code": {r.code(r.secret)}}).want(http.StatusOK, "/again").shows("Nothing was done yet")
	if r.count(`SELECT count(*) FROM api_key`) != 0 {
		t.Error("a key was made before the press")
	}
	b.submit("/portal/keys", nil).want(http.StatusCreated, "/keys").shows("Boek")
	// A page comes back to where it was, and nowhere else.
	r.pass(6 * time.Minute)
	b.to("/portal/password").want(http.StatusOK, "/again")
	b.submit("/portal/again", url.Values{"password": {password}, "code": {r.code(r.secret)}}).want(http.StatusOK, "/portal/password")
	b.to("/portal/again?next=https%3A%2F%2Fevil.example%2F").want(http.StatusOK, "/portal")
	r.pass(6 * time.Minute)
	b.to("/portal/again").submit("/portal/again", url.Values{"password": {password}, "code": {r.code(r.secret)}, "then": {"//evil.example/portal"}}).hides("evil.example")
	for _, path := range []string{"/portal/again", "/portal/factors", "/portal/password"} {
		r.browser().to(path).want(http.StatusOK, "/sign-in")
	}
}

// A passkey from the pages: made, used to sign in and to step up, renamed, removed.
func TestPasskeyPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.somebody("noor")
	b := r.signedIn("noor", "")
	d := r.device()
	b.to("/portal/factors").submit("/factors/passkeys", url.Values{"passkey_name": {" "}}).want(http.StatusUnprocessableEntity, "/passkeys").shows("a name")
	b.submit("/factors/passkeys", url.Values{"passkey_name": {"Telefoon <b>"}}).want(http.StatusOK, "/passkeys").shows("Make a passkey")
	weak := b.session()
	b.answer(d).want(http.StatusOK, "/answer").shows("Your recovery codes")
	if b.session() == weak {
		t.Error("the token was not rotated")
	}
	b.to("/portal/factors").shows("Telefoon <b>").hides("<b>")
	b.post(r.server.URL+"/portal/factors/passkeys/answer", url.Values{"passkey_name": {"x"}, "answer": {"{}"}}).want(http.StatusUnprocessableEntity, "/answer").shows("Try again")
	b.to("/portal").submit("/portal/sign-out", nil)
	// By password alone it does not open any more.
	r.browser().to("/portal/sign-in?lang=en").submit("/portal/sign-in", url.Values{"login": {"noor"}, "password": {password}}).want(http.StatusUnprocessableEntity, "/sign-in")
	b.to("/portal/sign-in?lang=en&next=%2Fportal%2Fnew").submit("/sign-in/passkey", nil).want(http.StatusOK, "/passkey").shows("Sign in with a passkey")
	other := r.browser().to("/portal/sign-in?lang=en")
	_, values := b.form("/answer")
	other.post(r.server.URL+"/portal/sign-in/passkey/answer", values).want(http.StatusUnprocessableEntity, "/answer").shows("Try again")
	b.answer(d).want(http.StatusForbidden, "/portal/new") // signed in; who it is was never proven
	b.to("/portal/factors").want(http.StatusOK, "/factors")
	// Step-up.
	r.pass(6 * time.Minute)
	before := b.session()
	b.submit("/factors/codes", nil).want(http.StatusUnauthorized, "/codes").shows("Confirm that it is you").hides(`name="code"`)
	b.submit("/again/passkey", nil).want(http.StatusOK, "/again/passkey")
	b.answer(d).want(http.StatusOK, "/answer").shows("Nothing was done yet")
	if b.session() == before {
		t.Error("the token was not rotated")
	}
	b.submit("/factors/codes", nil).want(http.StatusOK, "/codes").shows("Your recovery codes")
	// Renaming and removing.
	link := regexp.MustCompile(`/portal/factors/passkeys/[A-Za-z0-9_-]+`).FindString(b.to("/portal/factors").body)
	b.to(link).want(http.StatusOK, link).submit(link, url.Values{"passkey_name": {strings.Repeat("x", 300)}}).want(http.StatusUnprocessableEntity, link).shows("shorter")
	b.submit(link, url.Values{"passkey_name": {"Laptop"}}).want(http.StatusOK, "/factors").shows("Laptop")
	b.to(link).submit(link+"/remove", nil).want(http.StatusConflict, "/remove").shows("only second step")
	if lotte := r.lotte().to(link); lotte.status != http.StatusNotFound {
		t.Errorf("somebody else's passkey: %d", lotte.status)
	}
	second := r.device()
	b.to("/portal/factors").submit("/factors/passkeys", url.Values{"passkey_name": {"Sleutel"}})
	b.answer(second).want(http.StatusOK, "/factors")
	b.to(link).submit(link+"/remove", nil).want(http.StatusOK, "/factors").shows("The passkey is removed", "Sleutel").hides("Laptop")
	if n := r.post.to(t, "+32470111111"); n.Kind != identity.NoteSignInChanged || n.Ref != "passkey_removed" {
		t.Errorf("told %+v", n)
	}
	gone := r.browser().to("/portal/sign-in?lang=en").submit("/sign-in/passkey", nil)
	gone.answer(d).want(http.StatusUnprocessableEntity, "/answer")
}

// Signing in never goes on with a token that was there before.
func TestFixation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.somebody("noor")
	thief := r.signedIn("noor", "")
	planted := thief.session()
	b := r.browser()
	u, err := url.Parse(r.server.URL)
	r.must(err)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: "bode_session", Value: planted, Path: "/"}})
	b.post(r.server.URL+"/portal/sign-in", url.Values{"login": {"lotte"}, "password": {password}, "code": {r.code(r.secret)}}).want(http.StatusOK, "/portal")
	if b.session() == planted {
		t.Error("the planted token is in use")
	}
	if thief.to("/portal/factors"); thief.at.Path != "/portal/sign-in" {
		t.Errorf("the planted session goes on: %s", thief.at.Path)
	}
	// A token made up beforehand is worth nothing either.
	made := strings.Repeat("A", 43)
	b = r.browser()
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: "bode_session", Value: made, Path: "/"}})
	b.post(r.server.URL+"/portal/sign-in", url.Values{"login": {"lotte"}, "password": {password}, "code": {r.code(r.secret)}}).want(http.StatusOK, "/portal")
	if b.session() == made {
		t.Error("a made-up token is in use")
	}
}

// Strangers who guess slow down a stranger, and not the owner's own browser.
func TestKnownBrowser(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	own := r.lotte()
	own.submit("/portal/sign-out", nil)
	code := r.code(r.secret)
	for range 8 {
		r.browser().post(r.server.URL+"/portal/sign-in", url.Values{"login": {"lotte"}, "password": {"wrong"}})
	}
	fields := url.Values{"login": {"lotte"}, "password": {password}, "code": {code}}
	r.browser().post(r.server.URL+"/portal/sign-in", fields).want(http.StatusTooManyRequests, "/sign-in")
	own.post(r.server.URL+"/portal/sign-in", fields).want(http.StatusOK, "/portal")
}

func TestPassword(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte()
	second := r.lotte()
	change := func(old, fresh string) *browser {
		return b.to("/portal/password").submit("/portal/password", url.Values{"old_password": {old}, "new_password": {fresh}})
	}
	change("wrong", "negen natte nonnen").want(http.StatusUnprocessableEntity, "/password").shows("not your current password")
	change(password, "kort").want(http.StatusUnprocessableEntity, "/password").shows("at least 12")
	change(password, "wachtwoord12345").hides("wachtwoord12345")
	r.pass(6 * time.Minute)
	b.post(r.server.URL+"/portal/password", url.Values{"old_password": {password}, "new_password": {"negen natte nonnen"}}).want(http.StatusOK, "/again").hides("nonnen")
	b.submit("/portal/again", url.Values{"password": {password}, "code": {r.code(r.secret)}}).want(http.StatusOK, "/portal/password")
	change(password, "negen natte nonnen").want(http.StatusOK, "/factors").shows("Your password is changed")
	second.to("/portal").want(http.StatusOK, "/sign-in")
	if n := r.post.to(t, "lotte@firma.example"); n.Ref != "password_changed" {
		t.Errorf("told %+v", n)
	}
}
