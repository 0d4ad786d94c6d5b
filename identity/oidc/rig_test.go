package oidc_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/identitytest"
	"github.com/bode-erds/bode/identity/oidc"
)

const redirectURL = "https://bode.example/identify/done?means=itsme"

// testKeys are made once: making RSA keys is most of what these tests cost.
var testKeys = sync.OnceValue(func() (keys [4]*rsa.PrivateKey) {
	for i := range keys {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = k
	}
	return keys
})

// rig is a provider, our side of it, and the address of our key set.
type rig struct {
	t    *testing.T
	idp  *identitytest.Provider
	rp   *oidc.Provider
	cfg  oidc.Config
	jwks string
}

func newRig(t *testing.T, change ...func(*oidc.Config)) *rig {
	t.Helper()
	keys := testKeys()
	idp, err := identitytest.Start(identitytest.Config{Key: keys[0]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	r := &rig{t: t, idp: idp}
	r.cfg = oidc.Config{
		Issuer: idp.Issuer(), ClientID: "bode-test", Service: "BODE_TEST_LOGIN", RedirectURL: redirectURL,
		SigningKey: keys[1], EncryptionKeys: []oidc.Key{{Private: keys[2]}},
		HTTPClient: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}},
	}
	for _, c := range change {
		c(&r.cfg)
	}
	r.rp, err = oidc.New(t.Context(), r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	published := httptest.NewServer(r.rp.JWKSHandler())
	t.Cleanup(published.Close)
	r.jwks = published.URL
	client := identitytest.Client{
		ID: "bode-test", Services: []string{"BODE_TEST_LOGIN", "BODE_TEST_IDENT"},
		RedirectURLs: []string{redirectURL}, JWKSURL: published.URL,
	}
	if r.cfg.ApprovalService != "" {
		client.Approvals = []string{"BODE_TEST_APPROVE"}
	}
	idp.AddClient(client)
	return r
}

// start is what a Challenge of this package holds, opened up so that tests can
// tamper with it.
type start struct {
	URL      string `json:"-"`
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Level    string `json:"level"`
	Text     string `json:"text"`
	Request  string `json:"request"`
}

func (s start) saved() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return b
}

// begun begins with p and opens what it saved.
func begun(t *testing.T, p *oidc.Provider, a identity.Ask) start {
	t.Helper()
	c, err := p.Begin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	s := start{URL: c.URL}
	if err := json.Unmarshal(c.Saved, &s); err != nil || c.Form != identity.FormRedirect || c.Key != s.State {
		t.Fatalf("challenge: form %q, key %q, %v", c.Form, c.Key, err)
	}
	return s
}

func (r *rig) begin() start {
	r.t.Helper()
	return begun(r.t, r.rp, identity.Ask{Language: "nl"})
}

// answer goes to the page and comes back with the query of the redirect.
func (r *rig) answer(s start, c identitytest.Choice) url.Values {
	r.t.Helper()
	to, err := identitytest.Answer(r.t.Context(), http.DefaultClient, s.URL, c)
	if err != nil {
		r.t.Fatal(err)
	}
	return to.Query()
}

func (r *rig) finish(s start, q url.Values) (identity.Proof, error) {
	return finish(r.t.Context(), r.rp, s, q, time.Now())
}

func finish(ctx context.Context, p *oidc.Provider, s start, q url.Values, at time.Time) (identity.Proof, error) {
	return p.Finish(ctx, s.saved(), identity.Answer{Values: q}, at)
}

// identify is the whole way as the first citizen.
func (r *rig) identify() (identity.Proof, error) {
	r.t.Helper()
	s := r.begin()
	return r.finish(s, r.answer(s, identitytest.Choice{Person: "lotte"}))
}

func wantRefusal(t *testing.T, p identity.Proof, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error = %v, want %v", err, want)
	}
	if p.Subject != "" || p.Family != "" || p.Level != identity.LevelNone || p.Token != nil {
		t.Errorf("proof is not empty beside an error: method %q level %q", p.Method, p.Level)
	}
	for _, other := range []error{oidc.ErrState, oidc.ErrRefused, oidc.ErrUnavailable, oidc.ErrConfig,
		oidc.ErrCode, oidc.ErrToken, oidc.ErrLevel, oidc.ErrClaims} {
		if !errors.Is(want, other) && errors.Is(err, other) {
			t.Errorf("error %v is also %v", err, other)
		}
	}
	faced := 0 // a face knows exactly one thing to do
	for _, known := range []error{identity.ErrLoginRefused, identity.ErrLoginStale, identity.ErrLoginLevel,
		identity.ErrLoginUnavailable, identity.ErrLoginUnusable, identity.ErrLoginDocument} {
		if errors.Is(err, known) {
			faced++
		}
	}
	if faced != 1 {
		t.Errorf("error %v is %d of the family of a face", err, faced)
	}
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
