package portal

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

const releasePath = "/portal/release"

type waitingPage struct {
	frame
	Rows   []draftRow
	Next   delivery.ID
	First  bool
	Second bool // the account asks for a second person
	Admin  bool // may change that
}

// waiting lists what waits for release, and says whether everything has to.
func (p *Portal) waiting(v *visitor) error {
	page := waitingPage{frame: v.frame(releasePath), First: v.QueryParam("before") == "",
		Admin: v.may(identity.Administrator) && v.session.AccountKind == identity.Company}
	page.chrome.Wide = true
	before := delivery.ID(v.QueryParam("before"))
	if before != "" && !isID(string(before)) {
		return web.ErrNotFound
	}
	list, err := p.Deliveries.Drafts(v.ctx(), v.session.Account, delivery.DraftFilter{State: delivery.DraftWaiting}, before, perPage+1)
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
	if page.Second, err = p.Deliveries.SecondPerson(v.ctx(), v.session.Account); err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusOK, "portal/release", page)
}

// setSecondPerson says whether every message of the account needs a second
// person.
func (p *Portal) setSecondPerson(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	on, action := f.Get("second_person") == "on", "second_person_off"
	if on {
		action = "second_person_on"
	}
	if err := p.Deliveries.SetSecondPerson(v.ctx(), v.actor(), on); err != nil {
		return err
	}
	if err := p.Identity.LogAccess(v.ctx(), nil, v.actor(), action, p.Web.Language(v)); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, releasePath)
}

// showWaiting shows what exactly would be sent, and what can be done about it.
func (p *Portal) showWaiting(v *visitor, status int, stored delivery.Draft, faults ...web.Fault) error {
	d, _ := draftOf(stored)
	ids := make([]delivery.ID, len(d.Documents))
	for i, doc := range d.Documents {
		ids[i] = doc.ID
	}
	if d.Documents = p.documents(v, ids); stored.Content.Form != nil {
		d = readable(d, stored.Content.Submission)
	}
	page, err := p.writePage(v, d, faults)
	if err != nil {
		return err
	}
	page.Stored, page.Asked = &stored, v.QueryParam("asked")
	page.chrome = v.frame(draftsPath).chrome
	page.chrome.Test = stored.Test
	at := stored.SendAt
	if at.IsZero() {
		at = p.Deliveries.Now()
	}
	wrong, err := p.foresee(v, &page, stored.Content.Submission, stored.Test, at)
	if err != nil {
		return err
	}
	if len(wrong) > 0 && len(page.Faults) == 0 {
		page.Add("", "fault.draft_invalid")
	}
	if page.Second, err = p.Deliveries.SecondPerson(v.ctx(), v.session.Account); err != nil {
		return err
	}
	if stored.State == delivery.DraftWaiting {
		if page.Releasers, err = p.Deliveries.Releasers(v.ctx(), stored); err != nil {
			return err
		}
		page.Mine = stored.Author.Kind == identity.ActorPerson && stored.Author.ID == v.session.Person
		page.MayRelease = p.mayRelease(v, stored) && !(page.Second && !stored.Test && page.Mine)
	}
	return p.Web.Render(v, status, "portal/waiting", page)
}

// readable is a form with what its submission really says: what is released is
// that, and not what somebody typed.
func readable(d draft, sub delivery.Submission) draft {
	out := draftFrom(sub)
	out.ID, out.Once, out.Documents = d.ID, d.Once, d.Documents
	return out
}

func (p *Portal) mayRelease(v *visitor, d delivery.Draft) bool {
	return known(v.session) && strong(v.session) && p.Deliveries.MaySend(v.ctx(), v.actor(), d.Content.Submission.Policy.Class) == nil
}

// releaseDraft sends what was looked at, in the name of the visitor, or at its
// time. What changed since is shown again.
//
// EN 319 522-1 §6.2.1 A.1
func (p *Portal) releaseDraft(v *visitor) error {
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
	sent, err := p.Deliveries.ReleaseDraft(v.ctx(), v.actor(), v.id(), f.Get("digest"))
	if err != nil {
		return p.notReleased(v, err)
	}
	if err := p.Identity.LogAccess(v.ctx(), nil, v.actor(), "draft_released", p.Web.Language(v)); err != nil {
		p.Log.ErrorContext(v.ctx(), "release not logged", "draft", v.id(), "error", err)
	}
	return p.wentOn(v, sent)
}

// wentOn leads to the message that a draft became, or to where it waits.
func (p *Portal) wentOn(v *visitor, sent delivery.Sent) error {
	if sent.Message.ID != "" {
		return v.Redirect(http.StatusSeeOther, "/portal/messages/"+string(sent.Message.ID)+"?sent=1")
	}
	return v.Redirect(http.StatusSeeOther, draftsPath+"/"+string(sent.Draft.ID))
}

// notReleased shows the draft as it is now and why it was not released.
func (p *Portal) notReleased(v *visitor, err error) error {
	var faults web.Faults
	if found, ok := errors.AsType[delivery.FieldErrors](err); ok {
		for _, x := range found {
			if x.Pointer == "/reason" {
				faults.Add("reason", p.faultKey(x.Code, "reason_back"), "max", delivery.MaxReason)
			}
		}
		if len(faults) == 0 {
			faults.Add("", "fault.draft_invalid")
		}
	}
	for e, key := range map[error]string{delivery.ErrDraftChanged: "fault.draft_changed", delivery.ErrNotOpen: "fault.draft_not_waiting",
		delivery.ErrSecondPerson: "fault.second_person", delivery.ErrInsufficientCredit: "fault.draft_credit",
		delivery.ErrDailyCap: "fault.daily_cap"} {
		if errors.Is(err, e) {
			faults.Add("", key)
		}
	}
	if len(faults) == 0 {
		return err
	}
	stored, found := p.Deliveries.Draft(v.ctx(), v.session.Account, v.id())
	if found != nil {
		return fmt.Errorf("portal: release: %w", found)
	}
	return p.showWaiting(v, http.StatusConflict, stored, faults...)
}

// giveBackDraft returns a draft to its author, with a reason.
func (p *Portal) giveBackDraft(v *visitor) error {
	if ok, err := p.proven(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	if _, err := p.Deliveries.GiveBackDraft(v.ctx(), v.actor(), v.id(), f.Get("reason")); err != nil {
		return p.notReleased(v, err)
	}
	return v.Redirect(http.StatusSeeOther, releasePath)
}

// askRelease tells those who may release once more.
func (p *Portal) askRelease(v *visitor) error {
	told, err := p.Deliveries.AskRelease(v.ctx(), v.session.Account, v.id())
	if err != nil && !errors.Is(err, delivery.ErrNotOpen) {
		return err
	}
	how := "later"
	if told {
		how = "now"
	}
	return v.Redirect(http.StatusSeeOther, draftsPath+"/"+string(v.id())+"?asked="+how)
}
