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

// PostPartner prints and posts. Safe for concurrent use.
type PostPartner interface {
	// HandOver is idempotent by (Delivery, Number): a repeated call gives the same
	// item and never two letters. An error of which it is not known whether the
	// partner has the letter is temporary: the same call is made again.
	HandOver(ctx context.Context, l Letter) (PostReceipt, error)
	// Cancel asks the partner not to post an item, and reports whether it will not
	// be posted. False without error: it is too late, or the partner cannot tell
	// yet. Repeating it is harmless.
	Cancel(ctx context.Context, item string) (cancelled bool, err error)
	// Reports returns what the partner said since the last call and keeps
	// returning a report until done was called for it.
	Reports(ctx context.Context) ([]PostReport, error)
	Done(ctx context.Context, r PostReport) error
}

// PostStatus is what became of a letter. A report of a lower rank than what is
// known already is late: it is kept in the events where it says something, and
// never leads back.
type PostStatus string

const (
	PostAcknowledged PostStatus = "acknowledged" // the partner has it, whole, and will print it
	PostPrinted      PostStatus = "printed"      // printed and in its envelope: it can no longer be cancelled
	PostAccepted     PostStatus = "posted"       // the postal operator has it; starts the postal term
	PostPresented    PostStatus = "presented"    // brought to the address, nobody there: a note was left
	PostAwaiting     PostStatus = "awaiting"     // waits at a counter
	PostDelivered    PostStatus = "delivered"    // delivered; Mode says how
	PostReturned     PostStatus = "returned"     // brought back; Cause says why
	PostRefused      PostStatus = "refused"      // the partner cannot print or post it; Cause says why
	PostLost         PostStatus = "lost"         // lost, stolen or damaged on the way; Cause says which
	PostCancelled    PostStatus = "cancelled"    // it was not posted, as we asked
)

// PostStatuses lists them in the order of their rank; the last five are ends.
var PostStatuses = []PostStatus{PostAcknowledged, PostPrinted, PostAccepted, PostPresented, PostAwaiting,
	PostDelivered, PostReturned, PostRefused, PostLost, PostCancelled}

// PostReport is one status line of a partner.
type PostReport struct {
	ID        string // unique per partner
	Item      string
	Status    PostStatus
	Cause     string // canonical cause code, see delivery/post
	Mode      string // of a delivery: "signed", "unsigned", "counter", ""
	Tracking  string // the postal operator's number, once known
	At        time.Time
	Text      string
	Documents []PostDocument
}

// PostPaper is what a paper of a letter is.
type PostPaper string

const (
	DepositProof    PostPaper = "deposit_proof" // the postal operator took it
	ReceiptScan     PostPaper = "receipt"       // acknowledgement of receipt, signed
	EnvelopeScan    PostPaper = "envelope"      // of what came back
	TrackingHistory PostPaper = "tracking"      // the operator's own signed history
)

// PostDocument is a paper that came with a report.
type PostDocument struct {
	Kind      PostPaper
	MediaType string // application/pdf, image/jpeg, image/png, image/tiff or application/json
	Size      int64
	SHA256    string                                           // lower-case hex
	Open      func(ctx context.Context) (io.ReadCloser, error) `json:"-"`
}

// Previewer says what a letter would be, without keeping or sending anything.
// Safe for concurrent use.
type Previewer interface {
	// Fits reports whether an address can stand on a letter: nil, or an error for
	// which errors.Is(err, ErrUnpostable) holds. It is quick.
	Fits(to []string, language string) error
	// Preview typesets l as HandOver would. A letter that cannot be made is an
	// error for which errors.Is(err, ErrUnpostable) holds.
	Preview(ctx context.Context, l Letter) (LetterPreview, error)
}

// LetterPreview is what a letter would be on paper.
type LetterPreview struct {
	Pages    int // blanks included
	Sheets   int
	Grams    int
	Envelope string
	Country  string        // of the address, ISO 3166-1 alpha-2
	Product  string        //
	Price    int           // cents of a euro, by the partner's tariff; -1: no tariff
	Online   int           // cents of a euro when it is collected online instead; -1: no tariff
	Notes    []string      // what is unusual about the address: stable codes of delivery/post
	Parts    []PartPreview // as in the letter
}

// PartPreview says whether a part of the content goes on paper.
type PartPreview struct {
	Name   string
	SHA256 string
	Pages  int
	Cause  string   // why it is not printed: a stable code of delivery/post; "" when it is
	Notes  []string // in what the pages differ from the original: stable codes of delivery/post
}
