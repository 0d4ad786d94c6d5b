package collect

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"image"
	_ "image/jpeg" // the pictures that are shown
	_ "image/png"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

// What a page shows of documents: the answer is in memory whole.
const (
	maxPDF     = 20 << 20 // octets
	maxPicture = 5 << 20
	maxPlain   = 512 << 10
)

// shows reports whether a document is of a kind, and of a size, that can be shown.
// What is in it is looked at only when somebody wants to see it.
func (c *Collect) shows(p evidence.Part) bool {
	switch base, _, _ := mime.ParseMediaType(p.MediaType); base {
	case "application/pdf":
		return c.cfg.Viewer != nil && p.Size <= maxPDF
	case "image/jpeg", "image/png":
		return p.Size <= maxPicture
	case "text/plain":
		return p.Size <= maxPlain
	}
	return false
}

// viewView is one document on a page: pages of it as pictures, or its text.
type viewView struct {
	N     int
	Name  string
	Text  string
	Pages []pageView
}

// pageView is one picture. It stands in the page itself, so that content leaves us
// by POST alone and no address of it exists.
type pageView struct {
	N             int
	Data          template.URL
	Width, Height int
	Text          string // for whoever does not see the picture
}

// view shows one document whole, on a page of ours. No browser gets a document to
// run: of a PDF it gets pictures of the pages, which every telephone shows. It
// counts as transferred once the page left us, as the text does.
//
// EN 319 522-1 §6.2.5 D.6
func (c *Collect) view(x echo.Context, v *visit) error {
	ctx, cancel := context.WithTimeout(x.Request().Context(), stall)
	defer cancel()
	n, err := strconv.Atoi(x.Param("n"))
	if err != nil || n < 1 || n >= len(v.d.Message.Parts) {
		return c.say(x, v, http.StatusNotFound, "no_document", atRead)
	}
	part, r, err := c.cfg.Deliveries.OpenPart(ctx, v.shown, n)
	if err != nil {
		return err
	}
	defer r.Close()
	page := viewView{N: n, Name: part.Name}
	err = c.fill(ctx, &page, part, r)
	switch {
	case errors.Is(err, delivery.ErrTampered):
		return c.damaged(x, v, n, err)
	case errors.Is(err, delivery.ErrNoView):
		c.cfg.Log.InfoContext(ctx, "document not shown", "delivery", string(v.d.ID), "part", n, "err", err)
		return c.say(x, v, http.StatusUnprocessableEntity, "no_view", atRead)
	case err != nil:
		return err
	}
	rc := http.NewResponseController(x.Response().Writer)
	if err := rc.SetWriteDeadline(c.cfg.Now().Add(5 * stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	c.cfg.Web.MayEmbed(x)
	if err := c.render(x, v, http.StatusOK, "view", page); err != nil {
		return err
	}
	if err := rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return c.transferred(x, v, n)
}

// fill reads a document to its end, which checks its digest, and makes of it what
// can be shown. What it is, its first octets say, whatever its sender called it.
// Errors: delivery.ErrTampered, delivery.ErrNoView.
func (c *Collect) fill(ctx context.Context, page *viewView, part evidence.Part, r io.Reader) error {
	if !c.shows(part) {
		return fmt.Errorf("%w: %s of %d octets", delivery.ErrNoView, part.MediaType, part.Size)
	}
	in := bufio.NewReader(r)
	head, err := in.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch kind := http.DetectContentType(head); {
	case kind == "application/pdf" && c.cfg.Viewer != nil:
		return c.fillPages(ctx, page, in)
	case kind == "image/jpeg", kind == "image/png":
		return fillPicture(page, kind, in)
	case kind == "text/plain; charset=utf-8" && strings.HasPrefix(part.MediaType, "text/plain"):
		return fillText(page, in)
	default:
		return fmt.Errorf("%w: it begins like %s", delivery.ErrNoView, kind)
	}
}

func (c *Collect) fillPages(ctx context.Context, page *viewView, in io.Reader) error {
	pictures, err := c.cfg.Viewer.View(ctx, in)
	if err != nil {
		return err
	}
	// The viewer may have stopped before the end; the digest is checked there.
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	for i, p := range pictures {
		page.Pages = append(page.Pages, pageView{i + 1, embedded("image/jpeg", p.JPEG), p.Width, p.Height, p.Text})
	}
	return nil
}

func fillPicture(page *viewView, kind string, in io.Reader) error {
	b, err := io.ReadAll(io.LimitReader(in, maxPicture+1))
	if err != nil {
		return err
	}
	conf, format, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil || len(b) > maxPicture || !slices.Contains([]string{"image/jpeg", "image/png"}, "image/"+format) {
		return fmt.Errorf("%w: %s: %w", delivery.ErrNoView, format, err)
	}
	page.Pages = []pageView{{N: 1, Data: embedded(kind, b), Width: conf.Width, Height: conf.Height}}
	return nil
}

func fillText(page *viewView, in io.Reader) error {
	b, err := io.ReadAll(io.LimitReader(in, maxPlain+1))
	if err != nil {
		return err
	}
	if len(b) > maxPlain || !utf8.Valid(b) {
		return fmt.Errorf("%w: it is no UTF-8, or longer than it said", delivery.ErrNoView)
	}
	page.Text = string(b)
	return nil
}

// embedded is a picture as an address that holds it whole.
func embedded(kind string, b []byte) template.URL {
	return template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(b)) // kind is one of two, the rest is base64
}
