package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// draftRoutes are messages before they are sent.
func (a *API) draftRoutes() []route {
	return []route{
		{http.MethodPost, "/drafts", a.createDraft, false, false},
		{http.MethodGet, "/drafts", a.listDrafts, false, false},
		{http.MethodGet, "/drafts/{id}", a.getDraft, false, false},
		{http.MethodPut, "/drafts/{id}", a.replaceDraft, false, false},
		{http.MethodDelete, "/drafts/{id}", a.deleteDraft, false, false},
		{http.MethodPost, "/drafts/{id}/submit", a.submitDraft, false, false},
		{http.MethodPost, "/drafts/{id}/take-back", a.takeBackDraft, false, false},
	}
}

// readDraft reads a message that may not be complete.
func (a *API) readDraft(c *call) (content delivery.DraftContent, raw []byte, err error) {
	in := newMessage{Policy: policyOf(a.Deliveries.DefaultPolicy())}
	raw, faults, err := a.readJSON(c, "NewDraft", &in)
	if err == nil && len(faults) > 0 {
		err = errInvalid.with(faults...)
	}
	return delivery.DraftContent{Submission: in.submission()}, raw, err
}

func (a *API) createDraft(c *call) error {
	content, raw, err := a.readDraft(c)
	if err != nil {
		return err
	}
	once, err := c.once(digestOf(raw))
	if err != nil {
		return err
	}
	d, replayed, err := a.Deliveries.CreateDraft(c.ctx(), c.actor(a.Now()), c.key.Test, content, once)
	if err != nil {
		return err
	}
	c.replayed(replayed)
	c.Response().Header().Set("Location", Prefix+"/drafts/"+string(d.ID))
	return a.answerDraft(c, http.StatusCreated, d)
}

// draft finds a draft of the key's account and kind.
func (a *API) draft(c *call) (delivery.Draft, error) {
	d, err := a.Deliveries.Draft(c.ctx(), c.key.Account, delivery.ID(c.Param("id")))
	if err == nil && d.Test != c.key.Test {
		err = delivery.ErrNotFound
	}
	return d, err
}

func (a *API) getDraft(c *call) error {
	d, err := a.draft(c)
	if err != nil {
		return err
	}
	return a.answerDraft(c, http.StatusOK, d)
}

func (a *API) listDrafts(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	before, err := c.cursor()
	if err != nil {
		return err
	}
	if before != "" && !isID(before) {
		return errCursor
	}
	filter := delivery.DraftFilter{Test: &c.key.Test, State: delivery.DraftState(c.QueryParam("state"))}
	switch filter.State {
	case "", delivery.DraftOpen, delivery.DraftWaiting, delivery.DraftScheduled, delivery.DraftSending:
	default:
		return errInvalid.with(delivery.FieldError{Pointer: "/state", Code: "unsupported", Args: map[string]string{"allowed": "open, waiting, scheduled, sending"}})
	}
	list, err := a.Deliveries.Drafts(c.ctx(), c.key.Account, filter, delivery.ID(before), limit)
	if err != nil {
		return err
	}
	page := page[draftView]{Data: make([]draftView, len(list))}
	for i, d := range list {
		page.Data[i] = draftOf(d)
	}
	if len(list) == limit {
		page.Next = encodeCursor(string(list[limit-1].ID))
	}
	return sendPage(c, page)
}

func (a *API) replaceDraft(c *call) error {
	d, err := a.draft(c)
	if err != nil {
		return err
	}
	content, _, err := a.readDraft(c)
	if err != nil {
		return err
	}
	if d, err = a.Deliveries.ReplaceDraft(c.ctx(), c.actor(a.Now()), d.ID, content); err != nil {
		return err
	}
	return a.answerDraft(c, http.StatusOK, d)
}

func (a *API) deleteDraft(c *call) error {
	d, err := a.draft(c)
	if err != nil {
		return err
	}
	if err := a.Deliveries.DeleteDraft(c.ctx(), c.key.Account, d.ID); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// submitDraft sends a draft, or has it wait. A draft that was sent is gone: its
// message answers for it.
func (a *API) submitDraft(c *call) error {
	var in struct {
		SendAt   string `json:"send_at"`
		HandOver bool   `json:"hand_over"`
	}
	raw, faults, err := a.readJSON(c, "SubmitDraft", &in)
	if err != nil {
		return err
	}
	how := delivery.Sending{HandOver: in.HandOver}
	if in.SendAt != "" {
		if how.At, err = time.Parse(time.RFC3339, in.SendAt); err != nil {
			faults = append(faults[:0:0], delivery.FieldError{Pointer: "/send_at", Code: "malformed"})
		}
	}
	if len(faults) > 0 {
		return errInvalid.with(faults...)
	}
	d, err := a.draft(c)
	if err != nil && !errors.Is(err, delivery.ErrNotFound) {
		return err
	}
	id := delivery.ID(c.Param("id"))
	if !isID(string(id)) || err == nil && d.ID != id {
		return delivery.ErrNotFound
	}
	once, err := c.once(digestOf(append([]byte(id+"\x00"), raw...)))
	if err != nil {
		return err
	}
	sent, err := a.Deliveries.SendDraftOnce(c.ctx(), c.actor(a.Now()), id, c.key.Test, how, once)
	if err != nil {
		return err
	}
	c.replayed(sent.Replayed)
	if sent.Message.ID == "" {
		return a.answerDraft(c, http.StatusAccepted, sent.Draft)
	}
	c.Response().Header().Set("Location", Prefix+"/messages/"+string(sent.Message.ID))
	return a.answerMessage(c, http.StatusCreated, sent.Message)
}

func (a *API) takeBackDraft(c *call) error {
	d, err := a.draft(c)
	if err != nil {
		return err
	}
	if _, err := c.once(digestOf([]byte("take back " + d.ID))); err != nil {
		return err
	}
	if d, err = a.Deliveries.TakeBackDraft(c.ctx(), c.key.Account, d.ID); err != nil {
		return err
	}
	return a.answerDraft(c, http.StatusOK, d)
}
