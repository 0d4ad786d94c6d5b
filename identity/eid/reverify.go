package eid

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bode-erds/bode/identity"
)

// Reverify judges again what was kept of an identification (Proof.Token), as of
// the time when it was made (Proof.At), without a network: the certificate under
// our anchors, the signature over the challenge, the OCSP answer. The Proof it
// returns is what follows from it; an auditor compares it with the record. That
// a TLS client held the key of its certificate cannot be shown again: for a
// [Card] that stands on our word.
//
// The anchors and policies are those of v, which for an old record have to be
// the ones of then. Errors: ErrArtefact, those of [WebEID.Finish].
func (v *Verifier) Reverify(token []byte, at time.Time) (identity.Proof, error) {
	a, err := parseArtefact(token)
	if err != nil {
		return identity.Proof{}, err
	}
	return v.again(a, at)
}

// again judges an artefact, its OCSP answer included.
func (v *Verifier) again(a artefact, at time.Time) (identity.Proof, error) {
	h, checks, err := v.person(a, at)
	if err != nil {
		return identity.Proof{}, err
	}
	s := status{der: a.OCSP, nonce: a.Asked}
	if s.Judgement, err = v.strict.Check(s.der, h.leaf, h.anchor.issuer, s.nonce, at); err != nil {
		return identity.Proof{}, err
	}
	return a.prove(h, s, checks, at)
}

// person is who an artefact speaks of, by the certificate alone for a card that
// was shown by TLS.
func (v *Verifier) person(a artefact, at time.Time) (h holder, checks []identity.Check, err error) {
	if a.Kind == artefactWebEID {
		return v.signed(a, at)
	}
	leaf, err := a.leaf()
	if err != nil {
		return holder{}, nil, err
	}
	return v.shown(leaf, at)
}

func parseArtefact(token []byte) (a artefact, err error) {
	if err := json.Unmarshal(token, &a); err != nil {
		return artefact{}, fmt.Errorf("%w: not JSON", ErrArtefact)
	}
	if a.Kind != artefactWebEID && a.Kind != artefactX509 {
		return artefact{}, fmt.Errorf("%w: kind %.20q", ErrArtefact, a.Kind)
	}
	return a, nil
}
