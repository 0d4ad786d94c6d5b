package identity

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Means is one way in which somebody proves who they are, somewhere else, with
// their browser in between. Begin and Finish are apart by minutes and may run in
// different processes: what is needed again is in Challenge.Saved. Safe for
// concurrent use.
type Means interface {
	// Method is the name of this means: one of the Method… constants.
	Method() string
	// Begin prepares one identification. Nobody is known yet.
	Begin(ctx context.Context, a Ask) (Challenge, error)
	// Finish turns what came back into a Proof. It is called at most once for
	// each Begin; at is the true time. An error means that nobody was
	// identified: see the ErrLogin… family.
	Finish(ctx context.Context, saved []byte, a Answer, at time.Time) (Proof, error)
}

// Approver is a Means with which a person can approve a text, shown word for
// word, so that the proof holds the approval (R31).
type Approver interface {
	Means
	// Approves reports whether it can approve this text: length and characters.
	Approves(text string) bool
}

// Receiver is a Means some of whose answer does not come through the person's
// browser session: a wallet posts it, a card speaks TLS to another host.
type Receiver interface {
	Means
	// Receive serves the requests of that other side. Whoever comes here is
	// nobody yet; box is all it may touch.
	Receive(box Mailbox) http.Handler
}

// Mailbox lets a Receiver reach what was begun, by the challenge's Key alone.
type Mailbox interface {
	// Saved is Challenge.Saved of what waits under key. Errors: ErrLoginStale.
	Saved(ctx context.Context, key string) ([]byte, error)
	// Deposit leaves the answer for Finish, which finds it as Answer.Direct. The
	// first one stays: an answer is never replaced. It returns the path on our
	// own host where the person goes on. Errors: ErrLoginStale.
	Deposit(ctx context.Context, key string, answer []byte) (path string, err error)
}

// Ask is what is asked of a person.
type Ask struct {
	Language string // nl, fr, de, en
	Level    Level  // least level that serves
	Text     string // to be approved, in Language; empty to identify only
	Return   string // absolute address of the page that goes on afterwards
}

// Form is what a person's browser has to do with a challenge.
type Form string

const (
	FormRedirect    Form = "redirect"    // go to URL and come back with query parameters
	FormScript      Form = "script"      // hand Nonce to the page's script; its answer comes as the value "token"
	FormCertificate Form = "certificate" // post Key to URL, a host of ours that asks for a TLS certificate
	FormWallet      Form = "wallet"      // open URL in a wallet on the same device
	FormDocument    Form = "document"    // sign Document, and upload it
)

// Challenge is one identification that was begun. Saved is a secret and stays
// with us.
type Challenge struct {
	Form     Form
	URL      string
	Nonce    string
	Key      string // unguessable; by it an answer that comes another way finds the challenge. Empty when none does
	Document []byte // PDF
	Saved    []byte
	Life     time.Duration // how long the person may take; 10 minutes when zero, at most 15
}

// Answer is what came back.
type Answer struct {
	Values   url.Values // from the person's own POST
	Document []byte     // uploaded
	Direct   []byte     // from [Mailbox.Deposit]; nil when there was none
}

// Identifying somewhere else, at a provider of identities. A means's own errors
// wrap one of these, so that a face can say what the person can do without
// knowing the means. None of them says anything about anybody.
var (
	ErrLoginRefused     = errors.New("identity: person did not identify")                         // said no, closed the app, let it time out: begin again, or not
	ErrLoginStale       = errors.New("identity: answer is too old, or not to what was begun")     // begin again
	ErrLoginLevel       = errors.New("identity: person identified at too low a level")            // begin again, with the code of the app
	ErrLoginUnavailable = errors.New("identity: provider of identities is unavailable")           // come back later, or take other means
	ErrLoginUnusable    = errors.New("identity: answer cannot be used, whatever the person does") // the operator must look
	ErrLoginDocument    = errors.New("identity: card, certificate or document is not accepted")   // expired, revoked, of another kind: take another one, or other means
)
