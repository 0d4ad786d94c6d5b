package evidence

import "errors"

// Refused before anything is recorded or prepared.
var (
	// ErrEvent says that a value is not an event that can be recorded: a
	// missing identifier, a time with a zone, text that XML cannot carry.
	ErrEvent = errors.New("evidence: not a recordable event")
	// ErrLint says that an event, or a document made of it, breaks a clause.
	// The error is a [LintError] that names every broken rule.
	ErrLint = errors.New("evidence: breaks a rule")
	// ErrIssuer says that the configured issuer claims what it cannot show.
	ErrIssuer = errors.New("evidence: issuer not usable")
)

// Refused between preparing and storing.
var (
	// ErrPrepared says that stored prepared bytes are not what the document gives.
	ErrPrepared = errors.New("evidence: prepared bytes differ from the document")
	// ErrRedeemed says that a [Prepared] was already given to an [Engine].
	ErrRedeemed = errors.New("evidence: already redeemed")
	// ErrSealKey says that a key does not fit its certificate, or is too weak.
	ErrSealKey = errors.New("evidence: key cannot seal")
	// ErrSelfCheck says that what was just sealed does not verify; it must not be stored.
	ErrSelfCheck = errors.New("evidence: sealed document fails its own check")
)

// Refused while verifying.
var (
	// ErrToken says that a time-stamp token is not to be trusted.
	ErrToken = errors.New("evidence: time-stamp token refused")
	// ErrProof says that a log proof does not show what it should.
	ErrProof = errors.New("evidence: log proof refused")
	// ErrRevoked says that a certificate was revoked, or that what its issuer says
	// of it cannot be believed.
	ErrRevoked = errors.New("evidence: certificate revoked")
	// ErrAlgorithm says that a key or a digest was too weak, at the time, to prove
	// anything.
	ErrAlgorithm = errors.New("evidence: algorithm not accepted")
	// ErrDocument says that bytes are not an evidence document of ours.
	ErrDocument = errors.New("evidence: not an evidence document")
)
