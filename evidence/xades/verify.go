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

// Checker implements [evidence.XMLChecker] for sealed evidence XML. It accepts
// what a [Sealer] makes and no other XAdES. The zero value knows no evidence
// records and no log.
type Checker struct {
	Record evidence.RecordChecker // nil: evidence without a time-stamp of its own is refused
	Proof  evidence.ProofChecker  // nil: the log is left unchecked
}

// skew is how far the clock of the time-stamping authority may be behind ours.
const skew = 2 * time.Minute

// Check verifies doc with nothing beside it.
func (c Checker) Check(doc []byte, t evidence.Trust) evidence.Report {
	return c.CheckWith(doc, evidence.Beside{}, t)
}

// CheckSigned implements [evidence.XMLChecker].
func (Checker) CheckSigned(doc []byte) ([]byte, error) {
	s, err := open(doc)
	if err == nil {
		err = s.checkDigests()
	}
	if err == nil {
		err = s.checkValue()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", evidence.ErrDocument, err)
	}
	return s.content, nil
}

// CheckWith verifies doc. Each answer presupposes the ones before it.
func (c Checker) CheckWith(doc []byte, b evidence.Beside, t evidence.Trust) evidence.Report {
	var r evidence.Report
	issued, v, err := split(doc)
	var s *opened
	if err == nil {
		s, err = open(issued)
	}
	if !r.Add(evidence.CheckFormat, err) {
		return r
	}
	r.Signer = s.certs[0].Subject.String()
	if !r.Add(evidence.CheckIntegrity, s.checkDigests()) || !r.Add(evidence.CheckSignature, s.checkValue()) {
		return r
	}
	stamps, ok := c.checkStamps(&r, s, issued, b, t)
	if !ok {
		return r
	}
	at := stamps[0].Time
	r.Add(evidence.CheckCertificate, evidence.VerifySealCertificate(s.certs[0], s.certs, at, t))
	s.checkRevocation(&r, v, stamps[0], t)
	c.checkProof(&r, s, b, t)
	d, err := evidence.ReadXML(s.content)
	if err == nil {
		err = checkEventTime(d.Event, at)
	}
	r.Add(evidence.CheckContent, err)
	if r.OK() {
		r.Stamps, r.Document, r.Content = stamps, &d, s.content
	}
	return r
}

// checkStamps says when the signature existed: by its own time-stamp, by the
// evidence record beside it, or by both, the first one first.
func (c Checker) checkStamps(r *evidence.Report, s *opened, issued []byte, b evidence.Beside, t evidence.Trust) ([]evidence.TokenInfo, bool) {
	var stamps []evidence.TokenInfo
	if s.token != nil {
		stamp, err := evidence.VerifyToken(s.token, s.imprint(), t)
		if err == nil {
			err = s.checkTime(stamp.Time)
		}
		if !r.Add(evidence.CheckTimeStamp, err) {
			return nil, false
		}
		stamps = append(stamps, stamp)
	} else if b.Record == nil {
		return nil, r.Add(evidence.CheckTimeStamp, errors.New("the evidence record that holds its time-stamp is missing"))
	}
	if b.Record == nil {
		return stamps, true
	}
	if c.Record == nil {
		return nil, r.Add(evidence.CheckRecord, errors.New("evidence records cannot be checked here"))
	}
	said, err := c.Record.CheckRecord(b.Record, sha256.Sum256(issued), t)
	if err == nil {
		err = s.checkTime(said.Stamps[0].Time)
	}
	if !r.Add(evidence.CheckRecord, err) {
		return nil, false
	}
	if v := said.Validation; !v.IsZero() || s.token == nil {
		r.AddValidation(v, s.use(said.Stamps[0].Time, t), said.Unit)
	}
	return append(stamps, said.Stamps...), true
}

// use is the use of the certificate that sealed.
func (s *opened) use(at time.Time, t evidence.Trust) evidence.Use {
	return evidence.Use{Certificates: s.certs, Roots: t.Seal, At: at}
}

// checkRevocation judges the certificates of the seal and of its time-stamp by
// the validation data in the document.
func (s *opened) checkRevocation(r *evidence.Report, v evidence.Validation, stamp evidence.TokenInfo, t evidence.Trust) {
	if s.token == nil {
		return // what there is came with the record
	}
	if v.IsZero() {
		r.AddValidation(v)
		return
	}
	for _, c := range s.certs {
		v.Certificates = append(v.Certificates, c.Raw)
	}
	unit, err := evidence.TokenUse(s.token, stamp.Time, t)
	if err != nil {
		r.Add(evidence.CheckRevocation, err)
		return
	}
	r.AddValidation(v, s.use(stamp.Time, t), unit)
}

// checkProof says where the public log holds the evidence.
func (c Checker) checkProof(r *evidence.Report, s *opened, b evidence.Beside, t evidence.Trust) {
	switch {
	case b.Proof == nil:
		r.Leave(evidence.CheckLog, "no log proof came with it")
	case c.Proof == nil || t.Log == "":
		r.Leave(evidence.CheckLog, "the key of the log is not among the anchors")
	default:
		info, err := c.Proof.CheckProof(b.Proof, [32]byte(s.docDigest), t)
		if r.Add(evidence.CheckLog, err) {
			r.Log = &info
		}
	}
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
	pub := s.certs[0].PublicKey
	m := methodOf(pub)
	if evidence.Allowed(pub, m.hash, time.Time{}) != nil || m.uri != s.method {
		return errors.New("signature method does not fit the key")
	}
	h := m.hash.New()
	h.Write(canonical(s.infoNode, nil))
	sum := h.Sum(nil)
	wrong := errors.New("signature value is wrong")
	switch k := pub.(type) {
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
