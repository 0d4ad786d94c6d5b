package xades

import (
	"crypto/x509"
	"fmt"

	"github.com/bode-erds/bode/evidence"
)

// Chains lists the certificates of signed evidence: those of the seal, and those
// of its time-stamp when it has one of its own; the one that signed comes first.
// Nothing is judged. Errors: [evidence.ErrDocument], [evidence.ErrToken].
func Chains(doc []byte) ([][]*x509.Certificate, error) {
	issued, _, err := split(doc)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", evidence.ErrDocument, err)
	}
	s, err := open(issued)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", evidence.ErrDocument, err)
	}
	chains := [][]*x509.Certificate{s.certs}
	if s.token == nil {
		return chains, nil
	}
	unit, err := evidence.TokenChain(s.token)
	return append(chains, unit), err
}
