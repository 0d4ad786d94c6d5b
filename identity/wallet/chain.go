package wallet

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

const (
	maxChain       = 5
	maxCertificate = 16 << 10
)

// headerChain reads the certificates of a JOSE header.
//
// RFC 7515 §4.1.6
func headerChain(header map[string]any) ([]*x509.Certificate, error) {
	list, _ := header["x5c"].([]any)
	var raw [][]byte
	for _, v := range list {
		s, ok := v.(string)
		if !ok || len(s) > 2*maxCertificate {
			return nil, errors.New("x5c is malformed")
		}
		der, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil {
			return nil, errors.New("x5c is malformed")
		}
		raw = append(raw, der)
	}
	return parseChain(raw)
}

// parseChain reads certificates, the signer's first.
func parseChain(raw [][]byte) ([]*x509.Certificate, error) {
	if len(raw) == 0 || len(raw) > maxChain {
		return nil, errors.New("certificate of the signer is missing, or there are too many")
	}
	var chain []*x509.Certificate
	for _, der := range raw {
		if len(der) > maxCertificate {
			return nil, errors.New("a certificate is too long")
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errors.New("a certificate cannot be read")
		}
		chain = append(chain, c)
	}
	return chain, nil
}

// issuer finds the provider whose anchor a chain leads to, and the key of the
// signer. The network is not asked: what is missing from the chain is missing.
//
// HAIP 1.0 §6.1.1; RFC 5280 §6.1
func (w *Wallet) issuer(chain []*x509.Certificate, at time.Time) (Provider, *ecdsa.PublicKey, error) {
	for _, p := range w.cfg.Providers {
		key, err := signer(chain, p.Anchors, at)
		if err == nil {
			return p, key, nil
		}
		if !errors.Is(err, errNotTrusted) {
			return Provider{}, nil, fmt.Errorf("%w: %w", ErrCredential, err)
		}
	}
	return Provider{}, nil, fmt.Errorf("%w: provider is not known", ErrCredential)
}

var errNotTrusted = errors.New("certificate leads to no anchor")

// signer verifies a chain to one of the anchors and gives the key of its first
// certificate, which must be for signatures and no authority's.
func signer(chain, anchors []*x509.Certificate, at time.Time) (*ecdsa.PublicKey, error) {
	leaf := chain[0]
	switch {
	case leaf.BasicConstraintsValid && leaf.IsCA:
		return nil, errors.New("signed by an authority's own certificate")
	case bytes.Equal(leaf.RawIssuer, leaf.RawSubject):
		return nil, errors.New("signed by a self-signed certificate")
	case leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return nil, errors.New("certificate is not for signatures")
	}
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for _, a := range anchors {
		options.Roots.AddCert(a)
	}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(options); err != nil {
		if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
			return nil, errors.New("certificate expired")
		}
		return nil, fmt.Errorf("%w: %w", errNotTrusted, err)
	}
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("certificate holds no EC key")
	}
	return key, nil
}
