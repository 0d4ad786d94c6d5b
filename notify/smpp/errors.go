package smpp

import (
	"errors"
	"fmt"
)

// ErrConfig: the configuration cannot work or would not be safe.
var ErrConfig = errors.New("smpp: bad configuration")

// Errors of reading. After each of them the connection cannot be read on.
var (
	// ErrSize: a PDU that says it is shorter than its header or longer than we read.
	ErrSize = errors.New("smpp: PDU of an impossible size")
	// ErrMalformed: fields that do not fit their PDU.
	ErrMalformed = errors.New("smpp: malformed PDU")
)

// Errors of a connection.
var (
	// ErrLost: the connection ended; what was outstanding is in doubt.
	ErrLost = errors.New("smpp: connection lost")
	// ErrNotBound: there is no connection, and none came in time.
	ErrNotBound = errors.New("smpp: not bound")
	// ErrSilent: no answer came in time; the request may have been acted on.
	ErrSilent = errors.New("smpp: no answer")
)

// refusal is an answer with a status other than 0.
type refusal status

func (r refusal) Error() string { return fmt.Sprintf("smpp: refused: %s", status(r)) }
