package wallet

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/wallettest"
)

// rig is a verifier with everything around it: an issuer with its status list,
// and a wallet, all over HTTP.
type rig struct {
	means  *Wallet
	box    *box
	issuer *wallettest.Issuer
	access wallettest.Access
	origin string
	asked  atomic.Int32 // requests for the status list
}

// newRig starts a rig. change may alter the configuration.
func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	r := &rig{box: &box{begun: map[string][]byte{}, answers: map[string][]byte{}}}
	var err error
	if r.issuer, err = wallettest.NewIssuer("BE", "", nil); err != nil {
		t.Fatal(err)
	}
	status := r.issuer.StatusHandler()
	lists := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.asked.Add(1)
		status.ServeHTTP(w, req)
	}))
	t.Cleanup(lists.Close)
	r.issuer.SetStatusURL(lists.URL + "/list/1")
	var handler atomic.Pointer[http.Handler]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { (*handler.Load()).ServeHTTP(w, req) }))
	t.Cleanup(server.Close)
	r.origin = server.URL
	if r.access, err = wallettest.NewAccess("Bode", "127.0.0.1", time.Now()); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Origin: server.URL, Key: r.access.Key, Chain: r.access.Chain, StatusOrigins: []string{lists.URL},
		Providers: []Provider{{Name: "Demo PID provider", Country: "BE", Anchors: []*x509.Certificate{r.issuer.Anchor()}}}}
	if change != nil {
		change(&cfg)
	}
	if r.means, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	h := r.means.Receive(r.box)
	handler.Store(&h)
	return r
}

// wallet is one of Lotte's, with a fault.
func (r *rig) wallet(format string, f wallettest.Fault) *wallettest.Wallet {
	return &wallettest.Wallet{Issuer: r.issuer, Access: []*x509.Certificate{r.access.Anchor}, Person: wallettest.People()[0], Format: format, Fault: f}
}

// begin begins an identification.
func (r *rig) begin(t testing.TB) identity.Challenge {
	t.Helper()
	c, err := r.means.Begin(t.Context(), identity.Ask{Language: "nl", Level: identity.LevelHigh})
	if err != nil {
		t.Fatal(err)
	}
	r.box.put(c)
	return c
}

// identify runs one identification to its end.
func (r *rig) identify(t testing.TB, w *wallettest.Wallet) (identity.Proof, error) {
	t.Helper()
	c := r.begin(t)
	request, err := w.Open(t.Context(), c.URL)
	if err != nil {
		return identity.Proof{}, err
	}
	redirect, err := w.Present(t.Context(), request)
	if err != nil {
		return identity.Proof{}, err
	}
	return r.finish(t, c, redirect)
}

// finish follows the redirect in the browser that began.
func (r *rig) finish(t testing.TB, c identity.Challenge, redirect string) (identity.Proof, error) {
	t.Helper()
	u, err := url.Parse(redirect)
	if err != nil || !strings.HasPrefix(redirect, r.origin+"/identify/") {
		t.Fatalf("redirected to %q", redirect)
	}
	return r.means.Finish(t.Context(), c.Saved, identity.Answer{Values: u.Query(), Direct: r.box.answer(c.Key)}, time.Now())
}

// box is a mailbox in memory: the first answer stays.
type box struct {
	mu             sync.Mutex
	begun, answers map[string][]byte
}

func (b *box) put(c identity.Challenge) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begun[c.Key] = c.Saved
}

func (b *box) answer(key string) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.answers[key]
}

// Saved implements identity.Mailbox.
func (b *box) Saved(_ context.Context, key string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if saved := b.begun[key]; saved != nil {
		return saved, nil
	}
	return nil, identity.ErrLoginStale
}

// Deposit implements identity.Mailbox.
func (b *box) Deposit(_ context.Context, key string, answer []byte) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.begun[key] == nil || b.answers[key] != nil {
		return "", identity.ErrLoginStale
	}
	b.answers[key] = answer
	return "/identify/1", nil
}

// cut takes an address apart.
func cut(address string) (base, path string, query url.Values) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "", nil
	}
	return u.Scheme + "://" + u.Host, u.Path, u.Query()
}
