//go:build !offline

// The verifier is given out without this file and the library it needs.

package pades

import (
	"bytes"
	"cmp"
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
	// Key seals; asked once per document. Required.
	Key evidence.KeyAt
	// Stamper gives the signature time-stamp. Required.
	Stamper evidence.Stamper
	// TokenSize is the most that a time-stamp token may have, in octets. A larger
	// token fails the sealing. Default 8,192: enough for a token with a chain
	// of RSA certificates.
	TokenSize int
}

func (c *Config) validate() error {
	switch {
	case c.Key == nil || c.Stamper == nil:
		return fmt.Errorf("%w: key and stamper are needed", ErrConfig)
	case c.TokenSize < 0 || c.TokenSize > 1<<20:
		return fmt.Errorf("%w: token size %d", ErrConfig, c.TokenSize)
	}
	c.Key = c.Key.Checked()
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
// change. At becomes the claimed signing time and chooses the key. A token that is not of this seal
// is refused; all else about the result is for a [Checker] to say, which
// evidence.Engine asks. It reaches outside only through the key and the stamper,
// and an error leaves nothing behind. Errors: [ErrRender], [ErrSeal].
//
// EN 319 142-1 §6.3; ISO 32000-1 §12.8.4
func (s *Sealer) SealPDF(ctx context.Context, d evidence.Document, a evidence.Attached, at time.Time) ([]byte, error) {
	if at.IsZero() {
		return nil, fmt.Errorf("%w: no time of signing", ErrSeal)
	}
	key, err := s.key(at)
	if err != nil {
		return nil, err
	}
	page, err := render(d, a, true)
	if err != nil {
		return nil, err
	}
	title := d.Event.Name.Title(d.Event.Language)
	for _, room := range s.rooms(a) {
		u, err := s.sign(ctx, page, claim{key, d.Issuer.Name, title, at, true}, room)
		if err != nil {
			return nil, err
		}
		fits, err := s.stamp(ctx, u, a.Own)
		if err != nil {
			return nil, err
		}
		if fits {
			return u.doc, nil
		}
	}
	return nil, fmt.Errorf("%w: time-stamp token is too large", ErrSeal)
}

// key is the one for a document that is sealed at a time.
func (s *Sealer) key(at time.Time) (evidence.SealKey, error) {
	key, err := s.cfg.Key(at)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSeal, err)
	}
	return key, nil
}

// rooms are the sizes of the place for a token to try. It counts twice in the
// file, so the first is what the token in the XML had, most likely of the same
// authority, and something more; the other is the most there may be.
func (s *Sealer) rooms(a evidence.Attached) []int {
	const slack = 64 // serial numbers and signatures vary in length
	switch known := len(xmlToken(a.XML)); {
	case !a.Own:
		return []int{0}
	case known > 0 && known+slack < s.cfg.TokenSize:
		return []int{known + slack, s.cfg.TokenSize}
	}
	return []int{s.cfg.TokenSize}
}

// stamp gets the time-stamp over the seal, if there shall be one: the only call
// to the outside. It says whether the token fitted.
func (s *Sealer) stamp(ctx context.Context, u *sealing, own bool) (fits bool, err error) {
	var token []byte
	if own {
		if token, err = s.cfg.Stamper.Stamp(ctx, imprint(u.draft.signature)); err != nil {
			return false, fmt.Errorf("%w: time-stamp: %w", ErrSeal, err)
		}
		if len(token) > s.cfg.TokenSize {
			return false, fmt.Errorf("%w: time-stamp token of %d octets", ErrSeal, len(token))
		}
		// Who stamps has verified it, and a Checker will: this only tells a mix-up
		// where it happens.
		if !bytes.Contains(token, imprint(u.draft.signature)) {
			return false, fmt.Errorf("%w: the time-stamp is not of this seal", ErrSeal)
		}
	}
	if fits, err = u.close(token); err != nil {
		return false, fmt.Errorf("%w: %w", ErrSeal, err)
	}
	return fits, nil
}

