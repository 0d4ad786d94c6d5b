package statement

import (
	"fmt"

	"github.com/bode-erds/bode/identity"
)

// What came back. Each is one of the identity.ErrLogin… family.
var (
	// ErrStale: no statement of ours was begun, or its time is over.
	ErrStale = fmt.Errorf("%w: not a statement that was begun", identity.ErrLoginStale)
	// ErrChanged: it is another document, or ours with more than a signature.
	ErrChanged = fmt.Errorf("%w: document is not ours with one signature", identity.ErrLoginDocument)
	// ErrUnsigned: it is ours, and nobody signed it.
	ErrUnsigned = fmt.Errorf("%w: document has no signature", identity.ErrLoginDocument)
	// ErrSignature: the signature does not hold, or is too weak.
	ErrSignature = fmt.Errorf("%w: signature does not hold", identity.ErrLoginDocument)
	// ErrCertificate: the certificate is not qualified, not for signatures of people,
	// names nobody, is not of now, or comes from an issuer we do not trust.
	ErrCertificate = fmt.Errorf("%w: certificate is not accepted", identity.ErrLoginDocument)
	// ErrRevoked: the certificate was revoked or suspended, or its issuer does not
	// know it.
	ErrRevoked = fmt.Errorf("%w: certificate was revoked", identity.ErrLoginDocument)
	// ErrLevel: the signature is not a qualified one, and that is what was needed.
	ErrLevel = fmt.Errorf("%w: signature is not qualified", identity.ErrLoginLevel)
	// ErrStatus: nobody can say now whether the certificate was revoked.
	ErrStatus = fmt.Errorf("%w: status of the certificate is not known", identity.ErrLoginUnavailable)
)
