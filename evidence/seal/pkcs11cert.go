//go:build cgo

package seal

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"

	"github.com/miekg/pkcs11"
)

// maxObjects bounds how many certificates are read from a token.
const maxObjects = 256

// certificatesOn gives the one certificate of a key on a token and, as far as
// they are there, its intermediates. Two certificates for one key are ambiguous:
// a file has to say which.
func certificatesOn(module *pkcs11.Ctx, slot uint, pub crypto.PublicKey) ([]*x509.Certificate, error) {
	all, err := allCertificates(module, slot)
	if err != nil {
		return nil, fmt.Errorf("%w: reading certificates: %w", ErrUnavailable, err)
	}
	var chain []*x509.Certificate
	for _, c := range all {
		if own, ok := pub.(interface{ Equal(crypto.PublicKey) bool }); ok && own.Equal(c.PublicKey) {
			chain = append(chain, c)
		}
	}
	if len(chain) != 1 {
		return nil, fmt.Errorf("%w: %d certificates for it on the token", ErrKey, len(chain))
	}
	for len(chain) < maxChain {
		next := issuerOf(chain[len(chain)-1], all)
		if next == nil {
			break
		}
		chain = append(chain, next)
	}
	return chain, nil
}

// issuerOf finds the intermediate that issued c; a root is none.
func issuerOf(c *x509.Certificate, all []*x509.Certificate) *x509.Certificate {
	for _, by := range all {
		root := bytes.Equal(by.RawSubject, by.RawIssuer)
		if !root && !by.Equal(c) && bytes.Equal(c.RawIssuer, by.RawSubject) && c.CheckSignatureFrom(by) == nil {
			return by
		}
	}
	return nil
}

// allCertificates reads the X.509 certificate objects of a token; the caller has
// logged in, so private ones are seen too.
func allCertificates(module *pkcs11.Ctx, slot uint) (certs []*x509.Certificate, err error) {
	session, err := module.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, err
	}
	defer module.CloseSession(session)
	if err := module.FindObjectsInit(session, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE),
		pkcs11.NewAttribute(pkcs11.CKA_CERTIFICATE_TYPE, pkcs11.CKC_X_509),
	}); err != nil {
		return nil, err
	}
	objects, _, err := module.FindObjects(session, maxObjects)
	if end := module.FindObjectsFinal(session); err == nil {
		err = end
	}
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		v, err := module.GetAttributeValue(session, o, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
		if err != nil || len(v) != 1 {
			continue // an object by reference, or of no value
		}
		if c, err := x509.ParseCertificate(v[0].Value); err == nil {
			certs = append(certs, c)
		}
	}
	return certs, nil
}
