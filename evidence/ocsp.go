package evidence

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // names issuers in requests and responses; proves nothing
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Object identifiers of OCSP. RFC 6960 §4.2.1, §4.2.2.2.1
const (
	oidOCSPBasic   = "1.3.6.1.5.5.7.48.1.1"
	oidOCSPNoCheck = "1.3.6.1.5.5.7.48.1.5"
	oidSHA1        = "1.3.14.3.2.26"
)

type ocspResponse struct {
	Status asn1.Enumerated
	Bytes  ocspBytes `asn1:"explicit,tag:0"`
}

type ocspBytes struct {
	Type     asn1.ObjectIdentifier
	Response []byte
}

type ocspBasic struct {
	Data      asn1.RawValue
	Algorithm cmsAlgorithm
	Signature asn1.BitString
	Certs     []asn1.RawValue `asn1:"optional,explicit,tag:0"`
}

type ocspData struct {
	Version    int `asn1:"optional,default:0,explicit,tag:0"`
	Responder  asn1.RawValue
	Produced   time.Time `asn1:"generalized"`
	Responses  []ocspSingle
	Extensions []pkix.Extension `asn1:"optional,explicit,tag:1"`
}

type ocspSingle struct {
	ID         ocspID
	Status     asn1.RawValue
	This       time.Time        `asn1:"generalized"`
	Next       time.Time        `asn1:"generalized,optional,explicit,tag:0"`
	Extensions []pkix.Extension `asn1:"optional,explicit,tag:1"`
}

type ocspID struct {
	Hash      cmsAlgorithm
	Name, Key []byte
	Serial    *big.Int
}

type ocspRevoked struct {
	When   time.Time       `asn1:"generalized"`
	Reason asn1.Enumerated `asn1:"optional,explicit,tag:0"`
}

// answer is a parsed OCSP response.
type answer struct {
	ocspBasic
	data  ocspData
	certs []*x509.Certificate // that came inside
}

// parseOCSP accepts only DER, so that what the signature does not cover has one
// spelling. RFC 6960 §4.2.1
func parseOCSP(der []byte) (*answer, error) {
	var outer ocspResponse
	if err := strictDER(der, &outer); err != nil {
		return nil, err
	}
	if outer.Status != 0 || outer.Bytes.Type.String() != oidOCSPBasic {
		return nil, errors.New("not a successful basic response")
	}
	var a answer
	if err := strictDER(outer.Bytes.Response, &a.ocspBasic); err != nil {
		return nil, err
	}
	if err := strictDER(a.Data.FullBytes, &a.data); err != nil {
		return nil, err
	}
	if a.data.Version != 0 || len(a.Certs) > maxPieces {
		return nil, errors.New("unexpected version, or too many certificates")
	}
	for _, raw := range a.Certs {
		c, err := x509.ParseCertificate(raw.FullBytes)
		if err != nil {
			return nil, err
		}
		if contains(a.certs, c) {
			return nil, errors.New("a certificate is there twice")
		}
		a.certs = append(a.certs, c)
	}
	return &a, critical(a.data.Extensions)
}

func critical(extensions []pkix.Extension) error {
	for _, e := range extensions {
		if e.Critical {
			return errors.New("extension " + e.Id.String() + " is not known")
		}
	}
	return nil
}

// readOCSP takes the word of one response, the piece of that number.
func (q *inquiry) readOCSP(piece int, der []byte) error {
	a, err := parseOCSP(der)
	if err != nil {
		return err
	}
	var issuer *x509.Certificate
	for _, s := range a.data.Responses {
		for _, l := range q.links {
			if !s.ID.names(l) {
				continue
			}
			if issuer == nil {
				issuer = l.issuer
			}
			if !issuer.Equal(l.issuer) {
				return errors.New("about certificates of several issuers")
			}
			if err := s.judge(l); err != nil {
				return err
			}
			l.good(piece)
		}
	}
	if issuer == nil {
		return errors.New("about no certificate here")
	}
	return q.readResponder(a, issuer)
}

