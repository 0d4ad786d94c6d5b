package evidence

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"
)

// Stamper gets RFC 3161 time-stamp tokens. Safe for concurrent use; it returns
// before ctx ends.
type Stamper interface {
	// Stamp returns the DER TimeStampToken over imprint, a SHA-256 digest,
	// after checking it. An error means that no token exists to rely on.
	Stamp(ctx context.Context, imprint []byte) (token []byte, err error)
}

// SealKey is the key that seals, with its certificate. Safe for concurrent use.
type SealKey interface {
	crypto.Signer
	// Certificates returns the certificate of the key and its intermediates,
	// leaf first, without the root.
	Certificates() []*x509.Certificate
}

// XMLSealer signs and time-stamps the XML of p. At is the time of signing.
type XMLSealer interface {
	SealXML(ctx context.Context, p *Prepared, at time.Time) ([]byte, error)
}

// PDFSealer renders d with signedXML attached, signs and time-stamps it.
type PDFSealer interface {
	SealPDF(ctx context.Context, d Document, signedXML []byte, at time.Time) ([]byte, error)
}

// Sealed is evidence ready to be stored and handed out.
type Sealed struct {
	XML         []byte
	PDF         []byte    // nil when the engine has no PDF sealer
	XMLSHA256   string    // lower-case hex
	PDFSHA256   string    // lower-case hex; empty without PDF
	StampedAt   time.Time // time in the time-stamp of the XML, UTC
	StampSerial string    // serial number of that time-stamp, decimal
}

// Engine seals prepared evidence and trusts nothing it made before its own
// verifiers did. Safe for concurrent use when its parts are.
type Engine struct {
	XML        XMLSealer
	XMLChecker Checker
	PDF        PDFSealer // nil: XML only
	PDFChecker Checker
	Trust      Trust // what the checkers trust: our own seal and time-stamp anchors
}

// Seal redeems p: signs and time-stamps the XML, renders and signs the PDF
// around it, and verifies both before returning. A second call with the same p
// gives [ErrRedeemed]; after a failure, [Resume] gives a fresh one. A document
// that does not pass its own check gives [ErrSelfCheck] and is not returned.
func (g Engine) Seal(ctx context.Context, p *Prepared, at time.Time) (Sealed, error) {
	if !p.redeem() {
		return Sealed{}, fmt.Errorf("%w: event %s", ErrRedeemed, p.doc.Event.ID)
	}
	// 1. The XML is the legal original; it is signed first.
	signed, err := g.XML.SealXML(ctx, p, at)
	if err != nil {
		return Sealed{}, fmt.Errorf("evidence: seal XML of event %s: %w", p.doc.Event.ID, err)
	}
	report := g.XMLChecker.Check(signed, g.Trust)
	if err := selfCheck("XML", p, report); err != nil {
		return Sealed{}, err
	}
	// What was signed must be what was linted, to the byte.
	if !bytes.Equal(report.Content, p.xml) {
		return Sealed{}, fmt.Errorf("%w: signed XML of event %s is not the prepared one", ErrSelfCheck, p.doc.Event.ID)
	}
	s := Sealed{XML: signed, XMLSHA256: sumHex(signed),
		StampedAt: report.Stamps[0].Time, StampSerial: report.Stamps[0].Serial}
	if g.PDF == nil {
		return s, nil
	}
	// 2. The PDF carries the signed XML. A crash here loses nothing: neither
	// was handed out, and a retry seals the same prepared bytes again.
	s.PDF, err = g.PDF.SealPDF(ctx, p.doc, bytes.Clone(signed), at)
	if err != nil {
		return Sealed{}, fmt.Errorf("evidence: seal PDF of event %s: %w", p.doc.Event.ID, err)
	}
	report = g.PDFChecker.Check(s.PDF, g.Trust)
	if err := selfCheck("PDF", p, report); err != nil {
		return Sealed{}, err
	}
	if !bytes.Equal(report.Content, signed) {
		return Sealed{}, fmt.Errorf("%w: PDF of event %s does not carry the signed XML", ErrSelfCheck, p.doc.Event.ID)
	}
	s.PDFSHA256 = sumHex(s.PDF)
	return s, nil
}

func selfCheck(what string, p *Prepared, r Report) error {
	if !r.OK() {
		return fmt.Errorf("%w: %s of event %s: %s", ErrSelfCheck, what, p.doc.Event.ID, r.Failures())
	}
	if len(r.Stamps) == 0 {
		return fmt.Errorf("%w: %s of event %s has no time-stamp", ErrSelfCheck, what, p.doc.Event.ID)
	}
	return nil
}

func sumHex(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
