package notify

import "errors"

// Errors of building and enqueueing. After each of them nothing was stored.
var (
	// ErrConfig: something needed is missing from a Config.
	ErrConfig = errors.New("notify: incomplete configuration")
	// ErrInvalid: a notice that no channel could carry: unknown kind, channel or
	// language, an address of the wrong form, an id that is no UUID.
	ErrInvalid = errors.New("notify: invalid notice")
	// ErrNoJobs: Enqueue was called before UseJobs.
	ErrNoJobs = errors.New("notify: no job queue")
)

// Errors of rendering. The attempt ends as Technical and the operator is told.
var (
	// ErrWords: the translation files are incomplete or do not parse.
	ErrWords = errors.New("notify: broken translations")
	// ErrFacts: a fact that the kind cannot do without is missing.
	ErrFacts = errors.New("notify: missing fact")
)

// ErrReturnPath: an address that is not a return path of ours.
var ErrReturnPath = errors.New("notify: not a return path")
