package evidence

import (
	"errors"
	"time"
)

// Asking a ledger for documents.
var (
	ErrNoEvidence = errors.New("evidence: no such evidence")
	ErrPending    = errors.New("evidence: still being made")
)

// Piece is one piece of evidence as a ledger keeps it, without its documents.
type Piece struct {
	ID        string
	Delivery  string
	Seq       int
	Event     Name
	At        time.Time
	XMLSHA256 string // lower-case hex; empty while it is being made, as all below
	PDFSHA256 string
	StampedAt time.Time
	SealedAt  time.Time
}

// Format is a form of evidence.
type Format string

const (
	XML Format = "xml" // EN 319 522-3, the original
	PDF Format = "pdf" // the same for people, with the XML attached
)
