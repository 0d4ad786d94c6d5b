package eid

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Anchors are the CAs that issue cards ("Citizen CA", "Foreigner CA"), each under
// a root that is there too. Cards and the Web eID extension send no CA, so all
// of them are configured. Safe for concurrent use.
type Anchors struct{ issuers []anchor }

// anchor is an issuing CA with the root that signed it.
type anchor struct{ issuer, root *x509.Certificate }

// ReadAnchors reads the PEM files (.pem, .crt, .cer) of a folder; see
// [NewAnchors]. A file without a certificate is an error: it was meant to be one.
func ReadAnchors(dir string) (*Anchors, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("eid: anchors: %w", err)
	}
	var certs []*x509.Certificate
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".pem", ".crt", ".cer":
		default:
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("eid: anchors: %w", err)
		}
		found, err := readPEM(b)
		if err != nil {
			return nil, fmt.Errorf("eid: anchors: %s: %w", e.Name(), err)
		}
		certs = append(certs, found...)
	}
	return NewAnchors(certs...)
}

func readPEM(b []byte) (certs []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds %.40q", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("holds no certificate in PEM")
	}
	return certs, nil
}

// NewAnchors sorts certificates into roots, which name themselves as issuer, and
// issuing CAs. A CA is its name and its key: the same two in another certificate
// (a root that was prolonged) is welcome, the same name with another key is not,
// nor is a certificate twice, one that is no CA, a weak key, or an issuing CA
// whose root is not there.
func NewAnchors(certs ...*x509.Certificate) (*Anchors, error) {
	var roots, issuers []*x509.Certificate
	for i, c := range certs {
		if err := checkCA(c, certs[:i]); err != nil {
			return nil, fmt.Errorf("eid: anchor %q: %w", c.Subject, err)
		}
		if bytes.Equal(c.RawSubject, c.RawIssuer) {
			roots = append(roots, c)
		} else {
			issuers = append(issuers, c)
		}
	}
	if len(issuers) == 0 {
		return nil, errors.New("eid: anchors: no CA that issues cards")
	}
	var a Anchors
	for _, c := range issuers {
		found := false
		for _, root := range roots {
			if bytes.Equal(c.RawIssuer, root.RawSubject) && c.CheckSignatureFrom(root) == nil {
				a.issuers, found = append(a.issuers, anchor{c, root}), true
			}
		}
		if !found {
			return nil, fmt.Errorf("eid: anchor %q: the root that signed it is not there", c.Subject)
		}
	}
	return &a, nil
}

func checkCA(c *x509.Certificate, before []*x509.Certificate) error {
	if !c.IsCA || !c.BasicConstraintsValid || c.KeyUsage&x509.KeyUsageCertSign == 0 {
		return errors.New("is no CA")
	}
	if !strong(c.PublicKey) {
		return errors.New("its key is weak")
	}
	for _, o := range before {
		switch {
		case bytes.Equal(o.Raw, c.Raw):
			return errors.New("is there twice")
		case bytes.Equal(o.RawSubject, c.RawSubject) && !bytes.Equal(o.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo):
			return errors.New("is there with two keys")
		}
	}
	return nil
}

// strong accepts the NIST curves from P-256 and RSA of a sensible size.
func strong(key any) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return k.Curve.Params().BitSize >= 256
	case *rsa.PublicKey:
		return k.N.BitLen() >= minRSA && k.N.BitLen() <= maxRSA
	}
	return false
}

// Certificates are the issuing CAs, for an operator to look at.
func (a *Anchors) Certificates() []*x509.Certificate {
	certs := make([]*x509.Certificate, 0, len(a.issuers))
	for _, c := range a.issuers {
		certs = append(certs, c.issuer)
	}
	return certs
}

// pool is what TLS sends to browsers, which offer only certificates by these.
func (a *Anchors) pool() *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range a.issuers {
		p.AddCert(c.issuer)
	}
	return p
}

// chain is the CA that issued leaf and its root, both valid at that time.
// Errors: ErrIssuer.
//
// RFC 5280 §6.1
func (a *Anchors) chain(leaf *x509.Certificate, at time.Time) (anchor, error) {
	err := errors.New("no CA of that name")
	for _, c := range a.issuers {
		if !bytes.Equal(c.issuer.RawSubject, leaf.RawIssuer) {
			continue
		}
		if !within(c.root, at) {
			err = errors.New("its root is not valid at that time")
			continue
		}
		only := x509.NewCertPool()
		only.AddCert(c.issuer)
		_, err = leaf.Verify(x509.VerifyOptions{Roots: only, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if err == nil {
			return c, nil
		}
	}
	return anchor{}, fmt.Errorf("%w: %w", ErrIssuer, err)
}

func within(c *x509.Certificate, at time.Time) bool {
	return !at.Before(c.NotBefore) && !at.After(c.NotAfter)
}
