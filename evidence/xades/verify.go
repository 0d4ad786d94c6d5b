package xades

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// Checker implements [evidence.Checker] for sealed evidence XML. It accepts
// what a [Sealer] makes and no other XAdES. The zero value is ready.
type Checker struct{}

// skew is how far the clock of the time-stamping authority may be behind ours.
const skew = 2 * time.Minute

// Check verifies doc. Each answer presupposes the ones before it.
func (Checker) Check(doc []byte, t evidence.Trust) evidence.Report {
	var r evidence.Report
	s, err := open(doc)
	if !r.Add(evidence.CheckFormat, err) {
		return r
	}
	r.Signer = s.certs[0].Subject.String()
	if !r.Add(evidence.CheckIntegrity, s.checkDigests()) || !r.Add(evidence.CheckSignature, s.checkValue()) {
		return r
	}
	imprint := sha256.Sum256(canonical(s.valueNode, nil))
	stamp, err := evidence.VerifyToken(s.token, imprint[:], t)
	if err == nil {
		err = s.checkTime(stamp.Time)
	}
	if !r.Add(evidence.CheckTimeStamp, err) {
		return r
	}
	ok := r.Add(evidence.CheckCertificate, evidence.VerifySealCertificate(s.certs[0], s.certs, stamp.Time, t))
	d, err := evidence.ReadXML(s.content)
	if err == nil {
		err = checkEventTime(d.Event, stamp.Time)
	}
	if r.Add(evidence.CheckContent, err) && ok {
		r.Stamps, r.Document, r.Content = []evidence.TokenInfo{stamp}, &d, s.content
	}
	return r
}

// checkTime compares the time of signing with the time-stamp.
func (s *opened) checkTime(stamp time.Time) error {
	at, err := time.Parse(timeFormat, s.signingTime)
	if err != nil {
		return fmt.Errorf("signing time: %w", err)
	}
	if stamp.Before(at.Add(-skew)) {
		return errors.New("time-stamp is earlier than the signing")
	}
	return nil
}

// checkEventTime refuses evidence of what had not happened yet. Test events
// may run on a test clock.
func checkEventTime(e evidence.Event, stamp time.Time) error {
	if !e.Test && stamp.Before(e.At.Add(-skew)) {
		return errors.New("event is later than the time-stamp")
	}
	return nil
}

// checkDigests recomputes both references from the parsed document.
func (s *opened) checkDigests() error {
	if sum := sha256.Sum256(s.content); !bytes.Equal(sum[:], s.docDigest) {
		return errors.New("evidence is not what was signed")
	}
	if sum := sha256.Sum256(canonical(s.propsNode, nil)); !bytes.Equal(sum[:], s.propsDigest) {
		return errors.New("signed properties are not what was signed")
	}
	return nil
}

// checkValue verifies the signature value with the key of the certificate.
func (s *opened) checkValue() error {
	m, err := methodOf(s.certs[0].PublicKey)
	if err != nil || m.uri != s.method {
		return errors.New("signature method does not fit the key")
	}
	h := m.hash.New()
	h.Write(canonical(s.infoNode, nil))
	sum := h.Sum(nil)
	wrong := errors.New("signature value is wrong")
	switch k := s.certs[0].PublicKey.(type) {
	case *ecdsa.PublicKey:
		if len(s.value) != 2*m.size {
			return wrong
		}
		r, v := new(big.Int).SetBytes(s.value[:m.size]), new(big.Int).SetBytes(s.value[m.size:])
		if !ecdsa.Verify(k, sum, r, v) {
			return wrong
		}
	case *rsa.PublicKey:
		if rsa.VerifyPKCS1v15(k, m.hash, sum, s.value) != nil {
			return wrong
		}
	}
	return nil
}

func parseCertificates(list []*node) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for _, n := range list {
		der, err := decode(n)
		if err != nil {
			return nil, err
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("no certificate")
	}
	return certs, nil
}

// decode reads base64 without white space and in its one spelling.
func decode(n *node) ([]byte, error) {
	s := n.text()
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || base64.StdEncoding.EncodeToString(b) != s {
		return nil, errors.New(n.local + " is not base64")
	}
	return b, nil
}
