package eid_test

import (
	"crypto/x509"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eid"
	"github.com/bode-erds/bode/identity/eidtest"
)

const origin = "https://bode.example"

// an is Ann, who has a card; a foreigner; and the numbers of two centuries.
func ann() eidtest.Person {
	return eidtest.Person{Given: "Ann Marie", Family: "Peeters", NationalNumber: eidtest.NationalNumber("850730", 33, false)}
}

func nour() eidtest.Person {
	return eidtest.Person{Given: "Nour", Family: "El Amrani", NationalNumber: eidtest.NationalNumber("032117", 2, true), Foreigner: true}
}

func authority(t testing.TB) *eidtest.Authority {
	t.Helper()
	a, err := eidtest.Start(eidtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func issue(t testing.TB, a *eidtest.Authority, p eidtest.Person, change ...func(*x509.Certificate)) *eidtest.Card {
	t.Helper()
	c, err := a.Issue(p, change...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func verifier(t testing.TB, a *eidtest.Authority, change ...func(*eid.Config)) *eid.Verifier {
	t.Helper()
	anchors, err := eid.NewAnchors(a.Certificates()...)
	if err != nil {
		t.Fatal(err)
	}
	cfg := eid.Config{Anchors: anchors, Responders: []string{a.Host()}}
	for _, f := range change {
		f(&cfg)
	}
	v, err := eid.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func webEID(t testing.TB, v *eid.Verifier) *eid.WebEID {
	t.Helper()
	w, err := eid.NewWebEID(v, origin)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func begin(t testing.TB, m identity.Means) identity.Challenge {
	t.Helper()
	c, err := m.Begin(t.Context(), identity.Ask{Language: "nl", Level: identity.LevelHigh})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func token(t testing.TB, c *eidtest.Card, nonce, origin string) string {
	t.Helper()
	s, err := c.Token(nonce, origin)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func answer(token string) identity.Answer {
	return identity.Answer{Values: url.Values{"token": {token}}}
}

// identify is one identification with Web eID, from begin to end.
func identify(t testing.TB, w *eid.WebEID, c *eidtest.Card, at time.Time) (identity.Proof, error) {
	t.Helper()
	ch := begin(t, w)
	return w.Finish(t.Context(), ch.Saved, answer(token(t, c, ch.Nonce, origin)), at)
}

// refused fails the test unless err is want, and of the family that tells the
// person what to do, and no Proof came with it.
func refused(t *testing.T, p identity.Proof, err, want, family error) {
	t.Helper()
	if !errors.Is(err, want) || !errors.Is(err, family) || p.Method != "" {
		t.Errorf("got %v (%s), want %v of %v", err, p.Method, want, family)
	}
}

// isError is errors.Is, for tables.
func isError(err, want error) bool { return err != nil && errors.Is(err, want) }
