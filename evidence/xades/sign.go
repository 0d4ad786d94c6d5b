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
	Key     evidence.SealKey // P-256, P-384, or RSA of at least 2048 bits
	Stamper evidence.Stamper // time-stamps the signature
}

// Sealer implements [evidence.XMLSealer]. Safe for concurrent use when its key
// and stamper are.
type Sealer struct {
	cfg    Config
	method method
}

// New checks that the key can seal and has its certificate. Errors: [ErrConfig].
func New(cfg Config) (*Sealer, error) {
	if cfg.Key == nil || cfg.Stamper == nil {
		return nil, fmt.Errorf("%w: key and stamper are needed", ErrConfig)
	}
	certs := cfg.Key.Certificates()
	if len(certs) == 0 {
		return nil, fmt.Errorf("%w: the key has no certificate", ErrConfig)
	}
	m, err := methodOf(cfg.Key.Public())
	if err != nil {
		return nil, err
	}
	if pub, ok := certs[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool }); ok && !pub.Equal(cfg.Key.Public()) {
		return nil, fmt.Errorf("%w: the certificate is for another key", ErrConfig)
	}
	return &Sealer{cfg, m}, nil
}

// SealXML signs the prepared XML at the given time, whole seconds, and
// time-stamps the signature. It asks the stamper once. An error means that
// nothing was made that could be handed out.
func (s *Sealer) SealXML(ctx context.Context, p *evidence.Prepared, at time.Time) ([]byte, error) {
	doc := p.XML()
	body, ok := bytes.CutSuffix(doc, []byte(rootEnd))
	if !ok {
		return nil, fmt.Errorf("%w: not evidence XML", evidence.ErrDocument)
	}
	sig := signature{id: p.Document().Event.ID, method: s.method.uri, certs: s.cfg.Key.Certificates(),
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
	var err error
	if sig.value, err = s.sign(info.Bytes()); err != nil {
		return nil, fmt.Errorf("xades: sign: %w", err)
	}
	value := new(evidence.Canonical)
	sig.writeValue(value)
	if sig.token, err = s.cfg.Stamper.Stamp(ctx, sum256(value.Bytes())); err != nil {
		return nil, fmt.Errorf("xades: time-stamp: %w", err)
	}
	out := new(evidence.Canonical)
	if err := sig.write(out); err != nil {
		return nil, err
	}
	return slices.Concat(body, out.Bytes(), []byte(rootEnd)), nil
}

func sum256(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

// sign gives a signature in the form of XML: r and s side by side for ECDSA.
// RFC 4050 §3.3
func (s *Sealer) sign(data []byte) ([]byte, error) {
	h := s.method.hash.New()
	h.Write(data)
	der, err := s.cfg.Key.Sign(rand.Reader, h.Sum(nil), s.method.hash)
	if err != nil || s.method.size == 0 {
		return der, err
	}
	var v struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &v); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("key gave no ECDSA signature: %w", err)
	}
	raw := make([]byte, 2*s.method.size)
	v.R.FillBytes(raw[:s.method.size])
	v.S.FillBytes(raw[s.method.size:])
	return raw, nil
}
