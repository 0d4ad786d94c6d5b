package pades

import (
	"crypto/x509"
	"fmt"

	"github.com/bode-erds/bode/evidence"
)

// Chains lists the certificates of a sealed evidence PDF: those of the seal, and
// those of its time-stamp or, without one of its own, of the record inside; the
// one that signed comes first. Nothing is judged. Errors: [evidence.ErrDocument],
// [evidence.ErrToken].
func Chains(pdf []byte) ([][]*x509.Certificate, error) {
	f, c, err := openSeal(pdf)
	if err != nil {
		return nil, err
	}
	token := c.Token
	if token == nil {
		_, b, err := f.attached()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", evidence.ErrDocument, err)
		}
		token = firstToken(b.Record)
	}
	unit, err := evidence.TokenChain(token)
	return [][]*x509.Certificate{c.Chain(), unit}, err
}
