package portal

import (
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

const inboxPath = "/portal/inbox"

// inboxPage shows a person, whatever account they are in, what is addressed to
// them or to those they may receive for (R11, R26). Of the content it says nothing.
type inboxPage struct {
	frame
	Rows      []inboxRow
	First     bool
	Next      delivery.ID // to go on from, when there may be more
	Unknown   bool        // nobody was identified in this account yet
	NoContact bool        // opening as a delegate takes a proven address and number
}

type inboxRow struct {
	delivery.InboxItem
	Sender string
}

// Tone colours the state of an item.
func (r inboxRow) Tone() string { return tone(r.State) }

// inbox lists what waits for the visitor, and what was collected.
func (p *Portal) inbox(v *visitor) error { return p.showInbox(v, http.StatusOK, false) }

func (p *Portal) showInbox(v *visitor, status int, noContact bool) error {
	if v.session.Method == identity.MethodReproofed {
		return v.Redirect(http.StatusSeeOther, "/portal/factors") // may do nothing but make new factors
	}
	before := v.QueryParam("before")
	if _, err := uuid.Parse(before); before != "" && err != nil {
		return web.ErrNotFound
	}
	page := inboxPage{frame: v.frame(inboxPath), First: before == "", NoContact: noContact}
	list, next, err := p.Deliveries.Inbox(v.ctx(), v.actor(), delivery.ID(before), perPage)
	if errors.Is(err, delivery.ErrUnidentified) {
		page.Unknown, err = true, nil
	}
	if err != nil {
		return err
	}
	page.Next = next
	for _, i := range list {
		page.Rows = append(page.Rows, inboxRow{i, partyName(i.Message.Sender)})
	}
	return p.Web.Render(v, status, "portal/inbox", page)
}

// openInbox leads to the page on which an item is collected. Codes and
// identification follow there.
func (p *Portal) openInbox(v *visitor) error {
	if v.session.Method == identity.MethodReproofed {
		return v.Redirect(http.StatusSeeOther, "/portal/factors")
	}
	path, err := p.Deliveries.OpenInbox(v.ctx(), v.actor(), v.id(), evidence.Text(v.FormValue("mandate"), 36))
	if errors.Is(err, delivery.ErrNoContact) {
		return p.showInbox(v, http.StatusConflict, true)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, path)
}
