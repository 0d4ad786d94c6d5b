package portal

import (
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

const draftsPath = "/portal/drafts"

// registerDrafts puts the pages about messages before they are sent on a router.
func (p *Portal) registerDrafts(e *echo.Echo, form echo.MiddlewareFunc) {
	sender, admin := p.as(identity.Sender), p.as(identity.Administrator)
	upload := p.Web.Limits(uploadSize, uploadTime)
	e.GET(draftsPath, sender(p.drafts), form)
	e.GET(draftsPath+"/:id", sender(p.openDraft), form)
	e.GET(draftsPath+"/:id/delete", sender(p.askDeleteDraft), form)
	e.POST(draftsPath+"/:id/delete", sender(p.deleteDraft), form)
	e.POST(draftsPath+"/:id/take-back", sender(p.takeBackDraft), form)
	e.GET(draftsPath+"/:id/documents/:document", sender(p.draftDocument), upload)
	e.POST(draftsPath+"/:id/release", sender(p.releaseDraft), form)
	e.POST(draftsPath+"/:id/give-back", sender(p.giveBackDraft), form)
	e.POST(draftsPath+"/:id/ask", sender(p.askRelease), form)
	e.GET(releasePath, sender(p.waiting), form)
	e.GET(releasePath+"/rule", admin(p.waiting), form) // reached by reloading after a sign-in
	e.POST(releasePath+"/rule", admin(p.setSecondPerson), form)
	e.POST("/portal/later", sender(p.sendLater), form)
	e.POST("/portal/hand-over", sender(p.handOver), form)
	e.POST("/portal/new/documents", sender(p.uploadDocument), upload)
}

// mayWrite lets a handler go on when the visitor may prepare a message. In a
// company somebody who is not identified yet prepares for a colleague.
func (p *Portal) mayWrite(v *visitor) (bool, error) {
	switch {
	case !strong(v.session):
		return false, p.needFactor(v)
	case !known(v.session) && v.session.AccountKind != identity.Company:
		return false, p.needIdentity(v)
	}
	return true, nil
}

// draftRow is one draft of a list.
type draftRow struct {
	delivery.Draft
	Subject    string
	Recipients int
}

func draftRowOf(d delivery.Draft) draftRow {
	return draftRow{d, d.Content.Submission.Subject, len(d.Content.Submission.Recipients)}
}

// Tone colours the state of a draft.
func (r draftRow) Tone() string {
	switch {
	case r.Fault != "" && r.State != delivery.DraftScheduled: // else it is only late
		return "bad"
	case r.State == delivery.DraftOpen:
		return "plain"
	case r.State == delivery.DraftWaiting:
		return "warn"
	}
	return "good"
}

type draftsPage struct {
	frame
	Rows   []draftRow
	State  delivery.DraftState
	States []delivery.DraftState
	First  bool
	Next   delivery.ID
}

// drafts lists the drafts of the account, newest first.
func (p *Portal) drafts(v *visitor) error {
	page := draftsPage{frame: v.frame(draftsPath), State: delivery.DraftState(v.QueryParam("state")), First: v.QueryParam("before") == "",
		States: []delivery.DraftState{delivery.DraftOpen, delivery.DraftScheduled}}
	page.chrome.Wide = true
	before := delivery.ID(v.QueryParam("before"))
	if before != "" && !isID(string(before)) {
		return web.ErrNotFound
	}
	list, err := p.Deliveries.Drafts(v.ctx(), v.session.Account, delivery.DraftFilter{State: page.State}, before, perPage+1)
	if err != nil {
		return err
	}
	if len(list) > perPage {
		list = list[:perPage]
		page.Next = list[perPage-1].ID
	}
	for _, d := range list {
		page.Rows = append(page.Rows, draftRowOf(d))
	}
	return p.Web.Render(v, http.StatusOK, "portal/drafts", page)
}

// openDraft shows a draft: to be written on, or as it waits.
func (p *Portal) openDraft(v *visitor) error {
	stored, err := p.Deliveries.Draft(v.ctx(), v.session.Account, v.id())
	if err != nil {
		return err
	}
	d, whole := draftOf(stored)
	if stored.State != delivery.DraftOpen || !whole || stored.Test {
		return p.showWaiting(v, http.StatusOK, stored)
	}
	if ok, err := p.mayWrite(v); !ok {
		return err
	}
	ids := make([]delivery.ID, len(d.Documents))
	for i, doc := range d.Documents {
		ids[i] = doc.ID
	}
	d.Documents = p.documents(v, ids)
	var faults web.Faults
	if len(d.Documents) < len(ids) {
		faults.Add("documents", "fault.document_gone")
	}
	page, err := p.writePage(v, d, faults)
	if err != nil {
		return err
	}
	p.Web.MayFetch(v)
	page.chrome = v.frame(draftsPath).chrome
	page.Stored, page.Saved = &stored, v.QueryParam("saved") == "1"
	return p.Web.Render(v, http.StatusOK, "portal/write", page)
}

// saveDraft keeps what was typed and comes back to it, unless something uploaded
// was refused: then the form says so, and what is good is kept.
func (p *Portal) saveDraft(v *visitor, d draft, faults web.Faults) error {
	stored, err := p.store(v, d)
	if fault, ok := draftFault(err); ok {
		faults.Add(fault.Field, fault.Key, fault.Args...)
		return p.showDraft(v, http.StatusConflict, d, faults...)
	}
	if err != nil {
		return err
	}
	if d.ID = stored.ID; len(faults) > 0 {
		return p.showDraft(v, http.StatusUnprocessableEntity, d, faults...)
	}
	return v.Redirect(http.StatusSeeOther, draftsPath+"/"+string(stored.ID)+"?saved=1")
}

// draftFault is what a form says when a draft cannot be kept.
func draftFault(err error) (web.Fault, bool) {
	if _, ok := errors.AsType[delivery.FieldErrors](err); ok {
		return web.Fault{Field: "documents", Key: "fault.document_gone"}, true
	}
	for e, key := range map[error]string{delivery.ErrNotOpen: "fault.draft_not_open", delivery.ErrDraftChanged: "fault.draft_changed",
		delivery.ErrTooManyDrafts: "fault.too_many_drafts", delivery.ErrKeyReused: "fault.sent_before",
		delivery.ErrDailyCap: "fault.daily_cap"} {
		if errors.Is(err, e) {
			return web.Fault{Key: key}, true
		}
	}
	return web.Fault{}, false
}

type draftPage struct {
	frame
	Draft draftRow
}

func (p *Portal) askDeleteDraft(v *visitor) error {
	d, err := p.Deliveries.Draft(v.ctx(), v.session.Account, v.id())
	if err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusOK, "portal/draft-delete", draftPage{v.frame(draftsPath), draftRowOf(d)})
}

func (p *Portal) deleteDraft(v *visitor) error {
	err := p.Deliveries.DeleteDraft(v.ctx(), v.session.Account, v.id())
	if errors.Is(err, delivery.ErrNotOpen) {
		return v.Redirect(http.StatusSeeOther, draftsPath+"/"+string(v.id()))
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, draftsPath)
}

// takeBackDraft stops what waits, to be written on.
func (p *Portal) takeBackDraft(v *visitor) error {
	if _, err := p.Deliveries.TakeBackDraft(v.ctx(), v.session.Account, v.id()); err != nil && !errors.Is(err, delivery.ErrNotOpen) {
		return err
	}
	return v.Redirect(http.StatusSeeOther, draftsPath+"/"+string(v.id()))
}

// draftDocument gives out a document of a draft, for whoever looks at it.
func (p *Portal) draftDocument(v *visitor) error {
	doc, r, err := p.Deliveries.OpenDraftDocument(v.ctx(), v.session.Account, v.id(), delivery.ID(v.Param("document")))
	if err != nil {
		return err
	}
	defer r.Close()
	v.attach(doc.Filename, doc.MediaType)
	_, err = io.Copy(v.Response(), r)
	return err
}
