package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/xades"
)

// heldKey is a key in memory with any certificates.
type heldKey struct {
	crypto.Signer
	certs []*x509.Certificate
}

func (k heldKey) Certificates() []*x509.Certificate { return k.certs }

// brokenCertificates seals with certificates that do not allow it, below a root
// that is trusted, and asks whoever trusts somebody else.
func brokenCertificates(t *testing.T, w, other *world) (list []sample) {
	doc := w.pieces[own].XML
	trusting := func(seal, tsa *x509.CertPool) evidence.Trust { return evidence.Trust{Seal: seal, TSA: tsa} }
	empty := x509.NewCertPool()
	for name, c := range map[string]struct {
		trust evidence.Trust
		want  string
	}{
		"nobody trusted":                  {evidence.Trust{}, "timestamp"},
		"nobody trusted to seal":          {trusting(nil, w.trust.TSA), "certificate"},
		"nobody trusted to stamp":         {trusting(w.trust.Seal, nil), "timestamp"},
		"empty folder of seals":           {trusting(empty, w.trust.TSA), "certificate"},
		"empty folder of time-stamps":     {trusting(w.trust.Seal, empty), "timestamp"},
		"strangers trusted to seal":       {trusting(other.trust.Seal, w.trust.TSA), "certificate"},
		"strangers trusted to stamp":      {trusting(w.trust.Seal, other.trust.TSA), "timestamp"},
		"anchors exchanged":               {trusting(w.trust.TSA, w.trust.Seal), "timestamp"},
		"who stamps is trusted to seal":   {trusting(w.trust.TSA, w.trust.TSA), "certificate"},
		"who seals is trusted to stamp":   {trusting(w.trust.Seal, w.trust.Seal), "timestamp"},
		"everything is somebody else's":   {other.trust, "timestamp"},
		"the log of somebody else's only": {evidence.Trust{Log: other.trust.Log}, "timestamp"},
	} {
		list = append(list, sample{"anchors: " + name, doc, evidence.Beside{}, c.trust, c.want})
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	short, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	odd, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	check(t, err)
	for _, c := range []struct {
		name      string
		authority crypto.Signer
		change    func(leaf, authority *x509.Certificate)
	}{
		{"", key, func(_, _ *x509.Certificate) {}}, // the one that is good
		{"expired", key, func(leaf, _ *x509.Certificate) { leaf.NotAfter = w.at.Add(-time.Minute) }},
		{"not yet valid", key, func(leaf, _ *x509.Certificate) { leaf.NotBefore = w.at.Add(time.Minute) }},
		{"is an authority's", key, func(leaf, _ *x509.Certificate) { leaf.IsCA, leaf.BasicConstraintsValid = true, true }},
		{"not for signing", key, func(leaf, _ *x509.Certificate) { leaf.KeyUsage = x509.KeyUsageKeyEncipherment }},
		{"without key usage", key, func(leaf, _ *x509.Certificate) { leaf.KeyUsage = 0 }},
		{"unknown critical extension", key, func(leaf, _ *x509.Certificate) {
			leaf.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}},
		{"authority expired", key, func(_, ca *x509.Certificate) { ca.NotAfter = w.at.Add(-time.Minute) }},
		{"authority is none", key, func(_, ca *x509.Certificate) { ca.IsCA = false }},
		{"authority may not issue", key, func(_, ca *x509.Certificate) { ca.KeyUsage = x509.KeyUsageDigitalSignature }},
		{"authority's short RSA key", short, func(_, _ *x509.Certificate) {}},
		{"authority's foreign curve", odd, func(_, _ *x509.Certificate) {}},
	} {
		held, root := below(t, w.at, key, c.authority, c.change)
		s, err := xades.New(xades.Config{Key: evidence.FixedKey(held), Stamper: w.Stamper()})
		check(t, err)
		trust := w.trust
		trust.Seal = x509.NewCertPool()
		trust.Seal.AddCert(root)
		doc := seal(t, s, evidencetest.Document(evidence.ContentHandover), w.at)
		if c.name != "" {
			list = append(list, sample{"certificate: " + c.name, doc, evidence.Beside{}, trust, "certificate"})
		} else if r := (xades.Checker{}).Check(doc, trust); !r.OK() {
			t.Errorf("the good certificate is refused: %s", r.Failures())
		}
	}
	return list
}

// below gives key a certificate by an authority below a root.
func below(t *testing.T, at time.Time, key, authority crypto.Signer, change func(leaf, authority *x509.Certificate)) (heldKey, *x509.Certificate) {
	t.Helper()
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := func(name string, n int64, ca bool) *x509.Certificate {
		c := &x509.Certificate{SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: name}, IsCA: ca, BasicConstraintsValid: ca,
			KeyUsage: x509.KeyUsageDigitalSignature, NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(5, 0, 0)}
		if ca {
			c.KeyUsage = x509.KeyUsageCertSign
		}
		return c
	}
	issue := func(c, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, key)
		check(t, err)
		c, err = x509.ParseCertificate(der)
		check(t, err)
		return c
	}
	root, ca, leaf := template("Root", 1, true), template("Authority", 2, true), template("Seal", 3, false)
	change(leaf, ca)
	root = issue(root, root, rootKey.Public(), rootKey)
	ca = issue(ca, root, authority.Public(), rootKey)
	leaf = issue(leaf, ca, key.Public(), authority)
	return heldKey{key, []*x509.Certificate{leaf, ca}}, root
}

func unbase64(t *testing.T, b []byte) []byte {
	t.Helper()
	out, err := base64.StdEncoding.DecodeString(string(b))
	check(t, err)
	return out
}
