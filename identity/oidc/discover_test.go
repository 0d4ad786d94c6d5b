package oidc_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/identitytest"
	"github.com/bode-erds/bode/identity/oidc"
)

// counting counts the requests for the discovery document.
type counting struct {
	base http.RoundTripper
	n    atomic.Int32
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "openid-configuration") {
		c.n.Add(1)
	}
	return c.base.RoundTrip(r)
}

// clock is moved by the test.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newClockRig(t *testing.T) (*rig, *clock, *counting) {
	c, n := &clock{t: time.Now()}, &counting{base: &http.Transport{}}
	r := newRig(t, func(cfg *oidc.Config) {
		cfg.Now = c.now
		cfg.HTTPClient = &http.Client{Timeout: 5 * time.Second, Transport: n}
	})
	return r, c, n
}

func TestDiscoveryIsLazyAndRetries(t *testing.T) {
	t.Parallel()
	r, c, n := newClockRig(t)
	r.idp.SetFault(identitytest.DiscoveryDown)
	if n.n.Load() != 0 {
		t.Fatal("New asked the network")
	}
	for i, asked := range []int32{1, 1, 2, 2} { // the second and fourth Begin come too soon
		if _, err := r.rp.Begin(t.Context(), identity.Ask{Language: "fr"}); !errors.Is(err, oidc.ErrUnavailable) {
			t.Fatalf("Begin: %v", err)
		}
		if n.n.Load() != asked {
			t.Errorf("Begin %d: asked %d times, want %d", i, n.n.Load(), asked)
		}
		if i == 1 {
			c.advance(time.Second)
		}
	}
	r.idp.SetFault(identitytest.None)
	c.advance(30 * time.Second)
	if _, err := r.identify(); err != nil {
		t.Errorf("after the outage: %v", err)
	}
	if n.n.Load() != 3 {
		t.Errorf("asked %d times", n.n.Load())
	}
}

func TestDiscoveryServesWhileTheProviderIsDown(t *testing.T) {
	t.Parallel()
	r, c, n := newClockRig(t)
	r.begin()
	c.advance(59 * time.Minute)
	r.begin()
	if n.n.Load() != 1 {
		t.Errorf("fresh document asked again: %d", n.n.Load())
	}
	c.advance(2 * time.Minute)
	r.idp.SetFault(identitytest.DiscoveryDown)
	r.begin()
	if n.n.Load() != 2 {
		t.Errorf("old document not asked again: %d", n.n.Load())
	}
	c.advance(24 * time.Hour)
	if _, err := r.rp.Begin(t.Context(), identity.Ask{Language: "de"}); !errors.Is(err, oidc.ErrUnavailable) {
		t.Errorf("a document of yesterday still serves: %v", err)
	}
}

func TestDiscoveryIsAskedOnceForMany(t *testing.T) {
	t.Parallel()
	r, _, n := newClockRig(t)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, err := r.rp.Begin(t.Context(), identity.Ask{Language: "en"}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n.n.Load() != 1 {
		t.Errorf("asked %d times", n.n.Load())
	}
}

func TestDiscoveryRefusesALyingDocument(t *testing.T) {
	t.Parallel()
	for fault, want := range map[identitytest.Fault]error{
		identitytest.DiscoveryOther: oidc.ErrConfig,
		identitytest.DiscoveryHTTP:  oidc.ErrConfig,
		identitytest.DiscoveryHuge:  oidc.ErrUnavailable,
		identitytest.DiscoveryDown:  oidc.ErrUnavailable,
	} {
		r := newRig(t)
		r.idp.SetFault(fault)
		if _, err := r.rp.Begin(t.Context(), identity.Ask{Language: "nl"}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", fault, err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	if err := newRig(t).rp.Check(t.Context()); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*oidc.Config){
		"alg": func(c *oidc.Config) { c.KeyAlgorithms = []string{"RSA-OAEP"} },
		"enc": func(c *oidc.Config) { c.ContentAlgorithm = []string{"A256GCM"} },
	} {
		if err := newRig(t, change).rp.Check(t.Context()); !errors.Is(err, oidc.ErrConfig) {
			t.Errorf("%s: %v, want ErrConfig", name, err)
		}
	}
	r := newRig(t)
	_ = r.idp.Close()
	if err := r.rp.Check(t.Context()); !errors.Is(err, oidc.ErrUnavailable) {
		t.Errorf("nobody listens: %v", err)
	}
}
