package evidencetest

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// revocation is one entry of a list.
type revocation struct {
	serial *big.Int
	at     time.Time
	reason int
}

// SealChain returns the certificate that seals, and its intermediate.
func (a *Authority) SealChain() []*x509.Certificate { return slices.Clone(a.seal.certs) }

// TSUChain returns the certificate that time-stamps; its issuer is a root.
func (a *Authority) TSUChain() []*x509.Certificate { return []*x509.Certificate{a.tsu} }

// Roots returns the anchors: of the seal, then of the time-stamps.
func (a *Authority) Roots() []*x509.Certificate {
	return []*x509.Certificate{a.sealRoot.cert, a.tsaRoot.cert}
}

// Revoke revokes c as of at, for a reason of RFC 5280 §5.3.1.
func (a *Authority) Revoke(c *x509.Certificate, at time.Time, reason int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.revoked = append(a.revoked, revocation{c.SerialNumber, at.UTC().Truncate(time.Second), reason})
}

func (a *Authority) revocations() []revocation {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.revoked)
}

// Validation is what the authorities say now: by OCSP of the seal and the
// time-stamping unit, by a list of the authority between. It is complete, and
// each piece of it is needed.
func (a *Authority) Validation() evidence.Validation {
	return a.validation([]*ca{a.sealRoot}, must(a.answer(a.issuing, a.seal.certs[0].SerialNumber)),
		must(a.answer(a.tsaRoot, a.tsu.SerialNumber)))
}

// ValidationByLists says the same with lists only.
func (a *Authority) ValidationByLists() evidence.Validation {
	return a.validation([]*ca{a.sealRoot, a.issuing, a.tsaRoot})
}

func (a *Authority) validation(lists []*ca, answers ...[]byte) evidence.Validation {
	v := evidence.Validation{OCSPs: answers}
	for _, c := range lists {
		v.CRLs = append(v.CRLs, must(a.list(c)))
	}
	for _, c := range slices.Concat(a.SealChain(), a.TSUChain(), a.Roots()) {
		v.Certificates = append(v.Certificates, c.Raw)
	}
	return v.Sorted()
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic("evidencetest: " + err.Error())
	}
	return b
}

// list is the CRL of c.
func (a *Authority) list(c *ca) ([]byte, error) {
	now := a.cfg.Now().UTC().Truncate(time.Second)
	t := &x509.RevocationList{Number: big.NewInt(now.Unix()), ThisUpdate: now, NextUpdate: now.Add(24 * time.Hour)}
	for _, r := range a.revocations() {
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: r.serial, RevocationTime: r.at, ReasonCode: r.reason})
	}
	if a.lapsed(CRLExpired) {
		t.ThisUpdate, t.NextUpdate = now.Add(-12*time.Hour), now.Add(-time.Hour)
	}
	key := c.key
	if a.lapsed(CRLWrongIssuer) {
		// Its name is right, its key is another's.
		other := *c.cert
		other.PublicKey, key = c.responderKey.Public(), c.responderKey
		return x509.CreateRevocationList(rand.Reader, t, &other, key)
	}
	return x509.CreateRevocationList(rand.Reader, t, c.cert, key)
}

// The structures of RFC 6960 §4.2.1, as they are written here.
type (
	certID struct {
		Hash      pkix.AlgorithmIdentifier
		Name, Key []byte
		Serial    *big.Int
	}
	singleResponse struct {
		ID     certID
		Status asn1.RawValue
		This   time.Time `asn1:"generalized"`
		Next   time.Time `asn1:"generalized,explicit,tag:0"`
	}
	responseData struct {
		Responder asn1.RawValue
		Produced  time.Time `asn1:"generalized"`
		Responses []singleResponse
	}
	basicResponse struct {
		Data      asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
		Certs     []asn1.RawValue `asn1:"explicit,tag:0"`
	}
	responseBytes struct {
		Type     asn1.ObjectIdentifier
		Response []byte
	}
	response struct {
		Status asn1.Enumerated
		Bytes  responseBytes `asn1:"explicit,tag:0"`
	}
	revokedInfo struct {
		When   time.Time       `asn1:"generalized"`
		Reason asn1.Enumerated `asn1:"explicit,tag:0"`
	}
)

// answer is what the responder of c says of the certificate with that number.
func (a *Authority) answer(c *ca, serial *big.Int) ([]byte, error) {
	now := a.cfg.Now().UTC().Truncate(time.Second)
	single := singleResponse{ID: c.id(serial), This: now, Next: now.Add(time.Hour),
		Status: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0}}
	for _, r := range a.revocations() {
		if r.serial.Cmp(serial) == 0 {
			der, err := asn1.MarshalWithParams(revokedInfo{r.at, asn1.Enumerated(r.reason)}, "tag:1")
			if err != nil {
				return nil, err
			}
			single.Status = asn1.RawValue{FullBytes: der}
		}
	}
	if a.lapsed(OCSPUnknown) {
		single.Status = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2}
	}
	if a.lapsed(OCSPExpired) {
		single.This, single.Next = now.Add(-12*time.Hour), now.Add(-time.Hour)
	}
	responder := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: c.responder.RawSubject}
	data, err := asn1.Marshal(responseData{responder, now, []singleResponse{single}})
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(data)
	if a.lapsed(OCSPWrongKey) {
		digest[0]++
	}
	signature, err := c.responderKey.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	basic, err := asn1.Marshal(basicResponse{
		Data:      asn1.RawValue{FullBytes: data},
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}},
		Signature: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
		Certs:     []asn1.RawValue{{FullBytes: c.responder.Raw}},
	})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(response{0, responseBytes{asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}, basic}})
}

// id names a certificate that c issued. SHA-1 is what every client knows here.
func (c *ca) id(serial *big.Int) certID {
	name, key := sha1.Sum(c.cert.RawSubject), sha1.Sum(publicKeyBits(c.cert))
	return certID{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, Parameters: asn1.NullRawValue},
		name[:], key[:], serial}
}

func (c *ca) named(id certID) bool {
	want := c.id(id.Serial)
	return bytes.Equal(id.Name, want.Name) && bytes.Equal(id.Key, want.Key)
}

func publicKeyBits(c *x509.Certificate) []byte {
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &spki); err != nil {
		panic("evidencetest: " + err.Error())
	}
	return spki.Key.RightAlign()
}
