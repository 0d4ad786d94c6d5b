package ers

import (
	"crypto/x509"
	"fmt"

	"github.com/bode-erds/bode/evidence"
)

// Chains lists the certificates of the first time-stamp of a record; the one that
// signed comes first. Nothing is judged. Errors: [ErrRecord], [evidence.ErrToken].
func Chains(record []byte) ([][]*x509.Certificate, error) {
	r, err := parse(record)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	unit, err := evidence.TokenChain(r.Chains[0][0].Token.FullBytes)
	return [][]*x509.Certificate{unit}, err
}
