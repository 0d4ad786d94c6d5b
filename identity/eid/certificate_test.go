package eid_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eid"
	"github.com/bode-erds/bode/identity/eidtest"
)

// named is a change that adds an attribute to the subject.
func named(value string, oid ...int) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject.ExtraNames = append(c.Subject.ExtraNames, pkix.AttributeTypeAndValue{Type: oid, Value: value})
	}
}

// without is a change that takes an attribute out of the subject.
func without(oid ...int) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		var left []pkix.AttributeTypeAndValue
		for _, a := range c.Subject.ExtraNames {
			if !a.Type.Equal(oid) {
				left = append(left, a)
			}
		}
		c.Subject.ExtraNames = left
	}
}

// TestCertificatesThatIdentifyNobody are all signed by our own CA, with a good
// signature over the challenge and a good answer of the responder.
func TestCertificatesThatIdentifyNobody(t *testing.T) {
	t.Parallel()
	a := authority(t)
	w := webEID(t, verifier(t, a))
	usage := func(u x509.KeyUsage) func(*x509.Certificate) { return func(c *x509.Certificate) { c.KeyUsage = u } }
	purposes := func(p ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = p }
	}
	number := func(n string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { without(2, 5, 4, 5)(c); named(n, 2, 5, 4, 5)(c) }
	}
	bad := "85073003329"
	if identity.ValidNationalNumber(bad) {
		t.Fatal("that number is one")
	}
	for name, tc := range map[string]struct {
		change func(*x509.Certificate)
		want   error
	}{
		"signing policy of root 6":  {eidtest.Policy(eidtest.CitizenSigning), eid.ErrSigningCertificate},
		"signing policy of root 4":  {eidtest.Policy("2.16.56.12.1.1.2.1"), eid.ErrSigningCertificate},
		"signing policy, foreigner": {eidtest.Policy("2.16.56.10.1.1.7.1"), eid.ErrSigningCertificate},
		"both policies":             {eidtest.Policy(eidtest.CitizenAuthentication, eidtest.CitizenSigning), eid.ErrSigningCertificate},
		"key usage of signatures":   {usage(x509.KeyUsageContentCommitment), eid.ErrSigningCertificate},
		"key usage of both":         {usage(x509.KeyUsageContentCommitment | x509.KeyUsageDigitalSignature), eid.ErrSigningCertificate},
		"no key usage":              {usage(0), eid.ErrPurpose},
		"key usage of encryption":   {usage(x509.KeyUsageKeyEncipherment), eid.ErrPurpose},
		"a CA":                      {func(c *x509.Certificate) { c.IsCA = true }, eid.ErrPurpose},
		"for servers":               {purposes(x509.ExtKeyUsageServerAuth), eid.ErrPurpose},
		"for any purpose":           {purposes(x509.ExtKeyUsageAny), eid.ErrPurpose},
		"for a purpose nobody knows": {func(c *x509.Certificate) {
			c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{1, 2, 3}}
		}, eid.ErrPurpose},
		"for answers of responders": {purposes(x509.ExtKeyUsageOCSPSigning), eid.ErrPurpose},
		"no policy":                 {eidtest.Policy(), eid.ErrPolicy},
		"another policy":            {eidtest.Policy("2.16.56.12.1.1.2.3"), eid.ErrPolicy},
		"a policy below ours":       {eidtest.Policy(eidtest.CitizenAuthentication + ".1"), eid.ErrPolicy},
		"a policy above ours":       {eidtest.Policy("2.16.56.13.6.1.1"), eid.ErrPolicy},
		"any policy":                {eidtest.Policy("2.5.29.32.0"), eid.ErrPolicy},
		"expired":                   {func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }, eid.ErrExpired},
		"not yet valid":             {func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, eid.ErrNotYetValid},
		"unknown critical extension": {func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}, eid.ErrIssuer},
		"no family name":               {without(2, 5, 4, 4), eid.ErrPerson},
		"two family names":             {named("Janssens", 2, 5, 4, 4), eid.ErrPerson},
		"two given names apart":        {named("An", 2, 5, 4, 42), eid.ErrPerson},
		"two numbers":                  {named("85073003328", 2, 5, 4, 5), eid.ErrPerson},
		"no number":                    {without(2, 5, 4, 5), eid.ErrPerson},
		"check digits":                 {number(bad), eid.ErrPerson},
		"number with a prefix":         {number("PNOBE-" + ann().NationalNumber), eid.ErrPerson},
		"number with points":           {number("85.07.30-033.28"), eid.ErrPerson},
		"number in other digits":       {number("８５０７３００３３２８"), eid.ErrPerson},
		"an organisation":              {named("Bode NV", 2, 5, 4, 10), eid.ErrPerson},
		"an organisation's identifier": {named("NTRBE-0671516647", 2, 5, 4, 97), eid.ErrPerson},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := identify(t, w, issue(t, a, ann(), tc.change), time.Now())
			refused(t, p, err, tc.want, identity.ErrLoginDocument)
			if err != nil && strings.Contains(err.Error(), ann().NationalNumber[:8]) {
				t.Error("the error tells the number")
			}
		})
	}
	if a.Asked() != 0 {
		t.Errorf("%d questions about certificates that were refused anyway", a.Asked())
	}
}

