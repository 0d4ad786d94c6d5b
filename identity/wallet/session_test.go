package wallet

import (
	"encoding/json"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/wallettest"
)

// present opens a request and posts a presentation to it.
func (r *rig) present(t testing.TB, c identity.Challenge, w *wallettest.Wallet) (request *wallettest.Request, redirect string) {
	t.Helper()
	request, err := w.Open(t.Context(), c.URL)
	if err != nil {
		t.Fatal(err)
	}
	if redirect, err = w.Present(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	return request, redirect
}

// The answer counts only in the browser that the wallet sent back, and only in
// the session that began.
//
// HAIP 1.0 §5.1; OpenID4VP 1.0 §14.3
func TestSameSession(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := r.begin(t)
	_, redirect := r.present(t, c, r.wallet(wallettest.FormatSDJWT, ""))
	_, _, query := cut(redirect)
	code, direct := query.Get("response_code"), r.box.answer(c.Key)
	other := r.begin(t)
	for name, v := range map[string]struct {
		saved  []byte
		values url.Values
		direct []byte
	}{
		"no code":               {c.Saved, nil, direct},
		"empty code":            {c.Saved, url.Values{"response_code": {""}}, direct},
		"other code":            {c.Saved, url.Values{"response_code": {code[1:] + "A"}}, direct},
		"code twice":            {c.Saved, url.Values{"response_code": {code, code}}, direct},
		"no answer":             {c.Saved, url.Values{"response_code": {code}}, nil},
		"answer without a code": {c.Saved, url.Values{"response_code": {""}}, []byte(`{"Query":"pid_sd_jwt"}`)},
		"session of another":    {other.Saved, url.Values{"response_code": {code}}, direct},
		"nothing begun":         {nil, url.Values{"response_code": {code}}, direct},
	} {
		if p, err := r.means.Finish(t.Context(), v.saved, identity.Answer{Values: v.values, Direct: v.direct}, time.Now()); !errors.Is(err, identity.ErrLoginStale) {
			t.Errorf("%s: proof of %q, error %v", name, p.Family, err)
		}
	}
	if _, err := r.finish(t, c, redirect); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

// An answer is taken once; what another request was answered with is none.
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, format := range formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			c, w := r.begin(t), r.wallet(format, "")
			request, _ := r.present(t, c, w)
			if _, err := w.Present(t.Context(), request); err == nil || err.Error() != (&wallettest.StatusError{Status: 404}).Error() {
				t.Errorf("a second answer: %v", err)
			}
			// What we know of the first, encrypted again for a second request.
			var first deposit
			if err := json.Unmarshal(r.box.answer(c.Key), &first); err != nil {
				t.Fatal(err)
			}
			if p, err := r.relay(t, w, first); err == nil {
				t.Errorf("replayed: %+v", p)
			}
		})
	}
}

// relay answers a new request of r with somebody's presentation to another one.
func (r *rig) relay(t *testing.T, w *wallettest.Wallet, d deposit) (identity.Proof, error) {
	t.Helper()
	c := r.begin(t)
	request, err := w.Open(t.Context(), c.URL)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.Encrypt(request, map[string]any{"state": c.Key, "vp_token": map[string]any{d.Query: []any{d.Token}}})
	if err != nil {
		t.Fatal(err)
	}
	redirect, err := w.Post(t.Context(), request, url.Values{"response": {answer}})
	if err != nil {
		t.Fatal(err)
	}
	return r.finish(t, c, redirect)
}

// A verifier gone bad hands on to us what a person presented to it, having taken
// our nonce for its own request.
func TestMixUp(t *testing.T) {
	t.Parallel()
	for _, format := range formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			bad := newRig(t, nil)
			good := newRig(t, func(c *Config) {
				c.Providers[0].Anchors, c.StatusOrigins = bad.means.cfg.Providers[0].Anchors, bad.means.cfg.StatusOrigins
			})
			c := good.begin(t)
			ours, err := readBegun(c.Saved)
			if err != nil {
				t.Fatal(err)
			}
			theirs := bad.begin(t)
			b, err := readBegun(theirs.Saved)
			if err != nil {
				t.Fatal(err)
			}
			b.Nonce = ours.Nonce
			bad.box.begun[theirs.Key], _ = json.Marshal(b)
			bad.present(t, theirs, bad.wallet(format, ""))
			var got deposit
			if err := json.Unmarshal(bad.box.answer(theirs.Key), &got); err != nil {
				t.Fatal(err)
			}
			s, err := ours.session()
			if err != nil {
				t.Fatal(err)
			}
			if v, err := good.means.verify(token{Query: got.Query, Presentation: got.Token, session: s}, time.Now()); err == nil {
				t.Errorf("identified %+v", v.person)
			}
			// The rest of it holds: it is our request that it does not answer.
			s.ClientID, s.ResponseURI = b.ClientID, b.ResponseURI
			theirSession, err := b.session()
			if err != nil {
				t.Fatal(err)
			}
			s.Thumbprint = theirSession.Thumbprint
			if _, err := good.means.verify(token{Query: got.Query, Presentation: got.Token, session: s}, time.Now()); err != nil {
				t.Errorf("as the answer that it is: %v", err)
			}
		})
	}
}
