package delivery

import (
	"errors"
	"fmt"
	"strings"
)

// Asking: what was asked for is not there, or not for this actor. The two look
// the same from outside.
var (
	ErrNotFound = errors.New("delivery: not found")
	ErrPurged   = errors.New("delivery: removed at the end of its retention")
)

// Submitting.
var (
	ErrKeyReused = errors.New("delivery: idempotency key was used for something else")
	ErrTooLarge  = errors.New("delivery: document too large")
	ErrDigest    = errors.New("delivery: content does not have the announced digest")
	ErrAway      = errors.New("delivery: something it needs is away") // what others wrap, see Unavailable
	ErrBusy      = errors.New("delivery: more submissions than can be answered soon")
)

// Drafts. A draft that somebody else changed, or released, meanwhile is not what
// was looked at.
var (
	ErrDraftChanged  = errors.New("delivery: draft is not what was looked at")
	ErrTooManyDrafts = errors.New("delivery: account has too many drafts")
	ErrSecondPerson  = errors.New("delivery: account asks for release by a second person")
)

// Moving. An error means that nothing happened.
var (
	ErrDecided      = errors.New("delivery: already decided")
	ErrWindowClosed = errors.New("delivery: the time to decide is over")
	ErrNotOpen      = errors.New("delivery: not open for this")       // too early, or an earlier step is missing
	ErrUnidentified = errors.New("delivery: actor is not identified") // or not at the level the policy asks
	ErrMismatch     = errors.New("delivery: identified person is not the addressee")
	ErrWithdrawn    = errors.New("delivery: delegate was withdrawn by the recipient")
	ErrNoContact    = errors.New("delivery: account holder has not proven an e-mail address and a number")
	ErrNamed        = errors.New("delivery: somebody is named already")
	ErrTooManyNamed = errors.New("delivery: too many people were named")
	ErrClock        = errors.New("delivery: clock is behind the last event")
)

// Posting. A PostPartner wraps ErrUnpostable around a failure that will not go
// away by itself: an address outside the window, a letter nobody prints.
var ErrUnpostable = errors.New("delivery: cannot go on paper")

// One-time codes. Codes implementations answer with these.
var (
	ErrCodeWrong    = errors.New("delivery: wrong code") // see WrongCode
	ErrCodeExpired  = errors.New("delivery: code is too old, or was replaced by a newer one")
	ErrCodeUsed     = errors.New("delivery: code was used")
	ErrTooManyTries = errors.New("delivery: too many wrong codes")
	ErrTooManyCodes = errors.New("delivery: too many codes asked for")
)

// WrongCode is an ErrCodeWrong that says how many tries are left.
type WrongCode struct{ Left int }

func (e WrongCode) Error() string { return fmt.Sprintf("%v: %d tries left", ErrCodeWrong, e.Left) }

// Unwrap makes it an ErrCodeWrong.
func (WrongCode) Unwrap() error { return ErrCodeWrong }

// Keeping.
var (
	ErrHeld     = errors.New("delivery: under legal hold")
	ErrTampered = errors.New("delivery: content no longer has its digest")
)

// FieldError says what is wrong with one field of an input. Code is stable and
// a key of the faces' translation files; Args fill its placeholders.
type FieldError struct {
	Pointer string // JSON Pointer (RFC 6901) into the input
	Code    string
	Args    map[string]string
}

// FieldErrors is an input that was refused, with every fault found.
type FieldErrors []FieldError

func (e FieldErrors) Error() string {
	var b strings.Builder
	b.WriteString("delivery: invalid input:")
	for _, f := range e {
		fmt.Fprintf(&b, " %s %s;", f.Pointer, f.Code)
	}
	return strings.TrimSuffix(b.String(), ";")
}
