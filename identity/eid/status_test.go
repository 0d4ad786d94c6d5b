package eid_test

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eid"
	"github.com/bode-erds/bode/identity/eidtest"
)

// TestEveryFault: whatever a responder does wrong, nobody is identified.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	want := map[eidtest.Fault]error{
		eidtest.Unknown: eid.ErrRevoked, eidtest.TryLater: eid.ErrResponder, eidtest.Redirect: eid.ErrResponder, eidtest.Down: eid.ErrResponder,
	}
	for _, fault := range eidtest.Faults() {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			a := authority(t)
			w := webEID(t, verifier(t, a))
			a.Misbehave(fault)
			card := issue(t, a, ann())
			p, err := identify(t, w, card, time.Now())
			expected := want[fault]
			if expected == nil {
				expected = eid.ErrResponse
			}
			if !errors.Is(err, expected) || p.Method != "" {
				t.Errorf("got %v, want %v", err, expected)
			}
			if fault == eidtest.Oversized && !strings.Contains(err.Error(), "longer than 65536") {
				t.Errorf("got %v", err)
			}
			if a.Asked() != 1 {
				t.Errorf("asked %d times", a.Asked())
			}
			// What was refused is not remembered.
			a.Misbehave(eidtest.Honest)
			if _, err := identify(t, w, card, time.Now()); err != nil {
				t.Error("afterwards:", err)
			}
		})
	}
}

func TestRevokedCard(t *testing.T) {
	t.Parallel()
	a := authority(t)
	w := webEID(t, verifier(t, a))
	card := issue(t, a, ann())
	a.Revoke(card.Certificate)
	p, err := identify(t, w, card, time.Now())
	refused(t, p, err, eid.ErrRevoked, identity.ErrLoginDocument)
}

// TestGoodAnswersAreKept for ten minutes, as long as they would pass.
func TestGoodAnswersAreKept(t *testing.T) {
	t.Parallel()
	a := authority(t)
	v := verifier(t, a)
	w := webEID(t, v)
	card := issue(t, a, ann())
	at := time.Now()
	for i, tc := range []struct {
		after time.Duration
		asked int
	}{{0, 1}, {time.Second, 1}, {150 * time.Second, 1}} {
		p, err := identify(t, w, card, at.Add(tc.after))
		if err != nil || a.Asked() != tc.asked {
			t.Fatalf("%d: %v, asked %d", i, err, a.Asked())
		}
		if _, err := v.Reverify(p.Token, p.At); err != nil {
			t.Error(i, err)
		}
	}
	// The stand-in's answers end after a minute; two are given to clocks.
	a.Revoke(card.Certificate)
	if _, err := identify(t, w, card, at.Add(5*time.Minute)); err == nil || a.Asked() != 2 {
		t.Errorf("%v, asked %d", err, a.Asked())
	}
	// An answer without an end is not kept for longer either.
	a.Misbehave(eidtest.Endless)
	patient := webEID(t, verifier(t, a, func(c *eid.Config) { c.MaxAge = 24 * time.Hour }))
	other := issue(t, a, ann())
	for i, after := range []time.Duration{0, 9 * time.Minute, 11 * time.Minute} {
		if _, err := identify(t, patient, other, at.Add(after)); err != nil || a.Asked() != []int{3, 3, 4}[i] {
			t.Errorf("%s: %v, asked %d", after, err, a.Asked())
		}
	}
	// Another card of the same person is another question.
	if _, err := identify(t, w, issue(t, a, ann()), at); err != nil || a.Asked() != 5 {
		t.Errorf("%v, asked %d", err, a.Asked())
	}
}

// TestResponderWithoutNonce is for responders that are configured so; an answer
// then still has to be fresh.
func TestResponderWithoutNonce(t *testing.T) {
	t.Parallel()
	a := authority(t)
	w := webEID(t, verifier(t, a, func(c *eid.Config) { c.WithoutNonce = []string{a.Host()} }))
	if _, err := identify(t, w, issue(t, a, ann()), time.Now()); err != nil {
		t.Error(err)
	}
	a.Misbehave(eidtest.Old)
	p, err := identify(t, w, issue(t, a, ann()), time.Now())
	refused(t, p, err, eid.ErrResponse, identity.ErrLoginUnusable)
}

// TestResponderOfAnotherHost: a certificate cannot make us ask a machine of its
// choice. Each address here would answer.
func TestResponderOfAnotherHost(t *testing.T) {
	t.Parallel()
	a := authority(t)
	var hits atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		a.ServeHTTP(w, r)
	}))
	t.Cleanup(inside.Close)
	w := webEID(t, verifier(t, a))
	for _, address := range []string{inside.URL, inside.URL + "/" + a.Host(), "http://" + a.Host() + "@" + inside.Listener.Addr().String() + "/",
		"http://user@" + a.Host() + "/", "file:///etc/passwd", "gopher://" + a.Host() + "/", "http:" + a.Host(), "//" + a.Host(), "http://[::1", ""} {
		card := issue(t, a, ann(), func(c *x509.Certificate) { c.OCSPServer = []string{address} })
		p, err := identify(t, w, card, time.Now())
		refused(t, p, err, eid.ErrResponse, identity.ErrLoginUnusable)
	}
	none := issue(t, a, ann(), func(c *x509.Certificate) { c.OCSPServer = nil })
	p, err := identify(t, w, none, time.Now())
	refused(t, p, err, eid.ErrResponse, identity.ErrLoginUnusable)
	if hits.Load() != 0 || a.Asked() != 0 {
		t.Errorf("%d and %d questions", hits.Load(), a.Asked())
	}
	second := issue(t, a, ann(), func(c *x509.Certificate) { c.OCSPServer = []string{inside.URL, "http://" + a.Host()} })
	if _, err := identify(t, w, second, time.Now()); err != nil || hits.Load() != 0 {
		t.Error("one of two addresses is ours:", err, hits.Load())
	}
}

// TestRedirectIsNotFollowed also when it leads to a responder that is ours.
func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	a := authority(t)
	var hits atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		a.ServeHTTP(w, r)
	}))
	t.Cleanup(target.Close)
	for _, code := range []int{301, 302, 303, 307, 308} {
		from := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target.URL, code)
		}))
		t.Cleanup(from.Close)
		host := from.Listener.Addr().String()
		w := webEID(t, verifier(t, a, func(c *eid.Config) { c.Responders = []string{host, target.Listener.Addr().String()} }))
		card := issue(t, a, ann(), func(c *x509.Certificate) { c.OCSPServer = []string{"http://" + host} })
		p, err := identify(t, w, card, time.Now())
		refused(t, p, err, eid.ErrResponder, identity.ErrLoginUnavailable)
	}
	if hits.Load() != 0 {
		t.Errorf("followed %d times", hits.Load())
	}
}

// TestSlowResponder ends with the client's timeout.
func TestSlowResponder(t *testing.T) {
	t.Parallel()
	a := authority(t)
	stop := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-stop
	}))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(stop) })
	host := slow.Listener.Addr().String()
	w := webEID(t, verifier(t, a, func(c *eid.Config) {
		c.Responders, c.HTTPClient = []string{host}, &http.Client{Timeout: 50 * time.Millisecond}
	}))
	card := issue(t, a, ann(), func(c *x509.Certificate) { c.OCSPServer = []string{"http://" + host} })
	p, err := identify(t, w, card, time.Now())
	refused(t, p, err, eid.ErrResponder, identity.ErrLoginUnavailable)
}
