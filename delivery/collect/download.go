package collect

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

// stall is how long a download may stand still before it is given up. There is
// no bound on the whole: a document may have 1 GiB and a line may be slow.
const stall = 2 * time.Minute

// document transfers one document by POST, so that no link scanner can take it.
//
// EN 319 522-1 §6.2.5 D.6
func (c *Collect) document(x echo.Context, v *visit) error {
	n, err := strconv.Atoi(x.Param("n"))
	if err != nil || n < 1 || n >= len(v.d.Message.Parts) {
		return c.say(x, v, http.StatusNotFound, "no_document", atRead)
	}
	part, r, err := c.cfg.Deliveries.OpenPart(x.Request().Context(), v.shown, n)
	if err != nil {
		return c.brokenOff(x, v, n, err)
	}
	defer r.Close()
	out := c.attach(x, part.Name, safeType(part.MediaType), part.Size)
	err = copyChecked(out, r)
	if err == nil {
		err = out.finish()
	}
	if err != nil {
		return c.brokenOff(x, v, n, err)
	}
	return c.transferred(x, v, n)
}

// all transfers everything in one archive: the text and every document, under
// the names the sender gave.
func (c *Collect) all(x echo.Context, v *visit) error {
	out := c.attach(x, v.d.Message.Number+".zip", "application/zip", -1)
	archive := zip.NewWriter(out)
	names, parts := archiveNames(v.d.Message.Parts), make([]int, len(v.d.Message.Parts))
	for n, p := range v.d.Message.Parts {
		parts[n] = n
		_, r, err := c.cfg.Deliveries.OpenPart(x.Request().Context(), v.shown, n)
		if err != nil {
			return c.brokenOff(x, v, n, err)
		}
		err = archivePart(archive, names[n], p.MediaType, v.d.Message.SubmittedAt, r)
		r.Close()
		if err != nil {
			return c.brokenOff(x, v, n, err)
		}
	}
	if err := errors.Join(archive.Close(), out.finish()); err != nil {
		return c.brokenOff(x, v, 0, err)
	}
	return c.transferred(x, v, parts...)
}

// archivePart writes one file of an archive. Only text is worth compressing:
// PDF and pictures are compressed already, and 1 GiB of them would cost minutes.
func archivePart(z *zip.Writer, name, mediaType string, at time.Time, r io.Reader) error {
	h := &zip.FileHeader{Name: name, Method: zip.Store, Modified: at}
	if strings.HasPrefix(mediaType, "text/") {
		h.Method = zip.Deflate
	}
	w, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	return copyChecked(w, r)
}

// brokenOff ends a transfer that went wrong. If part of it left us, the
// connection is cut, so that no browser takes what came for the whole; content
// that no longer has its digest is recorded (E.2).
//
// EN 319 522-1 §6.2.6 E.2
func (c *Collect) brokenOff(x echo.Context, v *visit, part int, err error) error {
	if errors.Is(err, delivery.ErrTampered) {
		err = c.damaged(x, v, part, err)
	}
	if x.Response().Committed && err != nil {
		c.cfg.Log.WarnContext(x.Request().Context(), "download broken off", "delivery", string(v.d.ID), "part", part, "err", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// damaged records that content no longer has its digest and says so, if
// anything can still be said.
func (c *Collect) damaged(x echo.Context, v *visit, part int, cause error) error {
	ctx := context.WithoutCancel(x.Request().Context())
	c.cfg.Log.ErrorContext(ctx, "content damaged", "delivery", string(v.d.ID), "part", part, "err", cause)
	if err := c.cfg.Deliveries.Damaged(ctx, v.shown, part); err != nil {
		return errors.Join(cause, err)
	}
	return cause
}

// transferred records what went out whole, although the person may have closed
// the page by now. If it cannot be recorded the person has the content and
// stays at "open": taking it again records it.
func (c *Collect) transferred(x echo.Context, v *visit, parts ...int) error {
	ctx := context.WithoutCancel(x.Request().Context())
	_, err := c.cfg.Deliveries.Transferred(ctx, v.shown, parts...)
	if err != nil {
		return fmt.Errorf("transfer not recorded: %w", err)
	}
	return nil
}

// archiveNames are the names of the parts, made different where they are not:
// two files of one name would overwrite each other when unpacked.
func archiveNames(parts []evidence.Part) []string {
	names, seen := make([]string, len(parts)), map[string]bool{}
	for i, p := range parts {
		name := p.Name
		ext := path.Ext(name)
		for n := 2; seen[strings.ToLower(name)]; n++ {
			name = fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(p.Name, ext), n, ext)
		}
		seen[strings.ToLower(name)] = true
		names[i] = name
	}
	return names
}