// SealFile seals a PDF that is no evidence, such as a letter that was printed,
// so that anybody can see that it is ours and unchanged: PAdES B-T, as SealPDF.
// It does not certify, so a [Checker] refuses it, though a genuine evidence.xml be
// inside. A file that holds the text of a signature's place in the open is not
// sealed. What it returns has passed its own check, except for trust. Errors:
// [ErrSeal].
func (s *Sealer) SealFile(ctx context.Context, file []byte, name, reason string, at time.Time) ([]byte, error) {
	if bytes.Contains(file, []byte("/ByteRange")) {
		return nil, fmt.Errorf("%w: the file looks signed already", ErrSeal)
	}
	key, err := s.key(at)
	if err != nil {
		return nil, err
	}
	// Not certified: whatever the file claims of itself, that is how the seal of
	// evidence differs.
	u, err := s.sign(ctx, file, claim{key, name, reason, at, false}, s.cfg.TokenSize)
	if err != nil {
		return nil, err
	}
	if fits, err := s.stamp(ctx, u, true); err != nil || !fits {
		return nil, cmp.Or(err, fmt.Errorf("%w: time-stamp token is too large", ErrSeal))
	}
	if err := u.check(key); err != nil {
		return nil, fmt.Errorf("%w: own check: %w", ErrSeal, err)
	}
	return u.doc, nil
}

// sealing is a file with its signature in a place that is large enough for a
// time-stamp to come.
type sealing struct {
	doc   []byte
	place []byte // the digits of the signature, part of doc
	draft draft
}

// claim is what a seal says: who seals why and when, and whether it certifies,
// so that nothing may change.
type claim struct {
	key          evidence.SealKey
	name, reason string
	at           time.Time
	certify      bool
}

// sign lets the signing library append its increment, with room for a time-stamp
// in octets. Its finished interface takes no claimed time, asks for a time-stamp
// by address with rules of its own, and repeats the whole signature when a token
// is large; the layer below leaves all three to us.
func (s *Sealer) sign(ctx context.Context, unsigned []byte, as claim, room int) (*sealing, error) {
	r, err := pdf.NewReader(bytes.NewReader(unsigned), int64(len(unsigned)))
	if err != nil {
		return nil, fmt.Errorf("%w: sign: %w", ErrSeal, err)
	}
	certs := as.key.Certificates()
	signature := sign.SignDataSignature{
		CertType: sign.ApprovalSignature,
		Info:     sign.SignDataSignatureInfo{Name: as.name, Reason: as.reason, Date: as.at.UTC()},
	}
	if as.certify {
		signature.CertType, signature.DocMDPPerm = sign.CertificationSignature, sign.DoNotAllowAnyChangesPerms
	}
	var out bytes.Buffer
	out.Grow(len(unsigned) + 2*(containerRoom(certs)+room) + 4096)
	//lint:ignore SA1019 the builder takes no signing time and makes three stamps of a large one
	err = sign.SignWithData(bytes.NewReader(unsigned), &out, r, int64(len(unsigned)), sign.SignData{
		Signature: signature,
		Signer:    as.key, DigestAlgorithm: digestFor(certs[0]), Certificate: certs[0],
		SubFilter: sign.SubFilterETSICAdESDetached,
		PreSignCallback: func(c *sign.SignContext) error {
			c.SignatureMaxLength = uint32(hex.EncodedLen(containerRoom(certs) + room))
			return ctx.Err()
		},
		Context: ctx,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: sign: %w", ErrSeal, err)
	}
	u := &sealing{doc: out.Bytes()}
	f, der, err := take(u.doc)
	if err == nil {
		u.place = u.doc[f.holeFrom+1 : f.holeTo-1]
		u.draft, err = readDraft(der)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSeal, err)
	}
	u.draft = u.draft.withCertificates(certs)
	return u, nil
}

// close puts the signature with its token, which may be nil, in its place. It
// says whether it fitted.
func (s *sealing) close(token []byte) (bool, error) {
	der, err := s.draft.stamped(token)
	if err != nil || hex.EncodedLen(len(der)) > len(s.place) {
		return false, err
	}
	n := hex.Encode(s.place, der)
	copy(s.place[n:], bytes.Repeat([]byte("0"), len(s.place)-n))
	return true, nil
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

// check makes sure that the seal of a foreign file is ours and covers it. That
// its token is of this seal was seen before it was put in.
func (s *sealing) check(key evidence.SealKey) error {
	f, der, err := take(s.doc)
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
	if !c.Signer.Equal(key.Certificates()[0]) || c.Token == nil {
		return fmt.Errorf("%w: another certificate, or no time-stamp", errCMS)
	}
	return nil
}
