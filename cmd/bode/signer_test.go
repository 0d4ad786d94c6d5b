package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/digitorus/pdf"
	pdfsign "github.com/digitorus/pdfsign/sign"

	"github.com/bode-erds/bode/identity"
	qes "github.com/bode-erds/bode/identity/statement"
)

// notary issues qualified certificates to citizens, and takes none back.
type notary struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newNotary(t *testing.T) *notary {
	t.Helper()
	n := &notary{t: t}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		Subject: pkix.Name{CommonName: "Throw-away Qualified CA", Organization: []string{"Throw-away QTSP"}, Country: []string{"LU"}},
		IsCA:    true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	n.cert, n.key = n.issue(tpl)
	return n
}

// issue makes a key and its certificate: its own, when there is no issuer yet.
func (n *notary) issue(tpl *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	n.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		n.t.Fatal(err)
	}
	parent, by := n.cert, n.key
	if parent == nil {
		parent, by = tpl, key
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, parent, key.Public(), by)
	if err != nil {
		n.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		n.t.Fatal(err)
	}
	return cert, key
}

// means trusts this issuer.
func (n *notary) means() identity.Means {
	n.t.Helper()
	anchors, err := qes.NewAnchors(n.cert)
	if err != nil {
		n.t.Fatal(err)
	}
	m, err := qes.New(qes.Config{Service: "Bode", Anchors: anchors,
		Revocation: func(context.Context, *x509.Certificate, *x509.Certificate, time.Time) ([]byte, error) {
			return nil, nil
		}})
	if err != nil {
		n.t.Fatal(err)
	}
	return m
}

// qualified says that a certificate is qualified, for signatures, with its key in
// a qualified device: EN 319 412-5 §4.2, §4.3.
func (n *notary) qualified() pkix.Extension {
	n.t.Helper()
	etsi := func(arcs ...int) asn1.ObjectIdentifier {
		return append(asn1.ObjectIdentifier{0, 4, 0, 1862, 1}, arcs...)
	}
	der, err := asn1.Marshal(struct {
		Compliance, Device struct{ ID asn1.ObjectIdentifier }
		Type               struct {
			ID  asn1.ObjectIdentifier
			Are []asn1.ObjectIdentifier
		}
	}{
		struct{ ID asn1.ObjectIdentifier }{etsi(1)}, struct{ ID asn1.ObjectIdentifier }{etsi(4)},
		struct {
			ID  asn1.ObjectIdentifier
			Are []asn1.ObjectIdentifier
		}{etsi(6), []asn1.ObjectIdentifier{etsi(6, 1)}},
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}, Value: der}
}

// sign signs a document as somebody does with a program of their own.
func (n *notary) sign(doc []byte, given, family, number string) []byte {
	n.t.Helper()
	part := func(arc int, value string) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, arc}, Value: value}
	}
	cert, key := n.issue(&x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		Subject: pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{part(6, "BE"), part(3, given+" "+family), part(4, family), part(42, given),
			part(5, "PNOBE-"+number)}}, KeyUsage: x509.KeyUsageContentCommitment, ExtraExtensions: []pkix.Extension{n.qualified()}})
	r, err := pdf.NewReader(bytes.NewReader(doc), int64(len(doc)))
	if err != nil {
		n.t.Fatal(err)
	}
	var out bytes.Buffer
	//lint:ignore SA1019 the builder takes no signing time
	err = pdfsign.SignWithData(bytes.NewReader(doc), &out, r, int64(len(doc)), pdfsign.SignData{
		Signature: pdfsign.SignDataSignature{CertType: pdfsign.ApprovalSignature, Info: pdfsign.SignDataSignatureInfo{Name: given, Date: time.Now()}},
		Signer:    key, DigestAlgorithm: crypto.SHA256, Certificate: cert, SubFilter: pdfsign.SubFilterETSICAdESDetached})
	if err != nil {
		n.t.Fatal(err)
	}
	return out.Bytes()
}
