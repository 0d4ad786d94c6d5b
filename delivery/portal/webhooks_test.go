package portal_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify/webhook"
)

// receiver is software of a customer, that answers as it is told to.
type receiver struct {
	*httptest.Server
	status atomic.Int32
	came   atomic.Int32
}

// hooked lets the rig push, and gives it somebody to push to.
func (r *rig) hooked() *receiver {
	r.t.Helper()
	sender, err := webhook.New(webhook.Config{Loopback: true, Timeout: 5 * time.Second})
	r.must(err)
	r.deliveries.Hooks = sender
	to := &receiver{}
	to.status.Store(200)
	to.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		to.came.Add(1)
		w.WriteHeader(int(to.status.Load()))
		w.Write(b)
	}))
	r.t.Cleanup(to.Close)
	return to
}

// pushed sends what is due.
func (r *rig) pushed() {
	r.t.Helper()
	for r.count(`SELECT count(*) FROM erds_event WHERE tx >= pg_snapshot_xmin(pg_current_snapshot())`) > 0 {
		<-time.After(5 * time.Millisecond) // transactions of other tests on the same server
	}
	_, err := r.deliveries.DispatchWebhooks(r.t.Context())
	r.must(err)
	for some := true; some; {
		some, err = r.deliveries.SendWebhook(r.t.Context())
		r.must(err)
	}
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	to := r.hooked()
	b := r.lotte()
	b.to("/portal/account").shows("Webhooks").to("/portal/webhooks").want(http.StatusOK, "/webhooks").shows("There are no webhooks yet")
	for _, bad := range []string{"", "http://example.com/", "https://10.0.0.1/", "https://u:p@example.com/", "javascript:alert(1)"} {
		b.to("/portal/webhooks").submit("/webhooks", url.Values{"hook_url": {bad}, "hook_events": {"default"}}).want(http.StatusUnprocessableEntity, "/webhooks").shows("not an https address")
	}
	b.to("/portal/webhooks").submit("/webhooks", url.Values{"hook_url": {to.URL}, "hook_description": {"ERP <b>"}, "hook_events": {"all"}}).
		want(http.StatusCreated, "/webhooks").shows("only once", "whsec_", "whpk_")
	secret := b.body[strings.Index(b.body, "whsec_"):]
	secret = secret[:strings.IndexByte(secret, '<')]
	list, err := r.deliveries.Webhooks(t.Context(), r.account, false)
	r.must(err)
	at := "/portal/webhooks/" + list[0].ID
	b.to(at).want(http.StatusOK, list[0].ID).shows("Not proven", "Nothing was sent yet", "ERP <b>").hides(secret)
	to.status.Store(500)
	b.submit("/test", nil).want(http.StatusOK, "/test").shows("did not succeed", "The answer is not 2xx")
	to.status.Store(200)
	b.submit("/test", nil).shows("took the test", "Works")
	r.message(r.account)
	r.pushed()
	b.to(at).shows("delivery.submitted.v1", "Taken")
	came := to.came.Load()
	b.submit("/attempts/3", nil).want(http.StatusOK, list[0].ID)
	if r.pushed(); to.came.Load() != came+1 {
		t.Errorf("%d pushes became %d", came, to.came.Load())
	}
	b.to(at).submit(at, url.Values{"hook_description": {"Boekhouding"}, "hook_events": {"default"}}).want(http.StatusOK, list[0].ID).shows("Boekhouding", "What matters")
	b.submit("/turn", nil).shows("You switched this webhook off")
	b.submit("/turn", nil).shows("Works")
	b.to(at+"/rotate").want(http.StatusOK, "/rotate").submit("/rotate", url.Values{"hook_overlap": {"1"}}).want(http.StatusCreated, "/rotate").shows("whsec_").hides(secret)
	b.to(at).shows("signs too until")
	b.to(at+"/delete").shows("Remove this webhook?").submit("/delete", nil).want(http.StatusOK, "/webhooks").shows("There are no webhooks yet")
	b.to(at).want(http.StatusNotFound, list[0].ID)
	b.to("/portal/log").shows("Webhook added", "Webhook removed")
}

