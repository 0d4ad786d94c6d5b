package wallet

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/lestrrat-go/jwx/v3/cert"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
	peerjws "github.com/lestrrat-go/jwx/v3/jws"

	"github.com/bode-erds/bode/identity/wallettest"
)

// Another maker's JOSE verifies our request and encrypts an answer to it; ours
// opens that, with either content encryption.
func TestPeerAnswers(t *testing.T) {
	t.Parallel()
	for _, enc := range []jwa.ContentEncryptionAlgorithm{jwa.A128GCM(), jwa.A256GCM()} {
		t.Run(enc.String(), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			c, w := r.begin(t), r.wallet(wallettest.FormatMDoc, "")
			request, err := w.Open(t.Context(), c.URL)
			if err != nil {
				t.Fatal(err)
			}
			content, err := w.Content(request)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(content)
			if err != nil {
				t.Fatal(err)
			}
			h := jwe.NewHeaders()
			if err := h.Set(jwe.KeyIDKey, keyID); err != nil {
				t.Fatal(err)
			}
			answer, err := jwe.Encrypt(raw, jwe.WithKey(jwa.ECDH_ES(), request.Key()), jwe.WithContentEncryption(enc), jwe.WithProtectedHeaders(h))
			if err != nil {
				t.Fatal(err)
			}
			redirect, err := w.Post(t.Context(), request, url.Values{"response": {string(answer)}})
			if err != nil {
				t.Fatal(err)
			}
			if p, err := r.finish(t, c, redirect); err != nil || p.Family != "Peeters" {
				t.Errorf("proof %+v, %v", p, err)
			}
		})
	}
}

func TestPeerReadsRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	b, err := readBegun(r.begin(t).Saved)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := r.means.signedRequest(b, "a nonce of the wallet")
	if err != nil {
		t.Fatal(err)
	}
	m, err := peerjws.Parse([]byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	chain, ok := m.Signatures()[0].ProtectedHeaders().X509CertChain()
	if !ok || chain.Len() != 1 {
		t.Fatal("no x5c")
	}
	der, _ := chain.Get(0)
	leaf, err := cert.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := peerjws.Verify([]byte(signed), peerjws.WithKey(jwa.ES256(), leaf.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	var got request
	if err := json.Unmarshal(payload, &got); err != nil || got.WalletNonce != "a nonce of the wallet" || got.State != b.State || got.Audience != "https://self-issued.me/v2" {
		t.Errorf("payload %s, %v", payload, err)
	}
}

// Another maker's JOSE opens what the test wallet encrypts, so that wallet and
// verifier do not only understand each other.
func TestPeerReadsWallet(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, f := range []wallettest.Fault{wallettest.None, wallettest.WithPartyInfo, wallettest.AES256} {
		c, w := r.begin(t), r.wallet(wallettest.FormatSDJWT, f)
		request, err := w.Open(t.Context(), c.URL)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := w.Encrypt(request, map[string]any{"state": c.Key})
		if err != nil {
			t.Fatal(err)
		}
		b, err := readBegun(c.Saved)
		if err != nil {
			t.Fatal(err)
		}
		key, err := b.private()
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := jwe.Decrypt([]byte(answer), jwe.WithKey(jwa.ECDH_ES(), key)); err != nil || string(plain) != `{"state":"`+c.Key+`"}` {
			t.Errorf("%s: %s, %v", f, plain, err)
		}
	}
}

// The vector of the standard, opened by the other implementation.
func TestPeerReadsVector(t *testing.T) {
	t.Parallel()
	d, err := unbase64("Et-3ce0omz8_TuZ96Df9lp0GAaaDoUnDe6X-CRO7Aww")
	if err != nil {
		t.Fatal(err)
	}
	key, err := begun{Key: d}.private()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jwe.Decrypt([]byte(vector(t, "openid4vp_response.txt")), jwe.WithKey(jwa.ECDH_ES(), key)); err != nil {
		t.Error(err)
	}
}
