package delivery

import (
	"context"
	"io"
	"time"
)

// Stored describes one encrypted object: what is needed to open it again, and
// what it was. Key is the object's own data key, wrapped by the key-encryption
// key KeyID; deleting it makes the object unreadable for ever.
type Stored struct {
	Name   string // where it lies; unguessable, made by the caller
	KeyID  string
	Key    []byte
	Size   int64  // octets of plaintext
	SHA256 []byte // of the plaintext
}

// Vault keeps user content, encrypted before it touches the disk. Memory stays
// flat whatever the size of an object. Safe for concurrent use.
type Vault interface {
	// Put encrypts r under a fresh data key bound to name and returns once the
	// object is durable. On error nothing remains under name.
	Put(ctx context.Context, name string, r io.Reader) (Stored, error)
	// Open streams the plaintext. The final Read fails if the object was
	// altered, truncated, or is not the one that was put under s.Name.
	Open(ctx context.Context, s Stored) (io.ReadCloser, error)
	// Delete removes the object; removing what is not there is no error.
	Delete(ctx context.Context, name string) error
}

// Letter is what a print partner gets: a cover and the content.
type Letter struct {
	Delivery    string
	Number      string // message number, printed and in the sheet code
	Test        bool
	Language    string // nl, fr, de, en
	Reason      string // "expired", "undeliverable": why it comes on paper, key of the translation files
	SenderName  string
	SenderLines []string // return address
	To          []string // address block: name, lines, postcode and city, country
	SubmittedAt time.Time
	DecidedAt   time.Time // when the electronic way ended
	Subject     string
	VerifyURL   string
	Parts       []LetterPart // message text first
}

// LetterPart is one piece of content with its digest.
type LetterPart struct {
	Name      string
	MediaType string // application/pdf is printed; others are listed with their digest
	Size      int64
	SHA256    string                                           // lower-case hex
	Open      func(ctx context.Context) (io.ReadCloser, error) `json:"-"`
}

// PostReceipt is what handing a letter over gave.
type PostReceipt struct {
	Partner string // configured name
	Item    string // the partner's or our own item id; the same letter gives the same id
	Pages   int
	SHA256  string // of the print-ready PDF
	PDF     []byte // the print-ready PDF, kept for the dossier
}

// PostPartner prints and posts. HandOver is idempotent by (Delivery, Number): a
// repeated call gives the same item and never two letters.
type PostPartner interface {
	HandOver(ctx context.Context, l Letter) (PostReceipt, error)
	// Reports returns what the partner said since the last call and keeps
	// returning a report until done was called for it.
	Reports(ctx context.Context) ([]PostReport, error)
	Done(ctx context.Context, r PostReport) error
}

// PostStatus is what became of a letter.
type PostStatus string

const (
	PostAccepted  PostStatus = "posted"    // the postal operator has it
	PostDelivered PostStatus = "delivered" // delivered
	PostReturned  PostStatus = "returned"  // brought back; Cause says why
	PostRefused   PostStatus = "refused"   // the partner cannot print or post it; Cause says why
)

// PostReport is one status line of a partner.
type PostReport struct {
	ID     string // unique per partner
	Item   string
	Status PostStatus
	Cause  string // canonical cause code, see delivery/post
	At     time.Time
	Text   string
}
