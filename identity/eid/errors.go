package eid

import (
	"fmt"

	"github.com/bode-erds/bode/identity"
)

// What is wrong with a Web eID token. Each error wraps one of the
// identity.ErrLogin… family, which says what the person can do.
var (
	// ErrToken: no token of a format that we know, or the algorithm does not fit
	// the key.
	ErrToken = fmt.Errorf("eid: token is malformed: %w", identity.ErrLoginUnusable)
	// ErrSignature: signed with another key, for another origin or another
	// challenge.
	ErrSignature = fmt.Errorf("eid: signature of the token is not over this challenge: %w", identity.ErrLoginStale)
)

// What is wrong with a certificate, or with the person in it.
var (
	// ErrPurpose: not a certificate to authenticate with.
	ErrPurpose = fmt.Errorf("eid: certificate is not for authentication: %w", identity.ErrLoginDocument)
	// ErrSigningCertificate: the card's other certificate, the one for signatures.
	ErrSigningCertificate = fmt.Errorf("eid: certificate is the one for signatures: %w", identity.ErrLoginDocument)
	// ErrPolicy: its policy is not one that we take.
	ErrPolicy = fmt.Errorf("eid: certificate policy is not accepted: %w", identity.ErrLoginDocument)
	// ErrNotYetValid and ErrExpired: at that time.
	ErrNotYetValid = fmt.Errorf("eid: certificate is not yet valid: %w", identity.ErrLoginDocument)
	ErrExpired     = fmt.Errorf("eid: certificate has expired: %w", identity.ErrLoginDocument)
	// ErrIssuer: no configured CA that was valid then has signed it.
	ErrIssuer = fmt.Errorf("eid: certificate is not by a CA we trust: %w", identity.ErrLoginDocument)
	// ErrPerson: names no natural person with a national number.
	ErrPerson = fmt.Errorf("eid: certificate names no person with a national number: %w", identity.ErrLoginDocument)
)

// What its issuer says of a certificate.
var (
	// ErrRevoked: revoked, suspended, or not known to its own issuer.
	ErrRevoked = fmt.Errorf("eid: certificate is revoked: %w", identity.ErrLoginDocument)
	// ErrResponder: the responder gives no answer.
	ErrResponder = fmt.Errorf("eid: OCSP responder is unavailable: %w", identity.ErrLoginUnavailable)
	// ErrResponse: the answer fails a check, or the responder is none of ours. The
	// operator must look: an honest responder never does this.
	ErrResponse = fmt.Errorf("eid: OCSP answer is not acceptable: %w", identity.ErrLoginUnusable)
)

// ErrDeposit: what [Card.Receive] left is not there, too old, or cannot be read.
var ErrDeposit = fmt.Errorf("eid: no card was shown to this challenge: %w", identity.ErrLoginStale)

// ErrArtefact: what was kept of an identification cannot be read.
var ErrArtefact = fmt.Errorf("eid: artefact cannot be read: %w", identity.ErrLoginUnusable)
