package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/digitorus/timestamp"

	"github.com/bode-erds/bode/evidence"
)

// unit is a time-stamping unit below a root of its own.
type unit struct {
	root, cert *x509.Certificate
	key        crypto.Signer
}

var timeStamping = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}

// usage is the extended key usage extension.
func usage(t *testing.T, critical bool, oids ...asn1.ObjectIdentifier) []pkix.Extension {
	t.Helper()
	v, err := asn1.Marshal(oids)
	check(t, err)
	return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: critical, Value: v}}
}

// newUnit makes a unit whose certificate is as change has it.
func newUnit(t *testing.T, key crypto.Signer, at time.Time, change func(*x509.Certificate)) unit {
	t.Helper()
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	issue := func(c, parent *x509.Certificate, pub crypto.PublicKey) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, rootKey)
		check(t, err)
		c, err = x509.ParseCertificate(der)
		check(t, err)
		return c
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: at.AddDate(-9, 0, 0), NotAfter: at.AddDate(9, 0, 0)}
	root = issue(root, root, rootKey.Public())
	c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Unit"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(1, 0, 0), ExtraExtensions: usage(t, true, timeStamping)}
	change(c)
	return unit{root, issue(c, root, key.Public()), key}
}

// stamp gives a token over imprint, which h made.
func (u unit) stamp(t *testing.T, h crypto.Hash, imprint []byte, at time.Time) []byte {
	t.Helper()
	ts := timestamp.Timestamp{HashAlgorithm: h, HashedMessage: imprint, Time: at, Policy: asn1.ObjectIdentifier{1, 2, 3}, AddTSACertificate: true}
	reply, err := ts.CreateResponseWithOpts(u.cert, u.key, crypto.SHA256)
	check(t, err)
	var resp struct{ Status, Token asn1.RawValue }
	_, err = asn1.Unmarshal(reply, &resp)
	check(t, err)
	return resp.Token.FullBytes
}

// brokenTokens has time-stamps of everything but this signature, by everybody
// but an authority that may.
func brokenTokens(t *testing.T, w, other *world) (list []sample) {
	xml := w.pieces[own].XML
	add := func(name string, token []byte, trust evidence.Trust) {
		list = append(list, sample{"token: " + name, withToken(xml, token), evidence.Beside{}, trust, "timestamp"})
	}
	_, encoded, _ := between(xml, "<xades:EncapsulatedTimeStamp>", "</xades:EncapsulatedTimeStamp>")
	good := unbase64(t, encoded)
	over := func(w *world, data []byte) []byte {
		token, err := w.Stamper().Stamp(t.Context(), data)
		check(t, err)
		return token
	}
	add("nothing", nil, w.trust)
	add("over other data", over(w, make([]byte, 32)), w.trust)
	add("of another evidence", over(w, imprint(w.pieces[0].XML)), w.trust)
	add("by a stranger", over(other, imprint(xml)), w.trust)
	add("cut short", good[:len(good)-1], w.trust)
	add("one octet more", append(bytes.Clone(good), 0), w.trust)
	add("a whole response", append([]byte{0x30, 0x82, byte((len(good) + 5) >> 8), byte(len(good) + 5), 0x30, 3, 2, 1, 0}, good...), w.trust)
	add("a certificate", w.SealKey().Certificates()[0].Raw, w.trust)
	add("no DER", []byte("a time-stamp"), w.trust)
	add("length without end", append([]byte{0x30, 0x80}, good[4:]...), w.trust)
	add("longer than any token", append(bytes.Clone(good), make([]byte, 1<<17)...), w.trust)
	for i := 0; i < len(good); i += len(good)/24 + 1 {
		b := bytes.Clone(good)
		b[i] ^= 0x10
		add(fmt.Sprintf("octet %d", i), b, w.trust)
	}
	policy := w.trust
	policy.Policies = []string{"1.2.3.4"}
	add("of another policy", good, policy)
	list[len(list)-1].doc = xml

	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	check(t, err)
	short, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	serverAuth := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	for _, c := range []struct {
		name   string
		key    crypto.Signer
		change func(*x509.Certificate)
	}{
		{"", p256, func(*x509.Certificate) {}}, // the one that is good
		{"unit without usage", p256, func(c *x509.Certificate) { c.ExtraExtensions = nil }},
		{"usage not critical", p256, func(c *x509.Certificate) { c.ExtraExtensions = usage(t, false, timeStamping) }},
		{"usage for servers", p256, func(c *x509.Certificate) { c.ExtraExtensions = usage(t, true, serverAuth) }},
		{"two usages", p256, func(c *x509.Certificate) { c.ExtraExtensions = usage(t, true, timeStamping, serverAuth) }},
		{"any usage", p256, func(c *x509.Certificate) {
			c.ExtraExtensions = usage(t, true, asn1.ObjectIdentifier{2, 5, 29, 37, 0})
		}},
		{"unit expired", p256, func(c *x509.Certificate) { c.NotAfter = w.at.Add(-time.Minute) }},
		{"unit not yet valid", p256, func(c *x509.Certificate) { c.NotBefore = w.at.Add(time.Minute) }},
		{"short RSA key", short, func(*x509.Certificate) {}},
		{"curve that is not ours", p224, func(*x509.Certificate) {}},
	} {
		u := newUnit(t, c.key, w.at, c.change)
		trust := w.trust
		trust.TSA = x509.NewCertPool()
		trust.TSA.AddCert(u.root)
		token := u.stamp(t, crypto.SHA256, imprint(xml), w.at)
		if c.name != "" {
			add(c.name, token, trust)
			continue
		}
		if _, err := evidence.VerifyToken(token, imprint(xml), trust); err != nil {
			t.Errorf("the good unit is refused: %v", err)
		}
		for _, h := range []crypto.Hash{crypto.SHA384, crypto.SHA512} {
			d := h.New()
			d.Write(imprint(xml))
			add("digest by "+h.String(), u.stamp(t, h, d.Sum(nil), w.at), trust)
		}
		add("time before the signing", u.stamp(t, crypto.SHA256, imprint(xml), w.at.Add(-time.Hour)), trust)
	}
	return list
}
