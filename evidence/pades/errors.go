package pades

import "errors"

// Refused before anything is signed.
var (
	// ErrConfig says that a [Config] misses what sealing needs.
	ErrConfig = errors.New("pades: configuration not usable")
	// ErrRender says that a document cannot be rendered: an unknown language or
	// event, or a time that is not set.
	ErrRender = errors.New("pades: document cannot be rendered")

	errFont = errors.New("font not usable")
)

// ErrSeal says that signing or stamping failed; no document exists to hand out,
// and trying again is safe.
var ErrSeal = errors.New("pades: sealing failed")

// ErrValidation says that [Extend] was given what it cannot add: nothing, too
// much, or what is not DER.
var ErrValidation = errors.New("pades: validation data not usable")

// Why a [Checker] says no; each is wrapped in a check's detail.
var (
	errStructure = errors.New("not one PDF sealed once")
	errCoverage  = errors.New("signature does not cover the whole file")
	errCMS       = errors.New("signature container refused")
	errPadding   = errors.New("something is hidden behind the signature")
	errAttached  = errors.New("no evidence.xml inside")
)
