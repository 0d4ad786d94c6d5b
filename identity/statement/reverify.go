package statement

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/bode-erds/bode/identity"
)

// Reverify judges a Proof of this means again, from what was kept with it: the
// signed document, which begins with our page, and what the issuers answered
// then. It asks nobody, and trusts the anchors of today. What it returns says the
// same as p, or there is an error; the text that was approved stands on the page,
// for the eye to read.
//
// Errors: those of Finish, ErrStatus when an answer is missing.
func (s *Statement) Reverify(p identity.Proof) (identity.Proof, error) {
	f, err := readFile(p.Token)
	if err != nil || p.Method != identity.MethodStatement || p.Artefact != "pdf" {
		return identity.Proof{}, fmt.Errorf("%w: no signed statement", ErrChanged)
	}
	next := 0
	fresh := &OCSP{cfg: OCSPConfig{MaxAge: maxAge, Skew: skew}} // as it was when it was kept
	again := *s
	again.cfg.Revocation = func(_ context.Context, cert, issuer *x509.Certificate, at time.Time) ([]byte, error) {
		der, err := base64.StdEncoding.DecodeString(p.Claims[fmt.Sprintf("ocsp_%d", next)])
		if next++; err != nil || len(der) == 0 {
			return nil, fmt.Errorf("%w: no answer was kept", ErrStatus)
		}
		return der, fresh.judge(der, cert, issuer, nil, at)
	}
	found, err := again.judge(context.Background(), p.Token[:f.sections[0].end], p.Token, p.At)
	if err != nil {
		return identity.Proof{}, err
	}
	if found.family != p.Family || found.given != p.Given || found.number != p.NationalNumber || found.subject != p.Subject || found.level != p.Level {
		return identity.Proof{}, errors.New("statement: the record says something else than the signature")
	}
	return p, nil
}
