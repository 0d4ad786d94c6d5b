package identity

import "time"

// Proof is what an identity provider proved about a person.
type Proof struct {
	Method         string // "itsme", "eid"
	Provider       string // issuer
	Subject        string // the provider's own stable identifier
	Given          string
	Family         string
	BirthDate      string // YYYY-MM-DD, YYYY-MM or YYYY; empty when not given
	NationalNumber string // digits only; empty when not given; never logged, never in evidence
	Level          Level
	At             time.Time
	Token          []byte // the decrypted signed token, kept encrypted for an auditor
}

// Expected is what the sender gave to recognise the addressee by.
type Expected struct {
	Given          string
	Family         string
	BirthDate      string // YYYY-MM-DD; empty when not given
	NationalNumber string // keyed digest as returned by Service.NationalNumberDigest; empty when not given
}
