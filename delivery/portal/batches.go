package portal

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

const batchesPath = "/portal/batches"

// registerBatches puts the pages about messages to many on a router.
func (p *Portal) registerBatches(e *echo.Echo, form echo.MiddlewareFunc) {
	sender, upload := p.as(identity.Sender), p.Web.Limits(uploadSize, uploadTime)
	e.GET(batchesPath, sender(p.batches), form)
	e.GET(batchesPath+"/new", sender(p.newBatch), form)
	e.POST(batchesPath+"/new", sender(p.uploadBatch), upload)
	e.GET(batchesPath+"/:id", sender(p.batch), form)
	e.GET(batchesPath+"/:id/columns", sender(p.columns), form)
	e.POST(batchesPath+"/:id/columns", sender(p.setColumns), form)
	e.POST(batchesPath+"/:id/confirm", sender(p.confirmBatch), form)
	e.GET(batchesPath+"/:id/confirm", sender(p.batch), form) // reached by reloading after a sign-in
	e.POST(batchesPath+"/:id/resume", sender(p.resumeBatch), form)
	e.GET(batchesPath+"/:id/resume", sender(p.batch), form)
	e.POST(batchesPath+"/:id/pause", sender(p.pauseBatch), form)
	e.POST(batchesPath+"/:id/cancel", sender(p.cancelBatch), form)
	e.GET(batchesPath+"/:id/errors.csv", sender(p.batchErrors), upload)
	e.GET(batchesPath+"/:id/outcome.csv", sender(p.batchOutcome), upload)
	p.registerTemplates(e, form)
	p.registerBook(e, form)
}

type batchesPage struct {
	frame
	Rows  []delivery.Bulk
	Test  bool
	First bool
	Next  delivery.ID
}

// bulkTone colours the state of a batch.
func bulkTone(s delivery.BulkState) string {
	switch s {
	case delivery.BulkDone:
		return "good"
	case delivery.BulkRefused:
		return "bad"
	case delivery.BulkPaused, delivery.BulkChecked, delivery.BulkMapping:
		return "warn"
	}
	return "plain"
}

// Tone colours a state.
func (batchesPage) Tone(s delivery.BulkState) string { return bulkTone(s) }

func (p *Portal) batches(v *visitor) error {
	page := batchesPage{frame: v.frame(batchesPath), Test: v.QueryParam("test") == "1", First: v.QueryParam("before") == ""}
	page.chrome.Wide = true
	var err error
	page.Rows, err = p.Deliveries.Bulks(v.ctx(), v.session.Account, page.Test, delivery.ID(v.QueryParam("before")), perPage+1)
	if err != nil {
		return err
	}
	if len(page.Rows) > perPage {
		page.Rows = page.Rows[:perPage]
		page.Next = page.Rows[perPage-1].ID
	}
	return p.Web.Render(v, http.StatusOK, "portal/batches", page)
}

// newBatchPage asks for a template, and then for a list.
type newBatchPage struct {
	frame
	Template  *delivery.Template
	Templates []delivery.Template
}

func (p *Portal) newBatch(v *visitor) error { return p.showNewBatch(v, http.StatusOK, nil) }

func (p *Portal) showNewBatch(v *visitor, status int, faults web.Faults) (err error) {
	page := newBatchPage{frame: v.frame(batchesPath)}
	page.Faults = faults
	if id := v.QueryParam("template"); id != "" {
		t, err := p.Deliveries.Template(v.ctx(), v.session.Account, delivery.ID(id))
		if err != nil {
			return err
		}
		page.Template = &t
	} else if page.Templates, err = p.Deliveries.Templates(v.ctx(), v.session.Account, false, "", delivery.MaxTemplates); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/batch-new", page)
}

