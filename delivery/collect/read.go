package collect

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

// maxText bounds the message text that is held in memory to be shown. A text is
// at most delivery.MaxBody characters; these are octets.
const maxText = 4*(delivery.MaxBody+delivery.MaxSubject) + 16

// readView is the content as it lies open: what there is, and what this
// addressee already has.
type readView struct {
	Waiting  bool      // accepted, and being opened
	Gone     time.Time // the content was removed, before what proves it; zero: it is here
	Subject  string
	Text     string // shown only in the answer to open
	HasText  bool   // the text was transferred
	Parts    []partView
	Received bool
	Size     int64
}

// partView is one document. N is its position among the parts.
type partView struct {
	N         int
	Name      string
	MediaType string
	Size      int64
	Got       bool
	Shown     bool // it can be shown on a page
}

// read shows what can be taken. It transfers nothing itself.
func (c *Collect) read(x echo.Context, v *visit) error {
	return c.render(x, v, http.StatusOK, "read", c.readView(v))
}

func (c *Collect) readView(v *visit) readView {
	d := v.d
	r := readView{Waiting: d.State == delivery.Accepted, Gone: d.Message.ContentsGoneAt, Received: d.State == delivery.HandedOver, Subject: d.Message.Subject, HasText: d.Got(0)}
	for n, p := range d.Message.Parts {
		r.Size += p.Size
		if n > 0 {
			r.Parts = append(r.Parts, partView{N: n, Name: p.Name, MediaType: kind(p.MediaType), Size: p.Size, Got: d.Got(n), Shown: c.shows(p)})
		}
	}
	return r
}

// kind is the key of the words for a media type, or "file".
func kind(mediaType string) string {
	base, _, _ := strings.Cut(mediaType, ";")
	switch {
	case base == "application/pdf":
		return "pdf"
	case strings.HasPrefix(base, "image/"):
		return "image"
	case strings.HasPrefix(base, "text/"):
		return "text"
	}
	return "file"
}

// open shows the message text. The text is checked whole before a letter of it
// is shown, and counts as transferred once the page left us.
//
// EN 319 522-1 §6.2.5 D.6
func (c *Collect) open(x echo.Context, v *visit) error {
	text, err := c.text(x, v)
	if errors.Is(err, delivery.ErrTampered) {
		return c.damaged(x, v, 0, err)
	}
	if err != nil {
		return err
	}
	page := c.readView(v)
	page.Text, page.HasText = text, true
	if err := c.render(x, v, http.StatusOK, "read", page); err != nil {
		return err
	}
	if err := http.NewResponseController(x.Response().Writer).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return c.transferred(x, v, 0)
}

// text is the body of the message; its first lines repeat the subject.
func (c *Collect) text(x echo.Context, v *visit) (string, error) {
	_, r, err := c.cfg.Deliveries.OpenPart(x.Request().Context(), v.shown, 0)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var b bytes.Buffer
	if err := copyChecked(&b, &limited{r, maxText}); err != nil {
		return "", err
	}
	_, body, found := strings.Cut(b.String(), "\n\n")
	if !found {
		body = b.String()
	}
	return strings.TrimRight(body, "\n"), nil
}

// done shows what was decided, with all its evidence.
func (c *Collect) done(x echo.Context, v *visit) error {
	list, err := c.cfg.Evidence.List(x.Request().Context(), v.d.Message.Account, string(v.d.ID))
	if err != nil && !errors.Is(err, evidence.ErrNoEvidence) {
		return err
	}
	p := doneView{Rejected: v.d.State == delivery.Rejected, Received: v.d.State == delivery.HandedOver, Complete: true}
	lang := c.language(x, v)
	for _, e := range list {
		ready := !e.SealedAt.IsZero()
		p.Complete = p.Complete && ready
		p.Pieces = append(p.Pieces, pieceView{Piece: e, Title: e.Event.Title(lang), Ready: ready})
	}
	return c.render(x, v, http.StatusOK, "done", p)
}

// doneView is the end of the way.
type doneView struct {
	Rejected bool
	Received bool
	Complete bool // every piece is sealed, so that the dossier can be had
	Pieces   []pieceView
}

// pieceView is one piece of evidence in the reader's language.
type pieceView struct {
	evidence.Piece
	Title string
	Ready bool
}
