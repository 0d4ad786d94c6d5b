package ltv_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/ltv"
)

// world is authorities that answer over HTTP, and a clock.
type world struct {
	*evidencetest.Authority
	mu    sync.Mutex
	now   time.Time
	asked []string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{now: evidencetest.At()}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, r.Method+" "+r.URL.Path)
		w.mu.Unlock()
		w.ServeHTTP(rw, r)
	}))
	var err error
	w.Authority, err = evidencetest.New(evidencetest.Config{Now: w.clock, URL: "http://" + server.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(server.Close)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// requests gives and forgets what was asked for.
func (w *world) requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := w.asked
	w.asked = nil
	return asked
}

func (w *world) collector(t testing.TB) *ltv.Collector {
	t.Helper()
	c, err := ltv.New(ltv.Config{Roots: w.Roots(), Now: w.clock, Client: &http.Client{Timeout: 2 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// verify judges v as a verifier does who has nothing else.
func (w *world) verify(t testing.TB, v evidence.Validation, at time.Time) {
	t.Helper()
	trust := w.Trust()
	needed, err := evidence.VerifyRevocation(v,
		evidence.Use{Certificates: w.SealChain()[:1], Roots: trust.Seal, At: at},
		evidence.Use{Certificates: w.TSUChain(), Roots: trust.TSA, At: at})
	if err != nil || len(needed) != len(v.Certificates) {
		t.Errorf("needs %d certificates, has %d: %v", len(needed), len(v.Certificates), err)
	}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.collector(t)
	sealed := w.clock()
	w.pass(time.Hour)
	v, err := c.Collect(t.Context(), w.SealChain(), w.TSUChain())
	if err != nil {
		t.Fatal(err)
	}
	w.verify(t, v, sealed)
	if len(v.Certificates) != 5 || len(v.CRLs) != 1 || len(v.OCSPs) != 2 || !reflect.DeepEqual(v, v.Sorted()) {
		t.Errorf("got %d certificates, %d lists, %d answers", len(v.Certificates), len(v.CRLs), len(v.OCSPs))
	}
	if got := w.requests(); len(got) != 3 {
		t.Errorf("asked for %q", got)
	}
	// What is known is not asked for again, in whatever order and how often.
	w.pass(59 * time.Minute)
	again, err := c.Collect(t.Context(), w.TSUChain(), w.SealChain(), w.SealChain())
	if err != nil || !reflect.DeepEqual(again, v) || len(w.requests()) != 0 {
		t.Errorf("another time: %v", err)
	}
	w.pass(2 * time.Minute)
	later, err := c.Collect(t.Context(), w.SealChain(), w.TSUChain())
	if err != nil || reflect.DeepEqual(later, v) || len(w.requests()) != 3 {
		t.Errorf("an hour later: %v", err)
	}
}

// Only the leaf is known: the authority's own certificate is asked for.
func TestCollectCompletesTheChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v, err := w.collector(t).Collect(t.Context(), w.SealChain()[:1], w.TSUChain())
	if err != nil {
		t.Fatal(err)
	}
	w.verify(t, v, w.clock())
	w.SetLapses(evidencetest.CADown)
	_, err = w.collector(t).Collect(t.Context(), w.SealChain()[:1])
	if !errors.Is(err, ltv.ErrUnavailable) || !strings.Contains(err.Error(), "Evidence Seal") {
		t.Errorf("authority down: got %v", err)
	}
}

func TestCollectFallsBackOnLists(t *testing.T) {
	t.Parallel()
	for _, lapse := range []evidencetest.Lapse{evidencetest.OCSPDown, evidencetest.OCSPExpired, evidencetest.OCSPWrongKey,
		evidencetest.OCSPGarbage, evidencetest.OCSPUnknown, evidencetest.OCSPSlow} {
		t.Run(string(lapse), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.SetLapses(lapse)
			v, err := w.collector(t).Collect(t.Context(), w.SealChain(), w.TSUChain())
			if err != nil {
				t.Fatal(err)
			}
			w.verify(t, v, w.clock())
			if len(v.CRLs) != 3 || len(v.OCSPs) != 0 {
				t.Errorf("got %d lists, %d answers", len(v.CRLs), len(v.OCSPs))
			}
		})
	}
}

func TestCollectRefuses(t *testing.T) {
	t.Parallel()
	for _, lapse := range []evidencetest.Lapse{evidencetest.CRLDown, evidencetest.CRLExpired, evidencetest.CRLWrongIssuer,
		evidencetest.CRLGarbage, evidencetest.CRLEndless, evidencetest.CRLElsewhere} {
		t.Run(string(lapse), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.SetLapses(lapse)
			v, err := w.collector(t).Collect(t.Context(), w.TSUChain(), w.SealChain())
			if !errors.Is(err, ltv.ErrUnavailable) || errors.Is(err, evidence.ErrRevoked) ||
				!strings.Contains(err.Error(), "Issuing CA") || !v.IsZero() {
				t.Errorf("list: got %v", err)
			}
			w.SetLapses(lapse, evidencetest.OCSPDown)
			_, err = w.collector(t).Collect(t.Context(), w.TSUChain())
			if !errors.Is(err, ltv.ErrUnavailable) || !strings.Contains(err.Error(), "Time-Stamp Unit") {
				t.Errorf("list and responder: got %v", err)
			}
			if asked := w.requests(); lapse == evidencetest.CRLElsewhere && len(asked) > 3+2*4 {
				t.Errorf("followed %d redirects", len(asked))
			}
			// Once they answer again, so does the collector.
			w.SetLapses()
			if v, err = w.collector(t).Collect(t.Context(), w.TSUChain(), w.SealChain()); err != nil {
				t.Fatalf("mended: %v", err)
			}
			w.verify(t, v, w.clock())
		})
	}
}

func TestCollectRevoked(t *testing.T) {
	t.Parallel()
	for what, pick := range map[string]func(*world) *x509.Certificate{
		"Evidence Seal":   func(w *world) *x509.Certificate { return w.SealChain()[0] },
		"Seal Issuing CA": func(w *world) *x509.Certificate { return w.SealChain()[1] },
		"Time-Stamp Unit": func(w *world) *x509.Certificate { return w.TSUChain()[0] },
	} {
		for _, lapses := range [][]evidencetest.Lapse{nil, {evidencetest.OCSPDown}} {
			w := newWorld(t)
			w.Revoke(pick(w), w.clock().Add(-time.Minute), 4)
			w.SetLapses(lapses...)
			v, err := w.collector(t).Collect(t.Context(), w.SealChain(), w.TSUChain())
			if !errors.Is(err, evidence.ErrRevoked) || errors.Is(err, ltv.ErrUnavailable) || !strings.Contains(err.Error(), what) || !v.IsZero() {
				t.Errorf("%s, %v: got %v", what, lapses, err)
			}
		}
	}
	// Known to be good is not good enough when the seal was revoked since.
	w := newWorld(t)
	c := w.collector(t)
	if _, err := c.Collect(t.Context(), w.SealChain()); err != nil {
		t.Fatal(err)
	}
	w.Revoke(w.SealChain()[0], w.clock(), 1)
	w.pass(2 * time.Hour)
	if _, err := c.Collect(t.Context(), w.SealChain()); !errors.Is(err, evidence.ErrRevoked) {
		t.Errorf("revoked since: got %v", err)
	}
}

// A key that was replaced in good order leaves evidence to be completed.
func TestCollectAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	used := w.clock()
	w.Revoke(w.SealChain()[0], used.Add(time.Minute), 4)
	w.pass(time.Hour)
	for _, lapses := range [][]evidencetest.Lapse{nil, {evidencetest.OCSPDown}} {
		w.SetLapses(lapses...)
		c := w.collector(t)
		v, err := c.CollectAt(t.Context(), used, w.SealChain(), w.TSUChain())
		if err != nil {
			t.Fatalf("%v: %v", lapses, err)
		}
		w.verify(t, v, used)
		for _, at := range []time.Time{used.Add(time.Minute), used.Add(time.Hour)} {
			if _, err := c.CollectAt(t.Context(), at, w.SealChain(), w.TSUChain()); !errors.Is(err, evidence.ErrRevoked) {
				t.Errorf("%v, used at %s: got %v", lapses, at, err)
			}
		}
	}
	w.Revoke(w.SealChain()[0], used.Add(time.Minute), 1)
	if _, err := w.collector(t).CollectAt(t.Context(), used, w.SealChain()); !errors.Is(err, evidence.ErrRevoked) {
		t.Errorf("key compromised: got %v", err)
	}
}

func TestCollectUnusable(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	c := w.collector(t)
	elsewhere := func(url string) []*x509.Certificate {
		t.Helper()
		a, err := evidencetest.New(evidencetest.Config{URL: url, Now: w.clock})
		if err != nil {
			t.Fatal(err)
		}
		var chain []*x509.Certificate
		chain = append(chain, a.TSUChain()[0], a.Roots()[1])
		return chain
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for what, f := range map[string]func() error{
		"no chain":     func() error { _, err := c.Collect(t.Context(), nil); return err },
		"given up":     func() error { _, err := c.Collect(gone, w.SealChain()); return err },
		"unknown root": func() error { _, err := c.Collect(t.Context(), other.SealChain()); return err },
		"no addresses": func() error { return collect(t, elsewhere("")) },
		"no web":       func() error { return collect(t, elsewhere("ftp://pki.example")) },
		"a file":       func() error { return collect(t, elsewhere("file:///etc")) },
		"no host":      func() error { return collect(t, elsewhere("http://")) },
	} {
		if err := f(); !errors.Is(err, ltv.ErrUnavailable) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if _, err := ltv.New(ltv.Config{}); !errors.Is(err, ltv.ErrConfig) {
		t.Errorf("no roots: got %v", err)
	}
	v, err := c.Collect(t.Context())
	if err != nil || !v.IsZero() {
		t.Errorf("nothing to collect: got %v, %v", v, err)
	}
	// A root needs nobody's word.
	if v, err = c.Collect(t.Context(), w.Roots()[:1]); err != nil || len(v.Certificates) != 1 {
		t.Errorf("a root: got %d, %v", len(v.Certificates), err)
	}
}

// collect trusts the last of chain.
func collect(t testing.TB, chain []*x509.Certificate) error {
	t.Helper()
	c, err := ltv.New(ltv.Config{Roots: chain[len(chain)-1:], Now: evidencetest.At})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Collect(t.Context(), chain[:1])
	return err
}
