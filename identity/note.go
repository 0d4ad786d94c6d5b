package identity

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// NoteKind says what an account holder is told.
type NoteKind string

const (
	NoteContactCode         NoteKind = "contact_code"         // the code that proves this address; Ref: challenge
	NoteAccountExists       NoteKind = "account_exists"       // somebody tried to open an account with this address, which has one
	NotePasswordReset       NoteKind = "password_reset"       // Ref: ticket
	NoteInvitation          NoteKind = "invitation"           // to join a company account; Ref: ticket
	NoteApplicationReceived NoteKind = "application_received" // Ref: application
	NoteApplicationApproved NoteKind = "application_approved"
	NoteApplicationRefused  NoteKind = "application_refused"
	NoteAccountSuspended    NoteKind = "account_suspended" // Ref: account, as for the next two
	NoteAccountResumed      NoteKind = "account_resumed"
	NoteAccountClosed       NoteKind = "account_closed"
	NoteRecoveryStarted     NoteKind = "recovery_started" // somebody says the factors are lost; Ref: ticket to stop it
	NoteRecoveryDone        NoteKind = "recovery_done"
	NoteSignInChanged       NoteKind = "sign_in_changed"   // password, authenticator, passkey or recovery codes; Ref: the action of the access log
	NoteContactChanged      NoteKind = "contact_changed"   // told to the old address; Ref: kind of the address
	NoteMandateGranted      NoteKind = "mandate_granted"   // Ref: mandate, as for the next
	NoteMandateWithdrawn    NoteKind = "mandate_withdrawn" //
	NoteApplicationForm     NoteKind = "application_form"  // another form is asked for; Ref: application
	NoteMandateGiven        NoteKind = "mandate_given"     // to those who administer the principal; Ref: mandate, as for the next
	NoteMandateEnded        NoteKind = "mandate_ended"     //
	NoteCreditLow           NoteKind = "credit_low"        // Ref: account
	NoteWebhookDisabled     NoteKind = "webhook_disabled"  // nothing is pushed any more; Ref: account
	NoteKeyExpires          NoteKind = "key_expires"       // an API key ends soon; Ref: key
	NoteProcessor           NoteKind = "processor_planned" // a sub-processor will begin; Ref: its entry
	NoteRequestExtended     NoteKind = "request_extended"  // the answer to a data subject takes longer; Ref: entry
)

// Note is one thing to tell one account holder. It holds no secret: codes and
// links are made when it is rendered, see [Service.NoteFacts].
type Note struct {
	Kind     NoteKind
	Channel  string // "email" or "sms"
	To       string
	Language string
	Account  string // empty when there is none yet
	Ref      string // what NoteFacts needs
}

// NoteFacts are what a note says.
type NoteFacts struct {
	Name    string // whom it is to; may be empty
	Account string // company it is about; may be empty
	Who     string // who did it, where that is told
	What    string // a key of the translation files: an action, a kind of address
	Reason  string // as an operator wrote it
	Path    string // of the page to open, with its token; empty when there is none
	Code    string
	Until   time.Time // code or link: valid until; closing: data goes at the latest then
}

// Teller puts notes into the caller's transaction: they go out if, and only if,
// it commits.
type Teller interface {
	Tell(ctx context.Context, tx pgx.Tx, notes ...Note) error
}

// Codes are one-time codes sent to an address, for a subject: an id of ours.
type Codes interface {
	Issue(ctx context.Context, tx pgx.Tx, subject, channel string, at time.Time) (challenge string, err error)
	Code(ctx context.Context, challenge string) (code string, until time.Time, err error)
	// Check uses the code up, or counts a wrong try, whatever becomes of the
	// caller. Errors: ErrCode, ErrTooManyCodes.
	Check(ctx context.Context, subject, channel, code string, at time.Time) error
}
