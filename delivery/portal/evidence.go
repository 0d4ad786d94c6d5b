package portal

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/evidence"
)

// attach makes the answer a file to be kept under a name.
func (v *visitor) attach(name, kind string) {
	h := v.Response().Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Cache-Control", "private, no-store")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'") // whatever opens it all the same
}

// looked leaves in the log of the account who looked at what (R6, R36). A log that
// cannot be written keeps nobody from their own messages: operators are told.
func (p *Portal) looked(v *visitor, action, about string) {
	if err := p.Identity.LogLook(v.ctx(), v.actor(), action, about, p.Web.Language(v)); err != nil {
		p.Log.ErrorContext(v.ctx(), "a look was not logged", "action", action, "about", about, "err", err)
	}
}

type pendingPage struct {
	frame
	Delivery delivery.ID
}

// pending says that a document is still being made.
func (p *Portal) pending(v *visitor, d delivery.ID) error {
	v.Response().Header().Set("Retry-After", "5")
	v.Response().Header().Del("Content-Disposition")
	return p.Web.Render(v, http.StatusConflict, "portal/pending", pendingPage{v.frame(""), d})
}

// evidence gives out one piece of evidence, or what proves it from outside.
func (p *Portal) evidence(v *visitor) error {
	id, ext, _ := strings.Cut(v.Param("file"), ".")
	f := evidence.Format(ext)
	kind := f.MediaType()
	if kind == "" || !isID(id) {
		return web.ErrNotFound
	}
	doc, piece, err := p.Evidence.Get(v.ctx(), v.session.Account, "", id, f)
	if errors.Is(err, evidence.ErrPending) {
		return p.pending(v, delivery.ID(piece.Delivery))
	}
	if err != nil {
		return err
	}
	p.looked(v, "evidence_taken", piece.Delivery)
	v.attach(fmt.Sprintf("%02d-%s.%s", piece.Seq, piece.Event, f), kind)
	return v.Blob(http.StatusOK, kind, doc)
}

// dossier gives out all evidence of a delivery in one file.
func (p *Portal) dossier(v *visitor) error {
	d, err := p.Deliveries.Delivery(v.ctx(), v.session.Account, v.id())
	if err != nil {
		return err
	}
	p.looked(v, "dossier_taken", string(d.ID))
	v.attach(fmt.Sprintf("%s-%d.asice", d.Message.Number, d.Position), "application/vnd.etsi.asic-e+zip")
	err = p.Dossiers.WriteDossier(v.ctx(), v.Response(), string(d.ID))
	if errors.Is(err, evidence.ErrPending) && !v.Response().Committed {
		return p.pending(v, d.ID)
	}
	return err
}

// letter gives out the letter that a delivery became.
func (p *Portal) letter(v *visitor) error {
	d, err := p.Deliveries.Delivery(v.ctx(), v.session.Account, v.id())
	if err != nil {
		return err
	}
	r, _, err := p.Deliveries.Letter(v.ctx(), v.session.Account, d.ID)
	if err != nil {
		return err
	}
	defer r.Close()
	p.looked(v, "letter_taken", string(d.ID))
	v.attach(fmt.Sprintf("%s-%d-letter.pdf", d.Message.Number, d.Position), "application/pdf")
	_, err = io.Copy(v.Response(), r)
	return err
}
