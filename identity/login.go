package identity

import "errors"

// Identifying somewhere else, at a provider of identities. A provider's own
// errors wrap one of these, so that a face can say what the person can do
// without knowing the provider. None of them says anything about anybody.
var (
	ErrLoginRefused     = errors.New("identity: person did not identify")                         // said no, closed the app, let it time out: begin again, or not
	ErrLoginStale       = errors.New("identity: answer is too old, or not to what was begun")     // begin again
	ErrLoginLevel       = errors.New("identity: person identified at too low a level")            // begin again, with the code of the app
	ErrLoginUnavailable = errors.New("identity: provider of identities is unavailable")           // come back later, or take other means
	ErrLoginUnusable    = errors.New("identity: answer cannot be used, whatever the person does") // the operator must look
)
