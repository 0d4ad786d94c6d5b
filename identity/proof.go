package identity

import "time"

// How somebody identifies. A means names itself with one of these, in evidence
// and in the policy of a message.
const (
	MethodItsme     = "itsme"         // OpenID Connect
	MethodWebEID    = "be-eid-webeid" // Belgian eID through the browser's Web eID extension
	MethodCard      = "be-eid-mtls"   // Belgian eID as TLS client certificate
	MethodWallet    = "eudi-pid"      // EUDI wallet, person identification data
	MethodStatement = "qes-statement" // qualified signature over a statement of ours, LuxTrust's for one
	MethodLuxTrust  = "luxtrust"      // OpenID Connect, where there is a contract
	MethodFAS       = "fas"           // Belgian federal authentication, OpenID Connect, where there is a contract
)

// Proof is what a means proved about a person.
type Proof struct {
	Method         string // "itsme", "be-eid-webeid"
	Provider       string // issuer
	Subject        string // the provider's own stable identifier
	Given          string
	Family         string
	BirthDate      string // YYYY-MM-DD, YYYY-MM or YYYY; empty when not given
	NationalNumber string // digits only; empty when not given; never logged, never in evidence
	Level          Level  // what the means claims; the level granted comes from [Assurance]
	At             time.Time
	Token          []byte // what an auditor verifies again, kept encrypted: see Artefact

	Artefact        string            `json:",omitempty"` // what Token is: "jws", "web-eid", "x509", "sd-jwt", "mdoc", "pdf"; "" for a signed token of before
	Checks          []Check           `json:",omitempty"` // what was checked, in order
	Claims          map[string]string `json:",omitempty"` // further things the means said: signals of fraud, the serial of a card
	DocumentExpires string            `json:",omitempty"` // YYYY-MM-DD, of the identity document; empty when not given
	Approved        string            `json:",omitempty"` // the text the person approved or signed, as it was shown
}

// Check is one thing that was checked of a proof, and how it came out: "ok", or
// a word for what was accepted instead.
type Check struct{ Name, Result string }

// Expected is what the sender gave to recognise the addressee by.
type Expected struct {
	Given          string
	Family         string
	BirthDate      string // YYYY-MM-DD; empty when not given
	NationalNumber string // keyed digest as returned by Service.NationalNumberDigest; empty when not given
}
