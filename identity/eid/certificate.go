package eid

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bode-erds/bode/identity"
)

// nationalNumber is how it stands in a certificate.
var nationalNumber = regexp.MustCompile(`^[0-9]{11}$`)

// BelgianAuthentication are the policies of the certificates that citizens and
// foreigners authenticate with, by root: 4, 3, 6.
func BelgianAuthentication() []string {
	return []string{
		"2.16.56.12.1.1.2.2", "2.16.56.12.1.1.7.2",
		"2.16.56.10.1.1.2.2", "2.16.56.10.1.1.7.2",
		"2.16.56.13.6.1.1.1000", "2.16.56.13.6.2.1.1000",
	}
}

// BelgianSigning are the policies of the certificates for signatures on the same
// cards.
func BelgianSigning() []string {
	return []string{
		"2.16.56.12.1.1.2.1", "2.16.56.12.1.1.7.1",
		"2.16.56.10.1.1.2.1", "2.16.56.10.1.1.7.1",
		"2.16.56.13.6.1.2.1000", "2.16.56.13.6.2.2.1000",
	}
}

// holder is who a certificate speaks of, and by whom it is issued.
type holder struct {
	leaf   *x509.Certificate
	anchor anchor
	policy string
	given  string
	family string
	number string
}

// certificate judges everything but revocation, from the certificate alone.
// Errors: those of certificates.
func (v *Verifier) certificate(leaf *x509.Certificate, at time.Time) (h holder, err error) {
	h.leaf = leaf
	if h.policy, err = v.purpose(leaf); err != nil {
		return holder{}, err
	}
	switch {
	case at.Before(leaf.NotBefore):
		return holder{}, ErrNotYetValid
	case at.After(leaf.NotAfter):
		return holder{}, ErrExpired
	}
	if h.anchor, err = v.anchors.chain(leaf, at); err != nil {
		return holder{}, err
	}
	return h, nil
}

// purpose says under which of our policies a certificate authenticates people.
//
// RFC 5280 §4.2.1.3, §4.2.1.4, §4.2.1.12
func (v *Verifier) purpose(leaf *x509.Certificate) (policy string, err error) {
	for _, p := range leaf.Policies {
		if slices.Contains(v.signing, p.String()) {
			return "", ErrSigningCertificate
		}
		if slices.Contains(v.authentication, p.String()) {
			policy = p.String()
		}
	}
	switch {
	case leaf.KeyUsage&x509.KeyUsageContentCommitment != 0:
		return "", fmt.Errorf("%w: key usage", ErrSigningCertificate)
	case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0, leaf.IsCA:
		return "", fmt.Errorf("%w: key usage", ErrPurpose)
	case len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth):
		return "", fmt.Errorf("%w: extended key usage", ErrPurpose) // older cards have none
	case policy == "":
		return "", ErrPolicy
	}
	return policy, nil
}

// person reads who it is. Names are taken from their own attributes, never out
// of the common name; an attribute that is there twice makes it nobody. People
// with one name only have no given name.
func (h *holder) person() error {
	for _, a := range h.leaf.Subject.Names {
		s, ok := a.Value.(string)
		if !ok {
			continue
		}
		to := (*string)(nil)
		switch {
		case a.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 42}):
			to = &h.given
		case a.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 4}):
			to = &h.family
		case a.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 5}):
			to = &h.number
		case a.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 10}), a.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 97}):
			return fmt.Errorf("%w: an organisation", ErrPerson)
		default:
			continue
		}
		if *to != "" {
			return fmt.Errorf("%w: an attribute twice", ErrPerson)
		}
		*to = strings.TrimSpace(s)
	}
	switch {
	case h.family == "":
		return fmt.Errorf("%w: no family name", ErrPerson)
	case !nationalNumber.MatchString(h.number) || !identity.ValidNationalNumber(h.number):
		return fmt.Errorf("%w: number", ErrPerson)
	}
	return nil
}

// provider names the issuing CA: its common name and the number in its name.
func (h *holder) provider() string {
	ca := h.anchor.issuer.Subject
	return strings.TrimSpace(ca.CommonName + " " + ca.SerialNumber)
}
