package statement

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
)

func with(t *testing.T, ids ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{qc(t, ids...)} }
}

func called(n pkix.Name) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.Subject = n }
}

func TestCertificatesThatIdentifyNobody(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	c := begun(t, s, identity.Ask{})
	for name, change := range map[string]func(*x509.Certificate){
		"not qualified":     func(c *x509.Certificate) { c.ExtraExtensions = nil },
		"device only":       with(t, oidQCDevice, oidQCSign),
		"seal":              with(t, oidQCCompliance, oidQCDevice, "0.4.0.1862.1.6.2"),
		"web site":          with(t, oidQCCompliance, oidQCDevice, "0.4.0.1862.1.6.3"),
		"no type":           with(t, oidQCCompliance, oidQCDevice),
		"law of others":     with(t, oidQCCompliance, oidQCDevice, oidQCSign, oidQCLegal),
		"statements unread": func(c *x509.Certificate) { c.ExtraExtensions[0].Value = []byte{0x30, 0x05, 1} },
		"pseudonym":         called(person(part(oidCountry, "BE"), part(oidPseudonym, "Lolo"), part(oidSurname, "Peeters"))),
		"two pseudonyms":    called(person(part(oidPseudonym, "Lolo"), part(oidPseudonym, "Lala"), part(oidSurname, "Peeters"))),
		"no name":           called(person(part(oidCountry, "BE"), part(oidCommonName, "Lotte Peeters"))),
		"two family names":  called(person(part(oidSurname, "Peeters"), part(oidSurname, "Janssens"))),
		"for encryption":    func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment },
		"an authority":      func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true },
		"expired":           func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) },
		"not yet":           func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) },
		"critical and unknown": func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oid("1.2.3.4"), Critical: true, Value: []byte{5, 0}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := finish(t, s, c, signWith(t, c.Document, a.issue(newKey(t), change), how{}))
			wantRefusal(t, p, err, ErrCertificate)
		})
	}
	stranger := newAuthority(t)
	p, err := finish(t, s, c, signWith(t, c.Document, stranger.issue(newKey(t)), how{}))
	wantRefusal(t, p, err, ErrCertificate)
	key := newKey(t)
	tpl := &x509.Certificate{SerialNumber: big.NewInt(9), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		Subject: lotte("PNOBE-85073003328"), KeyUsage: x509.KeyUsageContentCommitment, ExtraExtensions: []pkix.Extension{qualified(t)}}
	self := signer{cert: sign(t, tpl, tpl, key.Public(), key), key: key}
	p, err = finish(t, s, c, signWith(t, c.Document, self, how{}))
	wantRefusal(t, p, err, ErrCertificate)
	if a.asked != 0 {
		t.Errorf("the responder was asked %d times about certificates that nobody relies on", a.asked)
	}
}

func TestNamesAndNumbers(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	critical := func(c *x509.Certificate) { c.ExtraExtensions[0].Critical = true }
	cardPolicy := func(c *x509.Certificate) {
		id, err := x509.ParseOID("2.16.56.13.6.1.2.1000")
		if err != nil {
			t.Fatal(err)
		}
		c.Subject, c.Policies = lotte("85073003328"), []x509.OID{id}
	}
	for name, c := range map[string]struct {
		change  func(*x509.Certificate)
		number  string
		subject string
	}{
		"national number":      {func(*x509.Certificate) {}, "85073003328", "PNOBE-85073003328"},
		"critical statements":  {critical, "85073003328", "PNOBE-85073003328"},
		"belgian card":         {cardPolicy, "85073003328", "85073003328"},
		"digits of a stranger": {called(lotte("85073003328")), "", "85073003328"},
		"check fails":          {called(lotte("PNOBE-85073003329")), "", "PNOBE-85073003329"},
		"too short":            {called(lotte("PNOBE-8507300332")), "", "PNOBE-8507300332"},
		"card number":          {called(lotte("IDCBE-592999999999")), "", "IDCBE-592999999999"},
		"passport":             {called(lotte("PASBE-85073003328")), "", "PASBE-85073003328"},
		"of the Netherlands":   {called(lotte("PNONL-85073003328")), "", "PNONL-85073003328"},
		"luxtrust":             {called(lotte("10109898760012345678")), "", "10109898760012345678"},
	} {
		h, err := readHolder(a.issue(newKey(t), c.change).cert)
		if err != nil || h.number != c.number || h.subject != c.subject || h.family != "Peeters" {
			t.Errorf("%s: number %q subject %q, %v", name, h.number, h.subject, err)
		}
	}
	nobody := person(part(oidSurname, "  Van  den Broeck "))
	h, err := readHolder(a.issue(newKey(t), called(nobody)).cert)
	if err != nil || h.family != "Van den Broeck" || h.given != "" || len(h.subject) != 71 {
		t.Errorf("%q %q %q, %v", h.family, h.given, h.subject, err)
	}
}

func TestOrganisationOfASigner(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	boss := a.issue(newKey(t), called(person(part(oidSurname, "Peeters"), part(oidGivenName, "Lotte"), part(oidOrganisation, "NTRBE-0671516647"))))
	c := begun(t, s, identity.Ask{})
	by, err := s.Check(t.Context(), c.Document, signWith(t, c.Document, boss, how{}), time.Now())
	if err != nil || by.Organisation != "NTRBE-0671516647" || !by.Qualified || by.Family != "Peeters" || by.At.IsZero() || by.Issuer == "" {
		t.Errorf("%+v, %v", by, err)
	}
	for name, doc := range map[string][]byte{"unsigned": c.Document, "other": []byte("%PDF-1.4"), "seal": signWith(t, c.Document,
		a.issue(newKey(t), with(t, oidQCCompliance, oidQCDevice, "0.4.0.1862.1.6.2")), how{})} {
		if _, err := s.Check(t.Context(), c.Document, doc, time.Now()); !errors.Is(err, identity.ErrNotSigned) {
			t.Errorf("%s: %v", name, err)
		}
	}
	a.server.Close()
	if _, err := s.Check(t.Context(), c.Document, signWith(t, c.Document, boss, how{}), time.Now()); err == nil || errors.Is(err, identity.ErrNotSigned) {
		t.Errorf("nobody could look, and it says %v", err)
	}
}
