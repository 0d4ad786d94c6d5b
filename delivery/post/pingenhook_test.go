package post

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

func TestPingenCancel(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]bool{"validating": true, "accepted": true, "printing": false, "sent": false} {
		peer := startPingen(t)
		p := peer.open(nil)
		got, err := p.HandOver(t.Context(), newLetter("nl"))
		if err != nil {
			t.Fatal(err)
		}
		peer.set(state)
		for range 2 {
			if ok, err := p.Cancel(t.Context(), got.Item); ok != want || err != nil {
				t.Errorf("%s: cancelled %v, %v", state, ok, err)
			}
		}
		_, err = p.HandOver(t.Context(), newLetter("nl"))
		if errors.Is(err, ErrCancelled) != want || peer.count() != 1 {
			t.Errorf("%s: handing over again: %v, %d letters", state, err, peer.count())
		}
	}
}

// TestPingenCancelInDoubt: a letter whose answer was lost is found and cancelled;
// one that never came is reported cancelled after an hour; neither is asked for
// again.
func TestPingenCancelInDoubt(t *testing.T) {
	t.Parallel()
	for _, f := range []fault{failAfter, failBefore} {
		peer := startPingen(t)
		p := peer.open(nil)
		l := newLetter("nl")
		peer.failOnce("POST letters", f)
		if _, err := p.HandOver(t.Context(), l); err == nil {
			t.Fatal("no error")
		}
		ok, err := p.Cancel(t.Context(), itemID(l))
		if ok != (f == failAfter) || err != nil {
			t.Errorf("%s: cancelled %v, %v", f, ok, err)
		}
		if _, err := p.HandOver(t.Context(), l); !errors.Is(err, ErrCancelled) {
			t.Errorf("%s: handing over again: %v", f, err)
		}
		if f == failAfter {
			continue
		}
		if r, err := p.Reports(t.Context()); err != nil || len(r) != 0 {
			t.Errorf("too early: %+v, %v", r, err)
		}
		peer.advance(2 * time.Hour)
		r, err := p.Reports(t.Context())
		if err != nil || len(r) != 1 || r[0].Status != delivery.PostCancelled {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// TestPingenHook: the signature of the webhook in testdata was made by Pingen.
func TestPingenHook(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/pingen/issue.json")
	if err != nil {
		t.Fatal(err)
	}
	raw := strings.TrimSuffix(string(body), "\n")
	peer := startPingen(t)
	p := peer.open(func(c *PingenConfig) { c.HookSecret = "webhook_test_secret" })
	const signature = "812ac7c9776458ce47f1796faec3eca4b15f47b3b9bcfeca3ad90cc190ba0c27"
	send := func(method, body, signature string) int {
		r := httptest.NewRequest(method, "/hooks/post/pingen", strings.NewReader(body))
		r.Header.Set("Signature", signature)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		return w.Code
	}
	for name, c := range map[string]struct {
		method, body, signature string
		code                    int
	}{
		"no signature":  {http.MethodPost, raw, "", 401},
		"forged":        {http.MethodPost, raw, strings.Repeat("0", 64), 401},
		"cut":           {http.MethodPost, raw, signature[:62], 401},
		"altered":       {http.MethodPost, raw + " ", signature, 401},
		"not hex":       {http.MethodPost, raw, strings.Repeat("z", 64), 401},
		"by GET":        {http.MethodGet, raw, signature, 404},
		"much too long": {http.MethodPost, strings.Repeat("x", maxHook+1), signature, 413},
	} {
		if got := send(c.method, c.body, c.signature); got != c.code {
			t.Errorf("%s: %d, want %d", name, got, c.code)
		}
	}
	if told, err := p.hints(); err != nil || len(told) != 0 {
		t.Errorf("forged webhooks left %v, %v", told, err)
	}
	for range 2 {
		if got := send(http.MethodPost, raw, signature); got != 204 {
			t.Errorf("genuine: %d", got)
		}
	}
	if told, err := p.hints(); err != nil || len(told) != 1 || !told["4f31cdb2-bc0d-4db5-a13d-3336958dba02"] {
		t.Errorf("genuine webhook left %v, %v", told, err)
	}
	deaf := peer.open(func(c *PingenConfig) { c.HookSecret = "" })
	w := httptest.NewRecorder()
	deaf.ServeHTTP(w, signed(t, "", raw))
	if w.Code != 404 {
		t.Errorf("without a secret: %d", w.Code)
	}
}

// TestPingenHookIsAHint: what counts is what Pingen says when asked. Webhooks that
// come late, twice, about strangers or with lies change nothing.
func TestPingenHookIsAHint(t *testing.T) {
	t.Parallel()
	peer := startPingen(t)
	p := peer.open(func(c *PingenConfig) { c.TrackEvery = 24 * time.Hour })
	if _, err := p.HandOver(t.Context(), newLetter("nl")); err != nil {
		t.Fatal(err)
	}
	peer.set("accepted")
	if r, err := p.Reports(t.Context()); err != nil || len(r) != 1 || r[0].Status != delivery.PostAcknowledged {
		t.Fatalf("%+v, %v", r, err)
	}
	hook := func(kind, id string) {
		body := fmt.Sprintf(`{"data":{"type":%q,"attributes":{"reason":"delivered"},"relationships":{"letter":{"data":{"type":"letters","id":%q}}}}}`, kind, id)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, signed(t, "hook", body))
		if w.Code != 204 {
			t.Errorf("%s %s: %d", kind, id, w.Code)
		}
	}
	id := peer.letters[0].id
	peer.set("sent")
	if r, err := p.Reports(t.Context()); err != nil || len(r) != 1 {
		t.Errorf("asked without a reason: %+v, %v", r, err)
	}
	hook("webhook_delivered", id) // a lie: it was only sent
	hook("webhook_undeliverable", "4f31cdb2-bc0d-4db5-a13d-999999999999")
	hook("webhook_sent", "../../sent/x")
	for range 2 {
		hook("webhook_sent", id)
		r, err := p.Reports(t.Context())
		if err != nil || len(r) != 2 || r[1].Status != delivery.PostAccepted {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

func TestPingenConfiguration(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*PingenConfig){
		"organisation": func(c *PingenConfig) { c.Organisation = "" }, "client": func(c *PingenConfig) { c.ClientID = "" },
		"secret": func(c *PingenConfig) { c.ClientSecret = "" }, "in clear": func(c *PingenConfig) { c.API = "http://api.example" },
		"no host": func(c *PingenConfig) { c.Identity = "https://" }, "partner": func(c *PingenConfig) { c.Partner = "" },
	} {
		cfg := PingenConfig{Config: Config{Dir: t.TempDir(), Partner: "p"}, Organisation: peerOrg, ClientID: "a", ClientSecret: "b"}
		spoil(&cfg)
		if _, err := NewPingen(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
