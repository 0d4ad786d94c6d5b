package notify

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Kind says what a notice is about.
type Kind string

const (
	Announcement Kind = "announcement"  // a registered item waits for you (C.1)
	Reminder     Kind = "reminder"      // it still waits, and what happens next and when (C.1)
	Code         Kind = "code"          // a one-time code; never together with a link
	Accepted     Kind = "accepted"      // to the recipient: you accepted, here is how to read again
	Rejected     Kind = "rejected"      // to the recipient: you refused
	Cancelled    Kind = "cancelled"     // to the recipient: the sender withdrew it
	GoesByPost   Kind = "goes_by_post"  // to the recipient: it was printed and comes by post
	Receipt      Kind = "receipt"       // to the sender: what became of it
	LetterPosted Kind = "letter_posted" // to the recipient: the postal operator has it, and how to follow it
	PaperAsked   Kind = "paper_asked"   // to the recipient: you asked for paper
	// ContactNamed tells the recipient, at the old address and the new, that a better
	// one was named. What is "email" or "mobile".
	ContactNamed Kind = "contact_named"
	// ContactProposed asks the sender to confirm an address that the recipient named.
	ContactProposed Kind = "contact_proposed"
	OnlineRefused   Kind = "online_refused" // to the recipient: nothing comes electronically any more
	// DelegateNamed tells somebody whom the recipient named that the item may be
	// collected. RecipientName is who named.
	DelegateNamed Kind = "delegate_named"
	// DelegateConfirmed tells the recipient that somebody was named. Who is that.
	DelegateConfirmed Kind = "delegate_confirmed"
)

// Channel is a way to reach somebody.
type Channel string

const (
	Email Channel = "email"
	SMS   Channel = "sms"
)

// Notice is one thing to tell one person on one channel. It holds no secret.
type Notice struct {
	ID       string // UUIDv7
	Account  string // the sender's account; of a kind in AccountKinds the holder's, or empty when there is none yet
	Delivery string // empty for a kind in AccountKinds
	Kind     Kind
	Channel  Channel
	To       string // address or E.164 number
	Language string // nl, fr, de, en
	Ref      string // what the Source needs to find the facts: a challenge id, a reminder number; may be empty
}

// Facts are what a notice says. Only the fields its Kind needs are set.
type Facts struct {
	SenderName    string
	SenderProven  bool // somebody of ours, or a register, vouched for SenderName
	RecipientName string
	Number        string     // message number
	Reference     string     // the sender's own reference
	Link          string     // absolute URL of the recipient's start page, or of the sender's timeline
	NoticeCode    string     // what to type at /notice to see that this is genuine
	Code          string     // one-time code, digits
	CodeMinutes   int        // how long Code is valid
	SubmittedAt   time.Time  // when the sender sent it
	Deadline      time.Time  // last instant to decide
	DecidedAt     time.Time  // when it was accepted, refused, withdrawn
	Fallback      string     // "post" or "none": what happens when nobody decides
	GoesByPostAt  time.Time  // the day on which a letter is posted if nobody decides; zero: none is
	Tracking      string     // the postal operator's number of the letter
	TrackingURL   string     // where to follow it; the one link that is not ours, shown as text only
	ExpectedAt    time.Time  // the day by which the letter should be there
	KeptUntil     time.Time  // the day on which content and proofs are removed
	Outcome       string     // for Receipt: accepted, rejected, expired, posting, handed_over, …
	Account       string     // name of the company it is about; for the kinds of accounts, as all up to Until
	Who           string     // who did it
	What          string     // a key of "what" in the translation files; an unknown one is told in general words
	Reason        string     // as an operator wrote it
	Until         time.Time  // how long a link or mandate is good; when the data of a closed account is gone at the latest
	Day           []DayCount // for DailyReport
	Test          bool       // sent with a test key: says so
	ServiceName   string
	ServiceHost   string // the one host name we ever link to
}

// ErrStale says that a notice no longer makes sense (decided, cancelled,
// expired code): it is closed unsent, without an event.
var ErrStale = errors.New("notify: notice no longer makes sense")

// Source gives the facts of a notice at the moment of rendering, or ErrStale.
type Source interface {
	NoticeFacts(ctx context.Context, n Notice) (Facts, error)
}

// Outcome is how one attempt ended.
type Outcome string

const (
	Sent      Outcome = "sent"      // the next system took responsibility; not: it was read
	Temporary Outcome = "temporary" // try again later
	Permanent Outcome = "permanent" // this address will not work
	Technical Outcome = "technical" // our own fault or an unclear answer: try again, tell the operator
)

// Result is what a Transport saw.
type Result struct {
	Outcome Outcome
	Reply   string // last reply of the peer, verbatim, at most 500 octets
	Remote  string // host and port that answered
	TLS     string // protocol version, "" in clear
	ID      string // the peer's own id of it: queue id, gateway message id
	DSN     bool   // the peer offered RFC 3461 and we asked for reports
	InDoubt bool   // everything was sent but the final answer never came
	// Unreached: the peer could not be asked at all; nothing was said about this
	// notice and nothing of it was handed over, so another peer may be asked.
	Unreached bool
	// Trace is what others need to judge the dialogue: a JSON object of at most
	// 16 KiB without secrets and without content; may be empty.
	Trace json.RawMessage
}

// Attempt is one try of a notice.
type Attempt struct {
	Number    int       // from 1
	StartedAt time.Time // registered before dialling
	EndedAt   time.Time
	Result    Result
	Digest    string    // hex SHA-256 of the exact bytes handed to the channel
	RetryAt   time.Time // zero when there is no further try
}

// Sink learns of every finished attempt of a notice of a delivery, inside the
// transaction that stores it.
// An error rolls that transaction back and the attempt is told again.
type Sink interface {
	NoticeAttempted(ctx context.Context, tx pgx.Tx, n Notice, a Attempt) error
}

// Message is a rendered notice.
type Message struct {
	Notice  Notice
	Attempt int
	Test    bool   // of a test message
	Subject string // e-mail only
	Text    string
	HTML    string // e-mail only
}

// Transport carries a rendered notice to the outside. Deliver never retries; it
// classifies. It must return before ctx ends and report Technical with InDoubt
// when it cannot know. Safe for concurrent use.
type Transport interface {
	Deliver(ctx context.Context, m Message) (r Result, digest string)
}

// Enqueuer puts a notice into the caller's transaction, together with its job.
type Enqueuer interface {
	Enqueue(ctx context.Context, tx pgx.Tx, n ...Notice) error
}
