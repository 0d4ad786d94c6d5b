package pades

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/digitorus/pdf"
	"github.com/digitorus/pdfsign/sign"

	"github.com/bode-erds/bode/evidence"
)

// Config is what a [Sealer] needs.
type Config struct {
	// Key seals. Its certificate must be the first of Certificates, for an
	// ECDSA or RSA key. Required.
	Key evidence.SealKey
	// Stamper gives the signature time-stamp. Required.
	Stamper evidence.Stamper
	// TokenSize is the room kept for a time-stamp token, in octets. A larger
	// token fails the sealing. Default 8,192: enough for a token with a chain
	// of RSA certificates.
	TokenSize int
}

func (c *Config) validate() error {
	switch {
	case c.Key == nil || c.Stamper == nil:
		return fmt.Errorf("%w: key and stamper are needed", ErrConfig)
	case len(c.Key.Certificates()) == 0:
		return fmt.Errorf("%w: the key has no certificate", ErrConfig)
	case c.TokenSize < 0 || c.TokenSize > 1<<20:
		return fmt.Errorf("%w: token size %d", ErrConfig, c.TokenSize)
	}
	own, ok := c.Key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !own.Equal(c.Key.Certificates()[0].PublicKey) {
		return fmt.Errorf("%w: the first certificate is not that of the key", ErrConfig)
	}
	if c.TokenSize == 0 {
		c.TokenSize = 8192
	}
	return nil
}

// Sealer makes sealed evidence PDFs. It implements evidence.PDFSealer and is
// safe for concurrent use when its key and stamper are.
type Sealer struct {
	cfg Config
}

// New returns a sealer. Errors: [ErrConfig].
func New(cfg Config) (*Sealer, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Sealer{cfg: cfg}, nil
}

// SealPDF renders d, attaches a, seals the file and, where a.Own says so, stamps
// the seal: PAdES B-T, or B-B, with one certifying signature that permits no
// change. At becomes the claimed signing time. What it returns has passed its own
// check; trust in the certificate and the authority is for a [Checker] to say. It
// reaches outside only through the key and the stamper, and an error leaves
// nothing behind. Errors: [ErrRender], [ErrSeal].
//
// EN 319 142-1 §6.3; ISO 32000-1 §12.8.4
func (s *Sealer) SealPDF(ctx context.Context, d evidence.Document, a evidence.Attached, at time.Time) ([]byte, error) {
	if at.IsZero() {
		return nil, fmt.Errorf("%w: no time of signing", ErrSeal)
	}
	// 1. The page, with the attachment; the text of a placeholder is refused here.
	unsigned, err := render(d, a, true)
	if err != nil {
		return nil, err
	}
	w, err := wordsFor(d.Event.Language)
	if err != nil {
		return nil, err
	}
	// 2. and 3. The seal and its time-stamp.
	sealed, err := s.seal(ctx, unsigned, d.Issuer.Name, w.title(d.Event.Name), at, a.Own)
	if err != nil {
		return nil, err
	}
	// 4. What leaves here is what we meant to make.
	if err = s.check(sealed, a.Own); err == nil {
		err = checkAttached(sealed, a)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: own check: %w", ErrSeal, err)
	}
	return sealed, nil
}

// SealFile seals a PDF that is no evidence, such as a letter that was printed,
// so that anybody can see that it is ours and unchanged: PAdES-B-T, as SealPDF.
// It is no evidence and a [Checker] refuses it. A file that holds the text of a
// signature's place in the open is not sealed. Errors: [ErrSeal].
func (s *Sealer) SealFile(ctx context.Context, file []byte, name, reason string, at time.Time) ([]byte, error) {
	if bytes.Contains(file, []byte("/ByteRange")) {
		return nil, fmt.Errorf("%w: the file looks signed already", ErrSeal)
	}
	sealed, err := s.seal(ctx, file, name, reason, at, true)
	if err != nil {
		return nil, err
	}
	if err := s.check(sealed, true); err != nil {
		return nil, fmt.Errorf("%w: own check: %w", ErrSeal, err)
	}
	return sealed, nil
}

