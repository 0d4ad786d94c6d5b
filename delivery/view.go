package delivery

import (
	"context"
	"errors"
	"io"
)

// PagePicture is one page of a document as a picture, with its text for whoever
// does not see it; a scanned page has none.
type PagePicture struct {
	JPEG          []byte
	Width, Height int // pixels
	Text          string
}

// PageViewer makes pictures of the pages of a PDF that a stranger may have made.
// Safe for concurrent use.
type PageViewer interface {
	// View returns all pages, or nothing. Errors: ErrNoView when this document
	// cannot be shown.
	View(ctx context.Context, pdf io.Reader) ([]PagePicture, error)
}

// ErrNoView says that a document cannot be shown, only saved: it is protected,
// damaged, too long or too large.
var ErrNoView = errors.New("delivery: document cannot be shown")