// TestWebhooksForeign: what belongs to another account is not found, and readers
// and strangers may nothing.
func TestWebhooksForeign(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	to := r.hooked()
	other, _ := r.company("karim", "Andere nv")
	w, _, _, err := r.deliveries.CreateWebhook(t.Context(), other, false, delivery.NewHook{URL: to.URL}, delivery.Once{})
	r.must(err)
	_, err = r.people.CreatePerson(t.Context(), identitySystem, r.account, "sender", r.newPerson("els"))
	r.must(err)
	b, els, stranger := r.lotte(), r.signedIn("els", ""), r.browser()
	at := r.server.URL + "/portal/webhooks/" + w.ID
	for _, path := range []string{at, at + "/rotate", at + "/delete"} {
		b.get(path).want(http.StatusNotFound, "")
		els.get(path).want(http.StatusForbidden, "")
	}
	for _, path := range []string{at, at + "/test", at + "/turn", at + "/rotate", at + "/delete", at + "/retry", at + "/attempts/1"} {
		if b.post(path, url.Values{"hook_overlap": {"1"}, "hook_url": {to.URL}}); b.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, b.status)
		}
		if els.post(path, nil); els.status != http.StatusForbidden {
			t.Errorf("a sender at %s: %d", path, els.status)
		}
		if stranger.post(path, nil); stranger.status != http.StatusUnauthorized {
			t.Errorf("a stranger at %s: %d", path, stranger.status)
		}
	}
	if n := r.count(`SELECT count(*) FROM webhook WHERE url = $1 AND state = 'pending'`, to.URL); n != 1 || to.came.Load() != 0 {
		t.Errorf("%d webhooks as they were, %d pushes", n, to.came.Load())
	}
}

// webhooks goes through the pages about webhooks.
func (s *screen) webhooks(to *receiver) {
	s.r.t.Helper()
	s.open("webhooks-none", "/portal/webhooks?test=1")
	s.open("webhooks-live", "/portal/webhooks")
	s.press("webhooks-fault", `main form button`, "/webhooks")
	s.fill("hook_url", to.URL+"/hooks/bode/with/a/rather/long/address")
	s.fill("hook_description", "Boekhouding")
	s.press("webhook-secret", `main form button`, "/webhooks")
	s.press("webhook-pending", `main a.button`, "")
	to.status.Store(404)
	s.press("webhook-failed", `main form[action$="/test"] button`, "/test")
	to.status.Store(200)
	s.press("webhook-proven", `main form[action$="/test"] button`, "/test")
	d := s.r.message(s.r.account)[0]
	to.status.Store(503)
	s.r.attempt(d, "email", "sent")
	s.r.pushed()
	s.open("webhooks", "/portal/webhooks")
	s.press("webhook", `main table a`, "")
	s.press("webhook-rotate", `main a[href$="/rotate"]`, "/rotate")
	s.press("webhook-rotated", `main form button`, "/rotate")
	s.open("webhooks-again", "/portal/webhooks")
	s.follow(`main table a`, "")
	s.press("webhook-off", `main form[action$="/turn"] button`, "")
	s.press("webhook-delete", `main a[href$="/delete"]`, "/delete")
	s.press("webhooks-gone", `main form button`, "/webhooks")
}

func TestWebhooksOnScreens(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"nl", "fr", "de", "en"} {
		t.Run(lang, func(t *testing.T) {
			r := newRig(t)
			to := r.hooked()
			s := newScreen(r, lang, "phone", 390, 844, "light")
			s.open("home", "/?lang="+lang)
			s.signIn()
			s.webhooks(to)
		})
	}
	t.Run("desktop", func(t *testing.T) {
		r := newRig(t)
		to := r.hooked()
		s := newScreen(r, "en", "desktop", 1280, 900, "dark")
		s.signIn()
		s.webhooks(to)
	})
}
