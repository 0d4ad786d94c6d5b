package xades

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// Config of a [Sealer]. Both fields are needed.
type Config struct {
	Key     evidence.KeyAt   // seals; asked once per document
	Stamper evidence.Stamper // time-stamps the signature
}

// Sealer implements [evidence.XMLSealer]. Safe for concurrent use when its key
// and stamper are.
type Sealer struct{ cfg Config }

// New returns a sealer. Errors: [ErrConfig].
func New(cfg Config) (*Sealer, error) {
	if cfg.Key == nil || cfg.Stamper == nil {
		return nil, fmt.Errorf("%w: key and stamper are needed", ErrConfig)
	}
	cfg.Key = cfg.Key.Checked()
	return &Sealer{cfg}, nil
}

// SignXML signs the prepared XML at the given time, whole seconds, with the key
// for that time. What it returns has no time-stamp: it is complete with an
// evidence record beside it, or after [Sealer.StampXML]. Errors:
// [evidence.ErrDocument], [evidence.ErrSealKey], and those of the key.
// EN 319 132-1 §6.3 (B-B)
func (s *Sealer) SignXML(p *evidence.Prepared, at time.Time) ([]byte, error) {
	doc := p.XML()
	if !bytes.HasSuffix(doc, []byte(rootEnd)) {
		return nil, fmt.Errorf("%w: not evidence XML", evidence.ErrDocument)
	}
	key, err := s.cfg.Key(at)
	if err != nil {
		return nil, fmt.Errorf("xades: sign: %w", err)
	}
	m := methodOf(key.Public())
	sig := signature{id: p.Document().Event.ID, method: m.uri, certs: key.Certificates(),
		signingTime: at.UTC().Format(timeFormat)}
	sig.docDigest = sum256(doc)

	// Each part is written on its own here, which is its canonical form as the
	// apex of a subtree; in the document it stands without the declarations
	// that its parents already made.
	props := new(evidence.Canonical)
	if err := sig.writeProperties(props); err != nil {
		return nil, err
	}
	sig.propsDigest = sum256(props.Bytes())

	info := new(evidence.Canonical)
	sig.writeSignedInfo(info)
	if sig.value, err = m.sign(key, info.Bytes()); err != nil {
		return nil, fmt.Errorf("xades: sign: %w", err)
	}
	return sig.into(doc)
}

// StampXML gives what SignXML made a time-stamp of its own, asked for once. An
// error means that nothing was made that could be handed out. Errors:
// [evidence.ErrDocument], and those of the stamper. EN 319 132-1 §6.3 (B-T)
func (s *Sealer) StampXML(ctx context.Context, signed []byte) ([]byte, error) {
	// Whether the rest is as it should be is for the checker to say, which sees
	// the result before anybody else does.
	const begin, end = `<ds:SignatureValue Id="`, "</ds:SignatureValue>"
	i, j := bytes.LastIndex(signed, []byte(begin)), bytes.LastIndex(signed, []byte(end))
	if i < 0 || j < i || !bytes.HasSuffix(signed, []byte("</xades:SignedProperties>"+signatureEnd+rootEnd)) {
		return nil, fmt.Errorf("%w: not a signature that waits for its time-stamp", evidence.ErrDocument)
	}
	value := bytes.Replace(signed[i:j+len(end)], []byte(" "), []byte(` xmlns:ds="`+evidence.NSDSig+`" `), 1)
	token, err := s.cfg.Stamper.Stamp(ctx, sum256(value))
	if err != nil {
		return nil, fmt.Errorf("xades: time-stamp: %w", err)
	}
	return stamped(signed, signatureEnd+rootEnd, token), nil
}

// into puts the signature at the end of the evidence that it is over.
func (s signature) into(content []byte) ([]byte, error) {
	sig, err := s.bytes()
	if err != nil {
		return nil, err
	}
	return slices.Concat(bytes.TrimSuffix(content, []byte(rootEnd)), sig, []byte(rootEnd)), nil
}

// imprint is what a signature time-stamp is over. EN 319 132-1 §5.3
func (s signature) imprint() []byte {
	w := new(evidence.Canonical)
	s.writeValue(w)
	return sum256(w.Bytes())
}

func sum256(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

// sign gives a signature in the form of XML: r and s side by side for ECDSA.
// RFC 4050 §3.3
func (m method) sign(key crypto.Signer, data []byte) ([]byte, error) {
	h := m.hash.New()
	h.Write(data)
	der, err := key.Sign(rand.Reader, h.Sum(nil), m.hash)
	if err != nil || m.size == 0 {
		return der, err
	}
	var v struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &v); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("key gave no ECDSA signature: %w", err)
	}
	raw := make([]byte, 2*m.size)
	v.R.FillBytes(raw[:m.size])
	v.S.FillBytes(raw[m.size:])
	return raw, nil
}