// seal signs unsigned and, if stamp is set, time-stamps the signature.
func (s *Sealer) seal(ctx context.Context, unsigned []byte, name, reason string, at time.Time, stamp bool) ([]byte, error) {
	sealed, err := s.sign(ctx, unsigned, name, reason, at) // with room for the time-stamp
	if err != nil {
		return nil, fmt.Errorf("%w: sign: %w", ErrSeal, err)
	}
	// The time-stamp over the seal: the only call to the outside.
	f, der, err := take(sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSeal, err)
	}
	unstamped, err := readDraft(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSeal, err)
	}
	var token []byte
	if stamp {
		if token, err = s.cfg.Stamper.Stamp(ctx, imprint(unstamped.signature)); err != nil {
			return nil, fmt.Errorf("%w: time-stamp: %w", ErrSeal, err)
		}
	}
	if der, err = unstamped.stamped(token); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSeal, err)
	}
	place := sealed[f.holeFrom+1 : f.holeTo-1]
	if hex.EncodedLen(len(der)) > len(place) {
		return nil, fmt.Errorf("%w: time-stamp token of %d octets does not fit", ErrSeal, len(token))
	}
	n := hex.Encode(place, der)
	copy(place[n:], bytes.Repeat([]byte("0"), len(place)-n))
	return sealed, nil
}

// sign lets the signing library append its increment. Its finished interface
// takes no claimed time, asks for a time-stamp by address with rules of its own,
// and repeats the whole signature when a token is large; the layer below leaves
// all three to us.
func (s *Sealer) sign(ctx context.Context, unsigned []byte, name, reason string, at time.Time) ([]byte, error) {
	r, err := pdf.NewReader(bytes.NewReader(unsigned), int64(len(unsigned)))
	if err != nil {
		return nil, err
	}
	certs := s.cfg.Key.Certificates()
	var out bytes.Buffer
	//lint:ignore SA1019 the builder takes no signing time and makes three stamps of a large one
	err = sign.SignWithData(bytes.NewReader(unsigned), &out, r, int64(len(unsigned)), sign.SignData{
		Signature: sign.SignDataSignature{
			CertType:   sign.CertificationSignature,
			DocMDPPerm: sign.DoNotAllowAnyChangesPerms,
			Info:       sign.SignDataSignatureInfo{Name: name, Reason: reason, Date: at.UTC()},
		},
		Signer: s.cfg.Key, DigestAlgorithm: digestFor(certs[0]),
		Certificate: certs[0], CertificateChains: [][]*x509.Certificate{certs},
		SubFilter: sign.SubFilterETSICAdESDetached,
		PreSignCallback: func(c *sign.SignContext) error {
			c.SignatureMaxLength += uint32(hex.EncodedLen(s.cfg.TokenSize))
			return ctx.Err()
		},
		Context: ctx,
	})
	return out.Bytes(), err
}

// digestFor is the digest that goes with a certificate's key. TS 119 312 §6
func digestFor(cert *x509.Certificate) crypto.Hash {
	if k, ok := cert.PublicKey.(*ecdsa.PublicKey); ok {
		switch bits := k.Curve.Params().BitSize; {
		case bits > 384:
			return crypto.SHA512
		case bits > 256:
			return crypto.SHA384
		}
	}
	return crypto.SHA256
}

// take finds the seal of a file and its container.
func take(sealed []byte) (*sealedFile, []byte, error) {
	f, err := locate(sealed)
	if err != nil {
		return nil, nil, err
	}
	der, err := f.container()
	return f, der, err
}

// check is the part of a [Checker] that needs no trust, and that the key and the
// token, where there must be one, are ours.
func (s *Sealer) check(sealed []byte, stamped bool) error {
	f, der, err := take(sealed)
	if err != nil {
		return err
	}
	c, err := evidence.ParseCMS(der)
	if err != nil {
		return err
	}
	if err := c.Verify(f.covered()); err != nil {
		return err
	}
	if !c.Signer.Equal(s.cfg.Key.Certificates()[0]) {
		return fmt.Errorf("%w: another certificate", errCMS)
	}
	if !stamped && c.Token == nil {
		return nil
	}
	ts, _, err := readToken(c.Token)
	if err != nil {
		return err
	}
	if !bytes.Equal(ts.Imprint.Digest, imprint(c.Signature)) {
		return fmt.Errorf("%w: the time-stamp is not of this seal", errCMS)
	}
	return nil
}

// checkAttached makes sure that the file has the shape that a [Checker] asks for
// and that what is inside is what was meant.
func checkAttached(sealed []byte, a evidence.Attached) error {
	f, err := open(sealed)
	if err != nil {
		return err
	}
	xml, beside, err := f.attached()
	if err == nil && !(bytes.Equal(xml, a.XML) && bytes.Equal(beside.Record, a.Record) && bytes.Equal(beside.Proof, a.Proof)) {
		err = errAttached
	}
	return err
}