// names reports whether id is that of l's certificate.
func (id ocspID) names(l *link) bool {
	h := hashOf(id.Hash.OID.String())
	if id.Hash.OID.String() == oidSHA1 {
		h = crypto.SHA1
	}
	if h == 0 || !id.Hash.noParams() || id.Serial.Cmp(l.cert.SerialNumber) != 0 {
		return false
	}
	key, err := publicKeyBits(l.issuer)
	return err == nil && bytes.Equal(id.Name, sum(h, l.issuer.RawSubject)) && bytes.Equal(id.Key, sum(h, key))
}

func publicKeyBits(c *x509.Certificate) ([]byte, error) {
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	_, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &spki)
	return spki.Key.RightAlign(), err
}

// judge judges what s says of l. RFC 6960 §2.2
func (s ocspSingle) judge(l *link) error {
	if err := critical(s.Extensions); err != nil {
		return err
	}
	if err := l.timely(s.This, s.Next); err != nil {
		return err
	}
	const good, revoked = 0, 1
	switch {
	case s.Status.Class != asn1.ClassContextSpecific:
	case s.Status.Tag == good:
		return nil
	case s.Status.Tag == revoked:
		var r ocspRevoked
		if rest, err := asn1.UnmarshalWithParams(s.Status.FullBytes, &r, "tag:1"); err != nil || len(rest) > 0 {
			return errors.New("revocation is malformed")
		}
		when, err := earlier(r.When, s.Extensions)
		if err != nil {
			return err
		}
		return l.revoked(when, int(r.Reason))
	}
	return fmt.Errorf("certificate of %s: the responder does not know it", l.cert.Subject)
}

// readResponder verifies that a was signed by issuer, or by a responder that
// issuer made one, and that no other certificate came along. RFC 6960 §4.2.2.2
func (q *inquiry) readResponder(a *answer, issuer *x509.Certificate) error {
	var signer *x509.Certificate
	for _, c := range slices.Concat([]*x509.Certificate{issuer}, a.certs, q.given) {
		if a.identifies(c) {
			signer = c
			break
		}
	}
	if signer == nil {
		return errors.New("the responder's certificate is missing")
	}
	for _, c := range a.certs {
		if c.Equal(signer) || contains(q.needed, c) {
			continue
		}
		return fmt.Errorf("certificate of %s: not needed", c.Subject)
	}
	if err := verifySigned(signer, a.Data, a.Algorithm, a.Signature, a.data.Produced); err != nil {
		return err
	}
	if signer.Equal(issuer) {
		return nil
	}
	if err := delegated(signer, issuer, a.data.Produced); err != nil {
		return fmt.Errorf("responder %s: %w", signer.Subject, err)
	}
	if !contains(a.certs, signer) {
		q.need(signer)
	}
	return nil
}

// identifies reports whether the response says that c's key signed it.
func (a *answer) identifies(c *x509.Certificate) bool {
	const byName, byKey = 1, 2
	id := a.data.Responder
	if id.Class != asn1.ClassContextSpecific {
		return false
	}
	switch id.Tag {
	case byName:
		return bytes.Equal(id.Bytes, c.RawSubject)
	case byKey:
		var hash []byte
		rest, err := asn1.Unmarshal(id.Bytes, &hash)
		key, keyErr := publicKeyBits(c)
		return err == nil && keyErr == nil && len(rest) == 0 && bytes.Equal(hash, sum(crypto.SHA1, key))
	}
	return false
}

// delegated checks that issuer made c a responder, as of the response, and does
// not want it to be asked about: somebody who is asked needs a list, and that
// list says it all without a responder. RFC 6960 §4.2.2.2.1
func delegated(c, issuer *x509.Certificate, at time.Time) error {
	switch {
	case c.CheckSignatureFrom(issuer) != nil:
		return errors.New("not issued by who issued the certificate")
	case c.IsCA || !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return errors.New("certificate is not one for OCSP")
	case !slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.String() == oidOCSPNoCheck }):
		return errors.New("certificate may have been revoked itself")
	case at.Before(c.NotBefore) || at.After(c.NotAfter):
		return errors.New("certificate was not valid")
	}
	return allowedCertificates([]*x509.Certificate{c}, at)
}
