package evidence

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
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

// XMLSealer seals evidence XML in two steps, so that the signature is made and
// stored once, however often the time-stamp has to be asked for.
type XMLSealer interface {
	// SignXML signs the XML of p: XAdES B-B. At is the time of signing.
	SignXML(p *Prepared, at time.Time) ([]byte, error)
	// StampXML adds a time-stamp to what SignXML gave: XAdES B-T.
	StampXML(ctx context.Context, signed []byte) ([]byte, error)
}

// Attached is what a PDF carries and shows of the XML that it is made of.
type Attached struct {
	XML []byte // as it is handed out
	Beside
	Stamp TokenInfo // of the XML or of its evidence record
	Own   bool      // the PDF gets a time-stamp of its own
}

// PDFSealer renders d with a attached, signs it and, where a.Own says so,
// time-stamps it. At is the time of signing.
type PDFSealer interface {
	SealPDF(ctx context.Context, d Document, a Attached, at time.Time) ([]byte, error)
}

// Engine signs prepared evidence, stamps it and makes the PDF around it. It
// trusts nothing that it made before its own verifiers did. Safe for concurrent
// use when its parts are.
type Engine struct {
	XML        XMLSealer
	XMLChecker XMLChecker
	PDF        PDFSealer
	PDFChecker Checker
	Trust      Trust // what the checkers trust: our own anchors
}

// Sign redeems p: it signs the XML and makes sure that what was signed is what
// was linted. A second call with the same p gives [ErrRedeemed]; after a failure,
// [Resume] gives a fresh one. Store the result before anything else is done with
// it. Errors: [ErrSelfCheck], and those of the key.
func (g Engine) Sign(p *Prepared, at time.Time) ([]byte, error) {
	id := p.doc.Event.ID
	if !p.redeem() {
		return nil, fmt.Errorf("%w: event %s", ErrRedeemed, id)
	}
	signed, err := g.XML.SignXML(p, at)
	if err != nil {
		return nil, fmt.Errorf("evidence: sign XML of event %s: %w", id, err)
	}
	content, err := g.XMLChecker.CheckSigned(signed)
	if err != nil {
		return nil, fmt.Errorf("%w: XML of event %s: %w", ErrSelfCheck, id, err)
	}
	if !bytes.Equal(content, p.xml) {
		return nil, fmt.Errorf("%w: signed XML of event %s is not the prepared one", ErrSelfCheck, id)
	}
	return signed, nil
}

// Stamp gives signed XML a time-stamp of its own and checks the result. Errors:
// [ErrSelfCheck], and those of the authority.
func (g Engine) Stamp(ctx context.Context, signed []byte) (xml []byte, stamp TokenInfo, err error) {
	if xml, err = g.XML.StampXML(ctx, signed); err != nil {
		return nil, TokenInfo{}, err
	}
	r := g.XMLChecker.Check(xml, g.Trust)
	if !r.OK() || len(r.Stamps) == 0 {
		return nil, TokenInfo{}, fmt.Errorf("%w: stamped XML: %s", ErrSelfCheck, r.Failures())
	}
	return xml, r.Stamps[0], nil
}

// Finish checks the XML of p with what stands beside it, makes the PDF around
// both, and checks that. Own says that the PDF gets its own time-stamp. Errors:
// [ErrSelfCheck] and those of the key and the authority.
func (g Engine) Finish(ctx context.Context, d Document, xml []byte, b Beside, own bool, at time.Time) (pdf []byte, stamp TokenInfo, err error) {
	id := d.Event.ID
	r := g.XMLChecker.CheckWith(xml, b, g.Trust)
	if !r.OK() || len(r.Stamps) == 0 {
		return nil, stamp, fmt.Errorf("%w: XML of event %s: %s", ErrSelfCheck, id, r.Failures())
	}
	stamp = r.Stamps[0]
	pdf, err = g.PDF.SealPDF(ctx, d, Attached{XML: xml, Beside: b, Stamp: stamp, Own: own}, at)
	if err != nil {
		return nil, stamp, fmt.Errorf("evidence: seal PDF of event %s: %w", id, err)
	}
	r = g.PDFChecker.Check(pdf, g.Trust)
	if !r.OK() {
		return nil, stamp, fmt.Errorf("%w: PDF of event %s: %s", ErrSelfCheck, id, r.Failures())
	}
	if !bytes.Equal(r.Content, xml) {
		return nil, stamp, fmt.Errorf("%w: PDF of event %s does not carry the XML", ErrSelfCheck, id)
	}
	return pdf, stamp, nil
}

// Sealed is evidence ready to be stored and handed out.
type Sealed struct {
	XML, PDF []byte
	Stamp    TokenInfo // of the XML
}

// Seal is Sign, Stamp and Finish at once: evidence with its own time-stamps,
// nothing beside it. A crash in between loses everything that was made.
func (g Engine) Seal(ctx context.Context, p *Prepared, at time.Time) (Sealed, error) {
	signed, err := g.Sign(p, at)
	if err != nil {
		return Sealed{}, err
	}
	var s Sealed
	if s.XML, _, err = g.Stamp(ctx, signed); err != nil {
		return Sealed{}, err
	}
	s.PDF, s.Stamp, err = g.Finish(ctx, p.doc, s.XML, Beside{}, true, at)
	if err != nil {
		return Sealed{}, err
	}
	return s, nil
}
