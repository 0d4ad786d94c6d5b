package identity

import (
	"context"
	"errors"
	"time"
)

// Signatures looks at a PDF of ours that came back signed.
type Signatures interface {
	// Check says who signed ours, a document that we gave out: signed has to be
	// ours with nothing added but signatures and what proves them. at is the true
	// time.
	//
	// Errors: ErrNotSigned when it is anything else, or when the signature does
	// not hold. Any other error means that nobody could look.
	Check(ctx context.Context, ours, signed []byte, at time.Time) (SignedBy, error)
}

// SignedBy is who signed, as the certificate says.
type SignedBy struct {
	Given        string
	Family       string
	Organisation string // organizationIdentifier, as "NTRBE-0671516647" (ETSI EN 319 412-1 §5.1.4); empty when it names none
	Issuer       string // who issued the certificate
	Qualified    bool   // a qualified signature (eIDAS art. 3(12)), not only a signature that holds
	At           time.Time
}

// ErrNotSigned says that a document is not ours with a signature that holds.
var ErrNotSigned = errors.New("identity: document is not ours, or its signature does not hold")
