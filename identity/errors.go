package identity

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors of signing in and of keys. To the outside an unknown login, a wrong
// password and a wrong code are one thing.
var (
	ErrSignIn       = errors.New("identity: sign-in refused")           // login, password or code is wrong, or the account is closed
	ErrLocked       = errors.New("identity: too many attempts")         // as *Locked, with when to come back
	ErrBusy         = errors.New("identity: too many sign-ins at once") // try again in a moment
	ErrSessionOver  = errors.New("identity: no such session, or it ended")
	ErrKey          = errors.New("identity: no such key, or it was revoked")
	ErrCertificate  = fmt.Errorf("%w: a certificate of the account is needed", ErrKey) // none was shown, or another one
	ErrTooManyKeys  = errors.New("identity: two keys of this name answer already")     // revoke one first
	ErrToken        = errors.New("identity: token is unknown, used or expired")        // password reset
	ErrCode         = errors.New("identity: code does not fit")                        // of a second factor, or of an address: wrong, too old, used, never asked for
	ErrTooManyCodes = errors.New("identity: too many codes asked for, or tried")       // come back within the hour, or ask for a new one
	ErrNotFresh     = errors.New("identity: factors were shown too long ago")          // prove it again, then do it
	ErrLastFactor   = errors.New("identity: another second factor has to stay")        // add one first
)

// Errors of accounts and people.
var (
	ErrNotFound          = errors.New("identity: not found") // also what is not yours
	ErrForbidden         = errors.New("identity: actor may not do this")
	ErrSomebodyElse      = fmt.Errorf("%w: the proof names somebody else", ErrForbidden)
	ErrInvalid           = errors.New("identity: invalid input") // as FieldErrors
	ErrLoginTaken        = errors.New("identity: login is taken")
	ErrLastAdministrator = errors.New("identity: an account needs an administrator") // R7: appoint another first
	ErrClosed            = errors.New("identity: account is closed")
	ErrSuspended         = errors.New("identity: account is suspended")         // an operator did; reading goes on
	ErrStale             = errors.New("identity: note no longer makes sense")   // close it unsent
	ErrSealed            = errors.New("identity: sealed data cannot be opened") // altered, moved, or sealed under a lost key
)

// Locked is ErrLocked with the time before which a try is not even looked at.
type Locked struct{ Until time.Time }

func (e *Locked) Error() string {
	return fmt.Sprintf("%v: until %s", ErrLocked, e.Until.UTC().Format(time.RFC3339))
}
func (e *Locked) Unwrap() error { return ErrLocked }

// FieldError says what is wrong with one field. Code is a key of the
// translation files: "missing", "malformed", "too_short", "too_long", "common".
type FieldError struct{ Field, Code string }

// FieldErrors is ErrInvalid with every field that is wrong. It never holds what
// was typed.
type FieldErrors []FieldError

func (e FieldErrors) Error() string {
	var b strings.Builder
	b.WriteString(ErrInvalid.Error())
	for i, f := range e {
		fmt.Fprintf(&b, "%s%s %s", map[bool]string{true: ": ", false: ", "}[i == 0], f.Field, f.Code)
	}
	return b.String()
}
func (e FieldErrors) Unwrap() error { return ErrInvalid }

// orNil is e as an error, and nil when no field is wrong.
func (e FieldErrors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}
