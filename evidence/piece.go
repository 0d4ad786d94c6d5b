package evidence

import (
	"context"
	"errors"
	"io"
	"time"
)

// Asking a ledger for documents.
var (
	ErrNoEvidence = errors.New("evidence: no such evidence")
	ErrPending    = errors.New("evidence: still being made")
)

// PieceState is how far a piece of evidence is.
type PieceState string

// The states. Nothing can be handed out before the last.
const (
	Making       PieceState = "making"            // us: it is being made
	PendingStamp PieceState = "pending_timestamp" // a time-stamp authority: it is signed and waits for its time-stamp
	SealedState  PieceState = "sealed"            // nobody: it is there
)

// Piece is one piece of evidence as a ledger keeps it, without its documents.
type Piece struct {
	ID       string
	Delivery string
	Seq      int
	Event    Name
	At       time.Time
	State    PieceState
	// OwnStamp says that its time-stamp is its own, and not that of its batch.
	OwnStamp bool
	// The digests, lower-case hex, are of the documents as they were issued: what
	// is handed out later has validation data added. Empty while it is being made,
	// as all below.
	XMLSHA256 string
	PDFSHA256 string
	StampedAt time.Time
	SealedAt  time.Time
	Complete  bool  // with validation data: baseline B-LT
	Logged    bool  // in the public log
	LogIndex  int64 // of its entry there, from 0
}

// Format is a form of evidence.
type Format string

const (
	XML       Format = "xml"        // EN 319 522-3, the original
	PDF       Format = "pdf"        // the same for people, with the XML attached
	ERS       Format = "ers"        // the evidence record of XML without a time-stamp of its own
	TLogProof Format = "tlog-proof" // that the public log holds it
)

// MediaType is what f is on the web; empty for what is no form of evidence.
func (f Format) MediaType() string {
	switch f {
	case XML:
		return "application/xml"
	case PDF:
		return "application/pdf"
	case ERS:
		return "application/octet-stream"
	case TLogProof:
		return "text/plain; charset=utf-8"
	}
	return ""
}

// File is something that goes with evidence: a part of the message, a letter.
type File struct {
	Name      string // as people know it
	MediaType string
	SHA256    string // lower-case hex; checked when not empty
	Open      func(ctx context.Context) (io.ReadCloser, error)
}
