package notify

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Fact is what somebody outside says became of an attempt after it was sent.
type Fact string

const (
	Relayed    Fact = "relayed"    // the recipient's side took it; it may still be filtered
	Delivered  Fact = "delivered"  // the last agent wrote it to a mailbox, or to a handset as the network says
	Delayed    Fact = "delayed"    // still being tried
	Failed     Fact = "failed"     // it will not arrive; Cause says why
	Complained Fact = "complained" // the addressee called it unwanted
	Answered   Fact = "answered"   // a machine answered: an absence note, say
)

// AllFacts lists every fact.
func AllFacts() []Fact { return []Fact{Relayed, Delivered, Delayed, Failed, Complained, Answered} }

// Cause is why an attempt failed after it was sent, as far as it matters what
// happens next.
type Cause string

const (
	CauseAddress     Cause = "address"     // there is nobody there: do not write to it again
	CauseFull        Cause = "full"        // the mailbox is full: it may be emptied
	CauseUnreachable Cause = "unreachable" // the far side did not answer for as long as the queue waited
	CauseOurs        Cause = "ours"        // policy, content, reputation: an operator has to look
	CauseOther       Cause = "other"
)

// Rung is how much an attempt or a report proves (N0 to N4).
type Rung int

const (
	RungRendered  Rung = 0 // we decided to tell, and what the text was
	RungAccepted  Rung = 1 // our relay or provider took it
	RungFarSide   Rung = 2 // the recipient's system took it
	RungMailbox   Rung = 3 // its last agent says that it wrote it
	RungRecipient Rung = 4 // the recipient used the link or entered the code: only our own events say so
)

// Report is one thing that was said later about one attempt.
type Report struct {
	Source     string // who reported, [a-z0-9-]: "dsn", "arf", "reply", "flowmailer", "smpp"
	ID         string // unique within Source: the same report counts once
	Notice     string // id of the notice
	Attempt    int    // number of the attempt; 0: the newest
	Fact       Fact
	Rung       Rung
	Cause      Cause     // of Failed, else empty
	Status     string    // as reported: "5.1.1", "DELIVRD"
	Reply      string    // as reported, at most 500 octets
	Remote     string    // who said it to the reporter
	OccurredAt time.Time // by the reporter's clock; zero: as received
	Digest     string    // hex SHA-256 of the report as received
	Raw        []byte    // the report as received; kept sealed, the first MiB of it
	// Recipients are the addresses that it names. When there are any, one of them
	// has to be the notice's.
	Recipients []string

	// Set for the Listener only.
	First bool // of the reports about this notice it is the first of its rung, or the first failure of its attempt
	Final bool // its attempt was the last: nothing more is tried by itself
	Ended bool // its attempt was in doubt and this ends the doubt: it was sent, and nothing more is tried
}

// Errors of reports. After each of them nothing was stored.
var (
	// ErrUnknownNotice: a report about a notice that we do not have (any more), or
	// about an attempt that sent nothing.
	ErrUnknownNotice = errors.New("notify: no such notice")
	// ErrOtherRecipient: a report about somebody to whom the notice was not sent.
	ErrOtherRecipient = errors.New("notify: report about another recipient")
	// ErrEarly: the attempt is still under way; the same report is good later.
	ErrEarly = errors.New("notify: report before its attempt ended")
)

// Reporter takes in what is said later about attempts. The same report twice is
// no error and has no second effect. When it returns nil the report is durable
// and the delivery knows. Safe for concurrent use. Errors: ErrUnknownNotice,
// ErrOtherRecipient, ErrEarly, ErrInvalid, or the database's.
type Reporter interface {
	Report(ctx context.Context, r Report) error
}

// Listener learns of every report about a notice of a delivery, once, inside the
// transaction that stores it. An error rolls that transaction back.
type Listener interface {
	NoticeReported(ctx context.Context, tx pgx.Tx, n Notice, r Report) error
}

// Sealer keeps a report as received from those who read the database; what is
// sealed opens only with the same ad.
type Sealer interface {
	Seal(plain, ad []byte) ([]byte, error)
}
