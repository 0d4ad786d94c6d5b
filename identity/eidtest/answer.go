package eidtest

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/ocsp"
)

// The structures of an answer. RFC 6960 §4.2.1
type (
	extension struct {
		ID       asn1.ObjectIdentifier
		Critical bool `asn1:"optional"`
		Value    []byte
	}
	certificateID struct {
		Hash      pkix.AlgorithmIdentifier
		Name, Key []byte
		Serial    *big.Int
	}
	single struct {
		ID     certificateID
		Status asn1.RawValue
		This   time.Time `asn1:"generalized"`
		Next   time.Time `asn1:"generalized,optional,explicit,tag:0"`
	}
	responseData struct {
		By         asn1.RawValue
		Produced   time.Time `asn1:"generalized"`
		Responses  []single
		Extensions []extension `asn1:"optional,omitempty,explicit,tag:1"`
	}
	basicResponse struct {
		Data         asn1.RawValue
		Algorithm    pkix.AlgorithmIdentifier
		Signature    asn1.BitString
		Certificates []asn1.RawValue `asn1:"optional,omitempty,explicit,tag:0"`
	}
)

// answer makes the answer of a CA's responder, with one fault.
func (a *Authority) answer(ca *x509.Certificate, q *ocsp.Request, nonce []byte, fault Fault) ([]byte, error) {
	by, err := a.signer(ca, fault)
	if err != nil {
		return nil, err
	}
	data := a.data(q, by.certificate, nonce, fault)
	switch fault {
	case OtherIssuer:
		data.Responses[0].ID.Key = digest(q.HashAlgorithm, []byte("another key"))
	case OtherName:
		data.Responses[0].ID.Name = digest(q.HashAlgorithm, []byte("another name"))
	}
	raw, err := asn1.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("eidtest: answer: %w", err)
	}
	hash, algorithm := crypto.SHA256, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	if fault == WeakSignature {
		hash, algorithm = crypto.SHA1, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}
	}
	signature, err := by.key.Sign(rand.Reader, digest(hash, raw), hash)
	if err != nil {
		return nil, fmt.Errorf("eidtest: answer: %w", err)
	}
	if fault == BadSignature {
		signature, _ = by.key.Sign(rand.Reader, digest(hash, []byte("something else")), hash)
	}
	basic := basicResponse{Data: asn1.RawValue{FullBytes: raw}, Algorithm: pkix.AlgorithmIdentifier{Algorithm: algorithm},
		Signature: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}}
	if fault != Direct && fault != NoCertificate && fault != Forged {
		basic.Certificates = []asn1.RawValue{{FullBytes: by.certificate.Raw}}
	}
	der, err := asn1.Marshal(basic)
	if err != nil {
		return nil, fmt.Errorf("eidtest: answer: %w", err)
	}
	return asn1.Marshal(struct {
		Status asn1.Enumerated
		Body   struct {
			Type asn1.ObjectIdentifier
			DER  []byte
		} `asn1:"explicit,tag:0"`
	}{Body: struct {
		Type asn1.ObjectIdentifier
		DER  []byte
	}{asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}, der}})
}

// signer is who signs under a fault.
func (a *Authority) signer(ca *x509.Certificate, fault Fault) (signer, error) {
	switch fault {
	case Direct, DirectNamed:
		return signer{ca, a.keys[ca]}, nil
	case Forged:
		key, err := newKey(elliptic.P384())
		return signer{ca, key}, err
	case Sibling: // the key of anybody's card signs what its owner likes
		return a.appoint(ca, func(t *x509.Certificate) {
			t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			Policy(CitizenAuthentication)(t)
		})
	case NoPurpose:
		return a.appoint(ca, func(t *x509.Certificate) { t.ExtKeyUsage = nil })
	case ExpiredResponder:
		return a.appoint(ca, func(t *x509.Certificate) { t.NotAfter = a.now().Add(-time.Minute) })
	case OtherCA:
		other := a.Citizen
		if ca == other {
			other = a.Foreigner
		}
		return a.responder[other], nil
	case NoCertificate:
		key, err := newKey(elliptic.P256())
		return signer{a.responder[ca].certificate, key}, err
	}
	return a.responder[ca], nil
}

// data is what is signed.
func (a *Authority) data(q *ocsp.Request, by *x509.Certificate, nonce []byte, fault Fault) responseData {
	at := a.now().UTC().Truncate(time.Second)
	next := at.Add(time.Minute)
	switch fault {
	case Stale:
		at, next = at.Add(-time.Hour), at.Add(-30*time.Minute)
	case Old:
		at, next = at.Add(-24*time.Hour), time.Time{}
	case Endless:
		next = time.Time{}
	case Future:
		at, next = at.Add(time.Hour), at.Add(2*time.Hour)
	}
	name := by.RawSubject
	if fault == Misnamed {
		name = a.Root.RawSubject
	}
	id := certificateID{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, Parameters: asn1.NullRawValue},
		q.IssuerNameHash, q.IssuerKeyHash, q.SerialNumber}
	if fault == OtherSerial {
		id.Serial = new(big.Int).Add(id.Serial, big.NewInt(1))
	}
	d := responseData{By: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: name}, Produced: at,
		Responses: []single{{id, a.state(q.SerialNumber, fault), at, next}}}
	if fault == TwoAnswers {
		d.Responses = append(d.Responses, d.Responses[0])
	}
	switch {
	case fault == NoNonce || nonce == nil:
	case fault == OtherNonce:
		other := sha1.Sum(nonce)
		value, _ := asn1.Marshal(other[:])
		d.Extensions = append(d.Extensions, extension{ID: nonceID(), Value: value})
	default:
		d.Extensions = append(d.Extensions, extension{ID: nonceID(), Value: nonce})
		if fault == TwoNonces {
			d.Extensions = append(d.Extensions, d.Extensions[0])
		}
	}
	if fault == Critical {
		d.Extensions = append(d.Extensions, extension{asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, true, []byte{5, 0}})
	}
	return d
}

// state is what is said of a certificate: good, revoked for compromise of its
// key, or unknown.
func (a *Authority) state(serial *big.Int, fault Fault) asn1.RawValue {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at, ok := a.revoked[serial.String()]; ok {
		b, _ := asn1.MarshalWithParams(at.UTC().Truncate(time.Second), "generalized")
		reason, _ := asn1.MarshalWithParams(asn1.Enumerated(1), "explicit,tag:0")
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: append(b, reason...)}
	}
	if fault == Unknown || a.issued[serial.String()] == nil {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2}
	}
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0}
}
