package wallet

import (
	"fmt"

	"github.com/bode-erds/bode/identity"
)

// What came back, and why nobody was identified. Each wraps the identity.ErrLogin
// that says what the person can do.
var (
	// ErrRefused: the person or the wallet said no.
	ErrRefused = fmt.Errorf("wallet: not presented: %w", identity.ErrLoginRefused)
	// ErrSession: nothing came, it came to another browser, or it answers another
	// request than ours: a replay, a presentation meant for somebody else.
	ErrSession = fmt.Errorf("wallet: not the answer to this request: %w", identity.ErrLoginStale)
	// ErrPresentation: it is malformed or a signature, digest or rule of its format
	// does not hold. An honest wallet never does this: the operator must look.
	ErrPresentation = fmt.Errorf("wallet: presentation does not verify: %w", identity.ErrLoginUnusable)
	// ErrCredential: the presentation is sound and the credential does not serve:
	// expired, revoked, of another type, or of a provider we do not know.
	ErrCredential = fmt.Errorf("wallet: credential is not accepted: %w", identity.ErrLoginDocument)
	// ErrStatus: whether the credential is revoked cannot be found out now.
	ErrStatus = fmt.Errorf("wallet: status of the credential is unknown: %w", identity.ErrLoginUnavailable)
	// ErrRequest: the wallet refuses our request, or offers no way to answer it.
	ErrRequest = fmt.Errorf("wallet: request is not accepted: %w", identity.ErrLoginUnusable)
)