// TestOtherIssuers are certificates like ours, by CAs that are not.
func TestOtherIssuers(t *testing.T) {
	t.Parallel()
	a, stranger := authority(t), authority(t) // of the same names
	w := webEID(t, verifier(t, a))
	p, err := identify(t, w, issue(t, stranger, ann()), time.Now())
	refused(t, p, err, eid.ErrIssuer, identity.ErrLoginDocument)

	anchors, err := eid.NewAnchors(a.Root, a.Citizen)
	if err != nil {
		t.Fatal(err)
	}
	p, err = identify(t, webEID(t, verifier(t, a, func(c *eid.Config) { c.Anchors = anchors })), issue(t, a, nour()), time.Now())
	refused(t, p, err, eid.ErrIssuer, identity.ErrLoginDocument)

	// A card in the place of a CA.
	card := issue(t, a, ann())
	under, err := a.Under(card, nour())
	if err != nil {
		t.Fatal(err)
	}
	p, err = identify(t, w, under, time.Now())
	refused(t, p, err, eid.ErrIssuer, identity.ErrLoginDocument)
}

// TestAnchorsEnd: a CA whose time is over, or its root's, signs nobody in.
func TestAnchorsEnd(t *testing.T) {
	t.Parallel()
	long := func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(40, 0, 0) }
	a := authority(t)
	w := webEID(t, verifier(t, a))
	for _, years := range []int{13, 25} { // the CA lives 12 years, the root 20
		p, err := identify(t, w, issue(t, a, ann(), long), time.Now().AddDate(years, 0, 0))
		refused(t, p, err, eid.ErrIssuer, identity.ErrLoginDocument)
	}
	// A root that ends before its CA takes the CA with it.
	short, err := a.Prolong(5)
	if err != nil {
		t.Fatal(err)
	}
	anchors, err := eid.NewAnchors(short, a.Citizen)
	if err != nil {
		t.Fatal(err)
	}
	under := webEID(t, verifier(t, a, func(c *eid.Config) { c.Anchors = anchors }))
	p, err := identify(t, under, issue(t, a, ann(), long), time.Now().AddDate(6, 0, 0))
	refused(t, p, err, eid.ErrIssuer, identity.ErrLoginDocument)
	p, err = identify(t, w, issue(t, a, ann(), func(c *x509.Certificate) { c.NotBefore = time.Now().AddDate(-2, 0, 0) }), time.Now().AddDate(-1, 0, 0))
	refused(t, p, err, eid.ErrIssuer, identity.ErrLoginDocument)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	anchors, err := eid.NewAnchors(authority(t).Certificates()...)
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]eid.Config{
		"no anchors":       {},
		"policy":           {Anchors: anchors, Authentication: []string{"citizen"}},
		"empty arc":        {Anchors: anchors, Signing: []string{"2..1"}},
		"policy for both":  {Anchors: anchors, Authentication: []string{"2.16.56"}, Signing: []string{"2.16.56"}},
		"URL as responder": {Anchors: anchors, Responders: []string{"http://ocsp.example"}},
		"path":             {Anchors: anchors, Responders: []string{"ocsp.example/eid"}},
		"empty responder":  {Anchors: anchors, Responders: []string{""}},
		"user":             {Anchors: anchors, WithoutNonce: []string{"a@ocsp.example"}},
		"age":              {Anchors: anchors, MaxAge: 25 * time.Hour},
		"negative age":     {Anchors: anchors, MaxAge: -time.Hour},
		"skew":             {Anchors: anchors, Skew: time.Hour},
	} {
		if _, err := eid.New(cfg); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	if _, err := eid.New(eid.Config{Anchors: anchors}); err != nil {
		t.Error(err)
	}
}

// TestErrorsSayWhatToDo: a face knows only the family.
func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	families := []error{identity.ErrLoginRefused, identity.ErrLoginStale, identity.ErrLoginLevel, identity.ErrLoginUnavailable,
		identity.ErrLoginUnusable, identity.ErrLoginDocument}
	for _, err := range []error{eid.ErrToken, eid.ErrSignature, eid.ErrPurpose, eid.ErrSigningCertificate,
		eid.ErrPolicy, eid.ErrNotYetValid, eid.ErrExpired, eid.ErrIssuer, eid.ErrPerson, eid.ErrRevoked, eid.ErrResponder, eid.ErrResponse,
		eid.ErrDeposit, eid.ErrArtefact} {
		n := 0
		for _, f := range families {
			if errors.Is(err, f) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%v is of %d families", err, n)
		}
	}
}