// uploadBatch streams the documents that all have, and the list, as they come:
// the list stands last in the form.
func (p *Portal) uploadBatch(v *visitor) error {
	var b delivery.Bulk
	var docs []string
	var faults web.Faults
	got := false
	_, err := readForm(v.Request(), func(part *multipart.Part) (err error) {
		name, _, _ := disposition(part)
		name = path.Base(strings.ReplaceAll(name, `\`, "/")) // some browsers send the whole path
		switch {
		case part.FormName() == "documents" && !got:
			d, err := p.takeShared(v, part, name, len(docs), &faults)
			if err == nil && d != "" {
				docs = append(docs, d)
			}
			return err
		case part.FormName() == "list" && !got && len(faults) == 0:
			got = true
			b, err = p.Deliveries.UploadBulk(v.ctx(), v.actor(), delivery.NewBulk{Name: name, Template: delivery.ID(v.QueryParam("template")), Documents: docs}, part)
		}
		return err
	})
	if more := p.listFaults(err, got || len(faults) > 0); more != nil || len(faults) > 0 {
		return p.showNewBatch(v, http.StatusUnprocessableEntity, append(faults, more...))
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, batchesPath+"/"+string(b.ID)+"/columns")
}

// takeShared streams a document that all messages of a batch have.
func (p *Portal) takeShared(v *visitor, r io.Reader, name string, n int, faults *web.Faults) (string, error) {
	if n >= delivery.MaxDocuments {
		faults.Add("documents", "fault.too_many_documents", "max", delivery.MaxDocuments)
		return "", nil
	}
	kind := "application/octet-stream"
	if part, ok := r.(*multipart.Part); ok {
		kind = part.Header.Get("Content-Type")
	}
	d, _, err := p.Deliveries.Upload(v.ctx(), v.session.Account, delivery.NewDocument{Filename: name, MediaType: kind, Shared: true}, r, delivery.Once{})
	if _, ok := errors.AsType[delivery.FieldErrors](err); ok {
		faults.Add("documents", "fault.filename", "name", name)
		return "", nil
	}
	if errors.Is(err, delivery.ErrTooLarge) {
		faults.Add("documents", "fault.document_too_large", "name", name)
		return "", nil
	}
	return string(d.ID), err
}

// listFaults says what is wrong with a list that was uploaded.
func (p *Portal) listFaults(err error, got bool) (out web.Faults) {
	found, ok := errors.AsType[delivery.FieldErrors](err)
	switch {
	case errors.Is(err, delivery.ErrTooLarge):
		out.Add("list", "fault.list_too_large", "max", delivery.MaxBulkSize>>20)
	case err == nil && !got:
		out.Add("list", "fault.list_missing")
	case ok:
		code := found[0].Code
		if strings.HasPrefix(found[0].Pointer, "/mapping/") {
			code = "columns"
		}
		key := "fault.list_" + code
		if !p.Web.HasText("portal", key) {
			key = "fault.list_not_csv"
		}
		out.Add("list", key, "max", delivery.MaxBulkRows)
	}
	return out
}

func (p *Portal) pauseBatch(v *visitor) error {
	return p.turned(v, p.Deliveries.PauseBulk(v.ctx(), v.session.Account, v.id()))
}

func (p *Portal) cancelBatch(v *visitor) error {
	return p.turned(v, p.Deliveries.CancelBulk(v.ctx(), v.session.Account, v.id()))
}

// confirmBatch lets a batch be sent as it was shown.
//
// EN 319 522-1 §6.2.1 A.1
func (p *Portal) confirmBatch(v *visitor) error {
	return p.lets(v, func(by delivery.Submitter, f url.Values) error {
		return p.Deliveries.ConfirmBulk(v.ctx(), by, v.id(), f.Get("digest"))
	})
}

func (p *Portal) resumeBatch(v *visitor) error {
	return p.lets(v, func(by delivery.Submitter, _ url.Values) error { return p.Deliveries.ResumeBulk(v.ctx(), by, v.id()) })
}

// lets does what only an identified person may, in whose name it is.
func (p *Portal) lets(v *visitor, do func(delivery.Submitter, url.Values) error) error {
	if ok, err := p.proven(v); !ok {
		return err
	}
	if ok, err := p.fresh(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	profile, err := p.Identity.Profile(v.ctx(), v.session.Account)
	if err != nil {
		return err
	}
	return p.turned(v, do(delivery.Submitter{By: v.actor(), Sender: delivery.SenderParty(profile)}, f))
}

// turned shows a batch after something was done with it, or why it was not.
func (p *Portal) turned(v *visitor, err error) error {
	var faults web.Faults
	for sentinel, key := range map[error]string{delivery.ErrBulkState: "fault.batch_state", delivery.ErrBulkChanged: "fault.batch_changed",
		delivery.ErrSecondPerson: "fault.batch_second", identity.ErrNoMandate: "fault.batch_mandate"} {
		if errors.Is(err, sentinel) {
			faults.Add("", key)
		}
	}
	if _, ok := errors.AsType[delivery.FieldErrors](err); ok {
		faults.Add("", "fault.batch_documents")
	}
	if len(faults) > 0 {
		return p.showBatch(v, http.StatusConflict, faults)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, batchesPath+"/"+string(v.id()))
}

// rowAfter reads where a list of rows goes on.
func rowAfter(v *visitor) int {
	n, err := strconv.Atoi(v.QueryParam("after"))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
