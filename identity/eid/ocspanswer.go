package eid

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

// StrictOCSP judges answers of OCSP responders. x/crypto/ocsp reads them and
// checks a signature; everything else it leaves to us.
type StrictOCSP struct {
	MaxAge time.Duration // of what an answer says
	Skew   time.Duration // by which the responder's clock may differ from ours
}

// answerData is the part of an answer that x/crypto/ocsp does not show.
type answerData struct {
	Version    int `asn1:"optional,default:0,explicit,tag:0"`
	Responder  asn1.RawValue
	ProducedAt time.Time `asn1:"generalized"`
	Responses  []singleData
	Extensions []pkix.Extension `asn1:"optional,explicit,tag:1"`
}

type singleData struct{ ID certID }

type certID struct {
	Hash   pkix.AlgorithmIdentifier
	Name   []byte
	Key    []byte
	Serial *big.Int
}

// Judgement is what an answer was found to be.
type Judgement struct {
	Delegated bool // signed by a responder that the CA appointed, else by the CA
	Nonce     bool // it carries the nonce that was asked with
}

// Check judges an answer about leaf, issued by issuer, as of a time. nonce is the
// content of the extension that was sent; nil when none was. nil means good.
// Errors: ErrRevoked, ErrResponder, ErrResponse.
//
// RFC 6960 §3.2
func (s StrictOCSP) Check(der []byte, leaf, issuer *x509.Certificate, nonce []byte, at time.Time) (j Judgement, err error) {
	answer, err := ocsp.ParseResponseForCert(der, nil, nil) // exactly one; nobody's signature is trusted yet
	if refused, ok := errors.AsType[ocsp.ResponseError](err); ok {
		return Judgement{}, fmt.Errorf("%w: %w", ErrResponder, refused)
	}
	if err != nil {
		return Judgement{}, fmt.Errorf("%w: %w", ErrResponse, err)
	}
	var data answerData
	if rest, err := asn1.Unmarshal(answer.TBSResponseData, &data); err != nil || len(rest) != 0 || len(data.Responses) != 1 {
		return Judgement{}, fmt.Errorf("%w: structure", ErrResponse)
	}
	if err := sameCertificate(data.Responses[0].ID, answer.IssuerHash, leaf, issuer); err != nil {
		return Judgement{}, err
	}
	if j.Delegated, err = signer(answer, issuer, at); err != nil {
		return Judgement{}, err
	}
	if err := s.timely(answer, at); err != nil {
		return Judgement{}, err
	}
	if j.Nonce, err = answersNonce(data.Extensions, nonce); err != nil {
		return Judgement{}, err
	}
	switch answer.Status {
	case ocsp.Good:
		return j, nil
	case ocsp.Revoked:
		return Judgement{}, fmt.Errorf("%w: reason %d", ErrRevoked, answer.RevocationReason)
	}
	return Judgement{}, fmt.Errorf("%w: its issuer does not know it", ErrRevoked)
}

// sameCertificate compares all that names the certificate: two CAs may well use
// one serial number.
//
// RFC 6960 §4.1.1
func sameCertificate(id certID, hash crypto.Hash, leaf, issuer *x509.Certificate) error {
	key, err := keyBits(issuer)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrResponse, err)
	}
	if !hash.Available() || !bytes.Equal(id.Name, sum(hash, issuer.RawSubject)) || !bytes.Equal(id.Key, sum(hash, key)) ||
		id.Serial == nil || id.Serial.Cmp(leaf.SerialNumber) != 0 {
		return fmt.Errorf("%w: it is about another certificate", ErrResponse)
	}
	return nil
}

// signer finds who signed: the issuing CA, or a certificate that this CA itself
// issued for signing answers. Another certificate of the CA, a card for one, may
// not. Whether the responder's own certificate was revoked is not asked: CAs give
// it a short life instead.
//
// RFC 6960 §4.2.2.2
func signer(answer *ocsp.Response, issuer *x509.Certificate, at time.Time) (delegated bool, err error) {
	// x/crypto/ocsp also knows algorithms with SHA-1 and MD5.
	if !slices.Contains([]x509.SignatureAlgorithm{x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512}, answer.SignatureAlgorithm) {
		return false, fmt.Errorf("%w: signature algorithm", ErrResponse)
	}
	by := issuer
	if c := answer.Certificate; c != nil && !bytes.Equal(c.RawSubjectPublicKeyInfo, issuer.RawSubjectPublicKeyInfo) {
		by, delegated = c, true
		switch {
		case !bytes.Equal(c.RawIssuer, issuer.RawSubject) || c.CheckSignatureFrom(issuer) != nil:
			return false, fmt.Errorf("%w: the CA did not appoint its responder", ErrResponse)
		case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning), c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
			return false, fmt.Errorf("%w: its certificate is not for signing answers", ErrResponse)
		case !within(c, at) || !within(c, answer.ProducedAt):
			return false, fmt.Errorf("%w: its responder's certificate is not valid", ErrResponse)
		case !strong(c.PublicKey) || len(c.UnhandledCriticalExtensions) > 0:
			return false, fmt.Errorf("%w: its responder's certificate is not acceptable", ErrResponse)
		}
	}
	if err := answer.CheckSignatureFrom(by); err != nil {
		return false, fmt.Errorf("%w: signature: %w", ErrResponse, err)
	}
	key, err := keyBits(by)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrResponse, err)
	}
	named := sha1.Sum(key) // RFC 6960 §4.2.1: KeyHash is SHA-1
	if !bytes.Equal(answer.RawResponderName, by.RawSubject) && !bytes.Equal(answer.ResponderKeyHash, named[:]) {
		return false, fmt.Errorf("%w: it names another responder", ErrResponse)
	}
	return delegated, nil
}

// timely refuses what is too old, ended, or from the future. An answer without
// nextUpdate is held to MaxAge alone.
//
// RFC 6960 §4.2.2.1
func (s StrictOCSP) timely(answer *ocsp.Response, at time.Time) error {
	this, next := answer.ThisUpdate, answer.NextUpdate
	switch {
	case this.After(at.Add(s.Skew)), answer.ProducedAt.After(at.Add(s.Skew)):
		return fmt.Errorf("%w: from the future", ErrResponse)
	case at.Sub(this) > s.MaxAge:
		return fmt.Errorf("%w: too old", ErrResponse)
	case !next.IsZero() && (next.Before(this) || next.Before(at.Add(-s.Skew))):
		return fmt.Errorf("%w: there is a newer one", ErrResponse)
	}
	return nil
}

// answersNonce compares the nonce. An extension that we do not know and that is
// critical makes an answer unusable.
//
// RFC 9654 §2.1
func answersNonce(extensions []pkix.Extension, sent []byte) (bool, error) {
	found := 0
	for _, e := range extensions {
		if !e.Id.Equal(oidNonce()) {
			if e.Critical {
				return false, fmt.Errorf("%w: unknown critical extension", ErrResponse)
			}
			continue
		}
		if found++; sent != nil && !bytes.Equal(e.Value, sent) {
			return false, fmt.Errorf("%w: another nonce", ErrResponse)
		}
	}
	if found > 1 || sent != nil && found == 0 {
		return false, fmt.Errorf("%w: no nonce, or several", ErrResponse)
	}
	return sent != nil, nil
}

func oidNonce() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2} }

// keyBits is a public key as the hashes of OCSP are made over it: without its
// algorithm.
func keyBits(c *x509.Certificate) ([]byte, error) {
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &spki); err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	return spki.Key.RightAlign(), nil
}
