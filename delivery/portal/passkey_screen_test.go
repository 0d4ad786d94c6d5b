package portal_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"github.com/bode-erds/bode/identity"
)

// authenticator gives the browser one that keeps keys and verifies its user.
func (s *screen) authenticator() (id webauthn.AuthenticatorID) {
	s.r.t.Helper()
	s.do(func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		if _, err = cdp.Call(ctx, t, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return none, err
		}
		added, err := cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
				HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
		id = added.AuthenticatorID
		return none, err
	})
	return id
}

// recognises says whether the authenticator recognises its user.
func (s *screen) recognises(id webauthn.AuthenticatorID, yes bool) {
	s.r.t.Helper()
	s.do(func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, t, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: id, IsUserVerified: yes})
		return none, err
	})
}

// lead presses a button on whose page the browser asks for a passkey and goes on
// by itself.
func (s *screen) lead(button, suffix string) {
	s.r.t.Helper()
	s.follow(button, suffix)
}

// A person in a real browser: a password, an authenticator app, a passkey, signed
// in by passkey alone, step-up, and the passkey removed again.
func TestPasskeyInBrowser(t *testing.T) {
	t.Parallel()
	for lang, scheme := range map[string]string{"nl": "light", "fr": "dark"} {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.server.URL = named(r.server.URL)
			r.somebody("noor")
			width, height, name := int64(390), int64(844), "phone"
			if scheme == "dark" {
				width, height, name = 1280, 900, "desktop"
			}
			s := newScreen(r, lang, name, width, height, scheme)
			device := s.authenticator()
			s.withPassword()
			s.app()
			s.passkey(device)
			s.alone(device)
			s.stepUp()
			s.lostAll()
			if n := r.count(`SELECT count(*) FROM access_log WHERE action IN ('factor_confirmed', 'passkey_added', 'proven_again', 'passkey_removed')`); n < 5 {
				t.Errorf("%d lines in the access log", n)
			}
		})
	}
}

func (s *screen) withPassword() {
	s.open("factor-sign-in", "/portal/sign-in?lang="+s.lang)
	s.do(chromedp.SendKeys(chromedp.CSS(`#login`), "noor"), chromedp.SendKeys(chromedp.CSS(`#password`), password))
	s.follow(`form[action="/portal/sign-in"] button`, "/portal")
	s.open("factor-needed", "/portal/new")
	s.press("factors-none", `main a.button`, "/factors")
}

// app links an authenticator app, with the key typed by hand.
func (s *screen) app() {
	r := s.r
	s.press("authenticator", `form[action="/portal/factors/authenticator"] button`, "/authenticator")
	if w := value[int](s, `document.querySelector("img.qr").naturalWidth`); w != 264 {
		r.t.Errorf("picture is %d wide", w)
	}
	s.do(chromedp.Click(chromedp.CSS(`main details summary`)))
	secret := strings.ReplaceAll(value[string](s, `document.querySelector("code.secret").textContent`), " ", "")
	s.press("authenticator-fault", `form[action$="/confirm"] button`, "/confirm")
	r.pass(30 * time.Second)
	code, err := totp.GenerateCode(secret, r.now())
	r.must(err)
	s.do(chromedp.SendKeys(chromedp.CSS(`#code`), code))
	s.press("recovery-codes", `form[action$="/confirm"] button`, "/confirm")
	if value[bool](s, `document.querySelector("[data-print]").hidden`) {
		r.t.Error("the codes cannot be printed")
	}
	s.press("factors-app", `main a.button`, "/factors")
}

// passkey makes one. First the device does not recognise anybody.
func (s *screen) passkey(device webauthn.AuthenticatorID) {
	s.recognises(device, false)
	s.do(chromedp.SendKeys(chromedp.CSS(`#passkey_name`), "Telefoon"))
	s.follow(`form[action="/portal/factors/passkeys"] button`, "/passkeys")
	s.fault("cancelled")
	s.look("passkey-cancelled")
	s.recognises(device, true)
	s.follow(`form[data-passkey] button`, "/factors")
	s.look("factors-passkey")
	// The same device again: it says so itself.
	s.do(chromedp.SendKeys(chromedp.CSS(`#passkey_name`), "Nog eens"))
	s.follow(`form[action="/portal/factors/passkeys"] button`, "/passkeys")
	s.fault("twice")
	s.look("passkey-twice")
}

// fault waits until the page says what went wrong.
func (s *screen) fault(name string) {
	s.r.t.Helper()
	s.do(chromedp.WaitVisible(chromedp.CSS(`[data-passkey-fault="` + name + `"]`)))
}

// alone signs in by passkey alone.
func (s *screen) alone(device webauthn.AuthenticatorID) {
	r := s.r
	s.open("factors-two", "/portal/factors")
	s.follow(`header form button`, "/")
	s.recognises(device, false)
	s.do(chromedp.Navigate(r.server.URL + "/portal/sign-in"))
	s.follow(`form[action="/portal/sign-in/passkey"] button`, "/passkey")
	s.fault("cancelled")
	s.look("passkey-sign-in")
	s.recognises(device, true)
	s.lead(`form[data-passkey] button`, "/portal")
	if n := r.count(`SELECT count(*) FROM session WHERE method = 'passkey' AND revoked_at IS NULL`); n != 1 {
		r.t.Errorf("%d sessions by passkey", n)
	}
}

// stepUp proves again by passkey to remove the passkey.
func (s *screen) stepUp() {
	r := s.r
	r.pass(6 * time.Minute)
	s.open("factors-stale", "/portal/factors")
	s.press("passkey-one", `main table a`, "")
	s.press("again", `form[action$="/remove"] button`, "/remove")
	s.lead(`form[action="/portal/again/passkey"] button`, "/again/passkey/answer")
	s.look("go-on")
	s.press("passkey-removed", `main form button`, "/factors")
	if n := r.count(`SELECT count(*) FROM webauthn_credential`); n != 0 {
		r.t.Errorf("%d passkeys stay", n)
	}
	s.open("password", "/portal/password")
	s.press("password-fault", `main form button`, "/password")
}

// lostAll looks at the pages for who lost everything.
func (s *screen) lostAll() {
	r := s.r
	s.follow(`header form button`, "/")
	s.open("recovery", "/portal/recovery")
	s.press("recovery-fault", `main form button`, "/recovery")
	r.proof = r.lotteProof()
	r.proof.Subject = "somebody else"
	s.do(chromedp.SendKeys(chromedp.CSS(`#login`), "lotte"))
	s.press("recovery-refused", `main form button`, "/recovery")
	r.proof = r.lotteProof()
	s.do(chromedp.SendKeys(chromedp.CSS(`#login`), "lotte"))
	s.press("recovery-wait", `main form button`, "/wait")
	facts, err := r.people.NoteFacts(context.Background(), r.post.notes[len(r.post.notes)-1])
	r.must(err)
	s.open("recovery-stop", facts.Path)
	r.pass(24 * time.Hour)
	s.do(chromedp.Navigate(r.server.URL+"/portal/recovery"), chromedp.SendKeys(chromedp.CSS(`#login`), "lotte"))
	s.press("recovery-password", `main form button`, "/recovery/password")
	s.do(chromedp.SendKeys(chromedp.CSS(`#new_password`), "negen natte nonnen"))
	s.press("recovery-factors", `main form button`, "/factors")
	u, err := url.Parse(value[string](s, `location.href`))
	r.must(err)
	if u.Path != "/portal/factors" || r.count(`SELECT count(*) FROM session WHERE method = $1`, identity.MethodReproofed) != 1 {
		r.t.Errorf("at %s", u)
	}
}
