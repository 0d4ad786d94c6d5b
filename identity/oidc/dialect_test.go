package oidc_test

import (
	"crypto/rsa"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/identitytest"
	"github.com/bode-erds/bode/identity/oidc"
)

func TestProofKeepsWhatTellsFraud(t *testing.T) {
	t.Parallel()
	for name, userInfo := range map[string]bool{"id_token": false, "userinfo": true} {
		r := newRig(t, func(c *oidc.Config) { c.UserInfo = userInfo })
		p, err := r.identify()
		if err != nil {
			t.Fatal(err)
		}
		if p.DocumentExpires != "2031-03-31" {
			t.Errorf("%s: document expires %q", name, p.DocumentExpires)
		}
		for claim, want := range map[string]string{
			"identification_mode": "QR", "ongoing_call": "false", "IDDocumentSN": "592999999999",
			"account": `{"activationDate":"2023-04-12T15:02:23Z","activationMechanism":"CARD_READER"}`,
			"app":     "identitytest", "verificationDate": "2023-04-12T15:02:23Z", "IDIssuingCountry": `{"family_name":"BEL"}`,
		} {
			if !strings.Contains(p.Claims[claim], want) {
				t.Errorf("%s: %s = %q", name, claim, p.Claims[claim])
			}
		}
		if len(p.Claims) != 7 || strings.Contains(p.Claims["account"], p.NationalNumber) {
			t.Errorf("%s: %d claims: %v", name, len(p.Claims), p.Claims)
		}
	}
	r := newRig(t, func(c *oidc.Config) { c.Claims = []string{"phone_number"} })
	p, err := r.identify()
	if err != nil || p.Claims["phone_number"] != "+32470000000" || p.DocumentExpires != "2031-03-31" {
		t.Errorf("phone %q, %v", p.Claims["phone_number"], err)
	}
}

// Who deletes the app's account and makes another one is the same person by the
// national number, and another subject.
func TestAnAccountMadeAnew(t *testing.T) {
	t.Parallel()
	lotte := identitytest.People()[0]
	again := lotte
	again.ID, again.Account = "again", "second"
	r := newRig(t)
	idp, err := identitytest.Start(identitytest.Config{Key: testKeys()[0], People: []identitytest.Person{lotte, again}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	idp.AddClient(identitytest.Client{ID: "bode-test", Services: []string{"BODE_TEST_LOGIN"}, RedirectURLs: []string{redirectURL}, JWKSURL: r.jwks})
	r.cfg.Issuer = idp.Issuer()
	if r.rp, err = oidc.New(t.Context(), r.cfg); err != nil {
		t.Fatal(err)
	}
	var proofs [2]identity.Proof
	for i, id := range []string{"lotte", "again"} {
		s := r.begin()
		if proofs[i], err = r.finish(s, r.answer(s, identitytest.Choice{Person: id})); err != nil {
			t.Fatal(err)
		}
	}
	if proofs[0].Subject == proofs[1].Subject || proofs[0].NationalNumber != proofs[1].NationalNumber {
		t.Error("one subject, or two numbers")
	}
}

func TestProviderChangesItsKey(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	r := newRig(t)
	old, err := r.identify()
	if err != nil {
		t.Fatal(err)
	}
	r.idp.Rotate(keys[3], "identitytest-2")
	if p, err := r.identify(); err != nil || p.Subject != old.Subject {
		t.Errorf("after the change: %v", err)
	}
	// Signed under the new name by the old key: nobody's.
	r.idp.SetFault(identitytest.ForeignSigner)
	p, err := r.identify()
	wantRefusal(t, p, err, oidc.ErrToken)
}

// Adding, switching and removing a signing key never refuses anybody.
func TestOurSigningKeyChanges(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	r := newRig(t, func(c *oidc.Config) { c.OtherSigningKeys = []*rsa.PublicKey{&testKeys()[3].PublicKey} })
	if _, err := r.identify(); err != nil { // both published, the old one signs
		t.Fatal(err)
	}
	next := r.cfg
	next.SigningKey, next.OtherSigningKeys = keys[3], []*rsa.PublicKey{&keys[1].PublicKey}
	var err error
	if r.rp, err = oidc.New(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if _, err := r.identify(); err != nil { // the provider still has the set of before
		t.Errorf("switched: %v", err)
	}
}

func TestARetiredKeyOpensUntilItsDay(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	r := newRig(t)
	for name, until := range map[string]time.Duration{"today": time.Hour, "yesterday": -time.Hour} {
		cfg := r.cfg
		cfg.EncryptionKeys = []oidc.Key{{Private: keys[3]}, {Private: keys[2], Until: time.Now().Add(until)}}
		var err error
		if r.rp, err = oidc.New(t.Context(), cfg); err != nil { // what it published is as before
			t.Fatal(err)
		}
		p, err := r.identify()
		if name == "yesterday" {
			wantRefusal(t, p, err, oidc.ErrToken)
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLevelAskedByTheErrand(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *oidc.Config) { c.ACR = oidc.ACRBasic })
	_, err := r.rp.Begin(t.Context(), identity.Ask{Level: identity.LevelHigh})
	wantRefusal(t, identity.Proof{}, err, oidc.ErrLevel)
	r = newRig(t)
	s := begun(t, r.rp, identity.Ask{Level: identity.LevelHigh})
	q := r.answer(s, identitytest.Choice{Person: "jan"})
	r.idp.SetFault(identitytest.LowerACR)
	p, err := r.finish(s, q)
	wantRefusal(t, p, err, oidc.ErrLevel)
}

func TestPlainIsForWhoSaysWhy(t *testing.T) {
	t.Parallel()
	plain := func(c *oidc.Config) { c.Plain, c.EncryptionKeys = "contract of test, article 4", nil }
	r := newRig(t, plain)
	r.idp.SetFault(identitytest.BareJWS)
	p, err := r.identify()
	if err != nil || p.Checks[1] != (identity.Check{Name: "encryption", Result: "none: contract of test, article 4"}) {
		t.Fatalf("%v, %v", p.Checks, err)
	}
	if r.rp.Method() != identity.MethodItsme {
		t.Error(r.rp.Method())
	}
	// What was agreed to come plain and comes encrypted is not what was agreed.
	r = newRig(t)
	cfg := r.cfg
	plain(&cfg)
	if r.rp, err = oidc.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	p, err = r.identify()
	wantRefusal(t, p, err, oidc.ErrToken)
}
