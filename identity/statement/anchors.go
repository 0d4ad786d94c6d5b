package statement

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Anchors are the issuers of qualified certificates that we trust, as trusted
// lists name them: services of the type CA/QC that are granted. An issuer there
// need not be a root. eIDAS art. 22; TS 119 612 §5.5
type Anchors struct{ certs []*x509.Certificate }

// ReadAnchors reads every .pem and .crt file of a directory.
func ReadAnchors(dir string) (*Anchors, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("statement: anchors: %w", err)
	}
	var certs []*x509.Certificate
	for _, f := range files {
		if ext := filepath.Ext(f.Name()); f.IsDir() || ext != ".pem" && ext != ".crt" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, fmt.Errorf("statement: anchors: %w", err)
		}
		found := len(certs)
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("statement: anchors: %s: %w", f.Name(), err)
			}
			certs = append(certs, c)
		}
		if len(certs) == found {
			return nil, fmt.Errorf("statement: anchors: %s holds no certificate", f.Name())
		}
	}
	return NewAnchors(certs...)
}

// NewAnchors trusts these issuers. Each must be an authority with a key that is
// strong enough.
func NewAnchors(certs ...*x509.Certificate) (*Anchors, error) {
	if len(certs) == 0 {
		return nil, errors.New("statement: no anchors")
	}
	for _, c := range certs {
		if !c.IsCA || !c.BasicConstraintsValid {
			return nil, fmt.Errorf("statement: anchor %s is no authority", c.Subject)
		}
		if err := strongKey(c.PublicKey); err != nil {
			return nil, fmt.Errorf("statement: anchor %s: %w", c.Subject, err)
		}
	}
	return &Anchors{slices.Clone(certs)}, nil
}

// chain is the way from leaf to an anchor, both included. Errors: ErrCertificate.
// RFC 5280 §6.1
func (a *Anchors) chain(leaf *x509.Certificate, others []*x509.Certificate, at time.Time) ([]*x509.Certificate, error) {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range a.certs {
		roots.AddCert(c)
	}
	for _, c := range others {
		between.AddCert(c)
	}
	known := *leaf // what we read ourselves is not unknown to us
	known.UnhandledCriticalExtensions = slices.DeleteFunc(slices.Clone(leaf.UnhandledCriticalExtensions), func(id asn1.ObjectIdentifier) bool {
		return id.String() == oidQCStatements
	})
	chains, err := known.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	// What x509 says may quote a name, and errors are logged.
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return nil, fmt.Errorf("%w: it, or one of its chain, is not of now", ErrCertificate)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: it leads to no issuer that we trust", ErrCertificate)
	}
	path := slices.Clone(chains[0])
	path[0] = leaf
	if len(path) < 2 {
		return nil, fmt.Errorf("%w: it is an anchor itself", ErrCertificate)
	}
	for i, c := range path {
		if err := strongCertificate(c); err != nil {
			return nil, fmt.Errorf("%w: number %d of its chain: %w", ErrCertificate, i+1, err)
		}
	}
	return path, nil
}
