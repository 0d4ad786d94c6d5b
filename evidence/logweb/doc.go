// Package logweb is the public log on the web: it serves the log to whoever
// wants to check it, and offers its checkpoints to witnesses. What a log is,
// says evidence/tlog; this package only moves it, so that the offline verifier
// needs no network.
//
// Everything served is static and open to all: a checkpoint, tiles of hashes,
// and bundles of entries. There are no proofs to ask for; clients compute them.
//
// Sources: https://c2sp.org/tlog-tiles, https://c2sp.org/tlog-witness.
package logweb

import (
	"errors"
	"fmt"
)

var (
	// ErrConfig says that a configuration cannot be used.
	ErrConfig = errors.New("logweb: config")
	// ErrUnavailable says that a witness could not be reached, or answered that
	// it cannot answer now. Ask again later: it may have cosigned nevertheless.
	ErrUnavailable = errors.New("logweb: witness not available")
	// ErrRefused says that a witness does not know the log or its key, or did not
	// understand. Somebody has to look; asking again does not help.
	ErrRefused = errors.New("logweb: witness refused")
	// ErrInconsistent says that a witness saw another history of the log than the
	// one offered. Stop and raise the alarm: the log was forked or damaged.
	ErrInconsistent = errors.New("logweb: witness saw another history")
	// ErrAnswer says that a witness answered without a valid cosignature of its own.
	ErrAnswer = errors.New("logweb: answer not believed")
)

// ConflictError says that a witness last cosigned a log of Size entries, not
// what the consistency proof began with.
type ConflictError struct{ Size int64 }

// Error implements error.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("logweb: witness is at size %d", e.Size)
}
