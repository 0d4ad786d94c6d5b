package passkey

import "errors"

// What can go wrong between a browser and us. None of them says anything about
// anybody.
var (
	ErrStale   = errors.New("passkey: nothing of the kind was begun here, or too long ago") // begin again
	ErrRefused = errors.New("passkey: answer does not fit what was asked")                  // another origin or key, no user verification, not discoverable
	ErrTooMany = errors.New("passkey: person has as many passkeys as one may have")         // remove one first
	ErrTwice   = errors.New("passkey: this passkey is registered already")
)
