package collect

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/evidence"
)

// evidence gives one piece of evidence of this delivery, or what proves it from outside. It may
// be a GET: it is read by whoever this session identified, and proves nothing.
func (c *Collect) evidence(x echo.Context, v *visit) error {
	file := x.Param("file")
	id, ext, _ := strings.Cut(file, ".")
	f := evidence.Format(ext)
	if u, err := uuid.Parse(id); err != nil || u.String() != id || f.MediaType() == "" {
		return c.say(x, v, http.StatusNotFound, "no_evidence", v.where())
	}
	doc, piece, err := c.cfg.Evidence.Get(x.Request().Context(), "", string(v.d.ID), id, f)
	if err != nil {
		return c.withoutEvidence(x, v, err)
	}
	out := c.attach(x, v.d.Message.Number+"-"+strconv.Itoa(piece.Seq)+"-"+string(piece.Event)+"."+ext, f.MediaType(), int64(len(doc)))
	if _, err := out.Write(doc); err != nil {
		return err
	}
	return out.finish()
}

// dossier gives all evidence in one self-contained file.
func (c *Collect) dossier(x echo.Context, v *visit) error {
	out := c.attach(x, v.d.Message.Number+".asice", "application/vnd.etsi.asic-e+zip", -1)
	err := c.cfg.Dossiers.WriteDossier(x.Request().Context(), out, string(v.d.ID))
	if err == nil {
		return out.finish()
	}
	if x.Response().Committed {
		c.cfg.Log.WarnContext(x.Request().Context(), "dossier broken off", "delivery", string(v.d.ID), "err", err)
		panic(http.ErrAbortHandler)
	}
	return c.withoutEvidence(x, v, err)
}

// wholeDossier gives all evidence with the content inside. Like every other way
// in which content leaves, it is a POST, and each part leaves its evidence, which is
// not in this file yet.
//
// EN 319 522-1 §6.2.5 D.6
func (c *Collect) wholeDossier(x echo.Context, v *visit) error {
	var content []evidence.File
	var all []int
	reading := -1 // the part that was opened last
	for n, p := range v.d.Message.Parts {
		all = append(all, n)
		content = append(content, evidence.File{Name: p.Name, MediaType: p.MediaType, SHA256: p.SHA256,
			Open: func(ctx context.Context) (io.ReadCloser, error) {
				reading = n
				_, r, err := c.cfg.Deliveries.OpenPart(ctx, v.shown, n)
				return r, err
			}})
	}
	out := c.attach(x, v.d.Message.Number+".asice", "application/vnd.etsi.asic-e+zip", -1)
	err := c.cfg.Dossiers.WriteDossier(x.Request().Context(), out, string(v.d.ID), content...)
	if err == nil {
		err = out.finish()
	}
	switch {
	case err == nil:
		return c.transferred(x, v, all...)
	case reading >= 0:
		return c.brokenOff(x, v, reading, err)
	}
	return c.withoutEvidence(x, v, err)
}

func (c *Collect) withoutEvidence(x echo.Context, v *visit, err error) error {
	switch {
	case errors.Is(err, evidence.ErrPending):
		x.Response().Header().Set("Retry-After", "5")
		return c.say(x, v, http.StatusConflict, "pending", atDone)
	case errors.Is(err, evidence.ErrNoEvidence):
		return c.say(x, v, http.StatusNotFound, "no_evidence", atDone)
	}
	return err
}
