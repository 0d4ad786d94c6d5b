package portal

import (
	"net/http"
	"strconv"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
)

// perPage is how many rows a list has.
const perPage = 25

// tally is how many deliveries are in one state.
type tally struct {
	State delivery.State
	Count int
}

// Tone says how a state is to be coloured: good, bad, warn or plain.
func (t tally) Tone() string { return tone(t.State) }

func tone(s delivery.State) string {
	switch s {
	case delivery.HandedOver, delivery.DeliveredByPost, delivery.Accepted, delivery.Consigned:
		return "good"
	case delivery.Rejected, delivery.Returned:
		return "bad"
	case delivery.Expired, delivery.Cancelled:
		return "warn"
	}
	return "plain"
}

// tallies lists counts in the order of a life.
func tallies(counts map[delivery.State]int) (out []tally) {
	for _, s := range delivery.States {
		if counts[s] > 0 {
			out = append(out, tally{s, counts[s]})
		}
	}
	return out
}

// listRow is a message, or one of its recipients.
type listRow struct {
	delivery.Message
	URL    string
	Who    string // the recipient, when the row is one
	Email  string
	States []tally
}

type listPage struct {
	frame
	Filter       filter
	Statuses     []web.Option
	Rows         []listRow
	ByRecipient  bool   // rows are recipients rather than messages
	Older, Newer string // where to go on; empty: that is all
	Newest       string // back to the beginning, when this is not it
	Partial      bool   // the search stopped early, and goes on from Older or Newer
	Live, Tests  string // the same list of the other kind
	CSV, All     string
	May          bool // send
	Weak         bool // signed in without a second factor
}

// list shows messages of the account, or deliveries, newest first, narrowed as
// the address says.
func (p *Portal) list(v *visitor) (err error) {
	page := listPage{frame: v.frame(messagesPath), May: v.may("sender"), Weak: !strong(v.session)}
	page.chrome.Wide = true
	f, find, faults := p.readFind(v)
	page.Filter, page.Faults, page.ByRecipient = f, faults, find.ByRecipient()
	live, tests := f, f
	live.Test, tests.Test = false, true
	page.Live, page.Tests, page.CSV, page.All = live.address(messagesPath), tests.address(messagesPath), f.address(exportPath), filter{Test: f.Test}.address(messagesPath)
	if page.Statuses, err = p.statuses(v); err != nil {
		return err
	}
	if len(faults) > 0 {
		return p.Web.Render(v, http.StatusUnprocessableEntity, "portal/messages", page)
	}
	from, err := place(v.QueryParams())
	if err != nil {
		return err
	}
	fill := p.messageRows
	if page.ByRecipient {
		fill = p.deliveryRows
	}
	if err := fill(v, find, from, &page); err != nil {
		return err
	}
	if from != (delivery.Place{}) {
		page.Newest = f.address(messagesPath)
	}
	return p.Web.Render(v, http.StatusOK, "portal/messages", page)
}

// statuses are the choices of the filter.
func (p *Portal) statuses(v *visitor) (out []web.Option, err error) {
	for _, s := range append([]delivery.Status{""}, delivery.Statuses...) {
		key := "status.any"
		if s != "" {
			key = "status." + string(s)
		}
		text, err := p.Web.Text(v, "portal", key)
		if err != nil {
			return nil, err
		}
		out = append(out, web.Option{Value: string(s), Text: text})
	}
	return out, nil
}

// leads sets where a list goes on.
func (page *listPage) leads(older, newer delivery.Mark, partial bool) {
	page.Partial = partial
	if older != (delivery.Mark{}) {
		page.Older = page.Filter.address(messagesPath, "older", older.String())
	}
	if newer != (delivery.Mark{}) {
		page.Newer = page.Filter.address(messagesPath, "newer", newer.String())
	}
}

func (p *Portal) deliveryRows(v *visitor, f delivery.Find, from delivery.Place, page *listPage) error {
	found, err := p.Deliveries.FindDeliveries(v.ctx(), v.session.Account, f, from, perPage)
	if err != nil {
		return err
	}
	for _, d := range found.List {
		row := listRow{Message: d.Message, URL: "/portal/deliveries/" + string(d.ID), Who: d.Recipient.Given + " " + d.Recipient.Family, Email: d.Recipient.Email,
			States: []tally{{d.State, 1}}}
		if o := d.Recipient.Organisation; o != nil {
			row.Who = o.Name
		}
		page.Rows = append(page.Rows, row)
	}
	page.leads(found.Older, found.Newer, found.Partial)
	return nil
}

func (p *Portal) messageRows(v *visitor, f delivery.Find, from delivery.Place, page *listPage) error {
	found, err := p.Deliveries.FindMessages(v.ctx(), v.session.Account, f, from, perPage)
	if err != nil {
		return err
	}
	ids := make([]delivery.ID, len(found.List))
	for i, m := range found.List {
		ids[i] = m.ID
	}
	counts, err := p.Deliveries.Counts(v.ctx(), v.session.Account, ids...)
	if err != nil {
		return err
	}
	for _, m := range found.List {
		page.Rows = append(page.Rows, listRow{Message: m, URL: messagesPath + "/" + string(m.ID), States: tallies(counts[m.ID])})
	}
	page.leads(found.Older, found.Newer, found.Partial)
	return nil
}

type messagePage struct {
	frame
	Message    delivery.Message
	Sender     string
	Deliveries []delivery.Delivery
	States     []tally
	Open       int  // deliveries that can be withdrawn
	Sent       bool // just now
	Next       int  // position to go on from; 0 when that was all
}

// Tone colours a state.
func (messagePage) Tone(s delivery.State) string { return tone(s) }

// message shows one message and where each of its deliveries is.
func (p *Portal) message(v *visitor) error {
	m, err := p.Deliveries.Message(v.ctx(), v.session.Account, v.id())
	if err != nil {
		return err
	}
	after := 0
	if s := v.QueryParam("after"); s != "" {
		if after, err = strconv.Atoi(s); err != nil || after < 0 || after > delivery.MaxRecipients {
			return web.ErrNotFound
		}
	}
	list, err := p.Deliveries.Deliveries(v.ctx(), v.session.Account, m.ID, after, perPage+1)
	if err != nil {
		return err
	}
	counts, err := p.Deliveries.Counts(v.ctx(), v.session.Account, m.ID)
	if err != nil {
		return err
	}
	page := messagePage{frame: v.frame(""), Message: m, Sender: partyName(m.Sender), States: tallies(counts[m.ID]), Sent: v.QueryParam("sent") == "1"}
	if v.may("sender") {
		page.Open = counts[m.ID][delivery.Submitted] + counts[m.ID][delivery.Notified]
	}
	if len(list) > perPage {
		list, page.Next = list[:perPage], list[perPage-1].Position
	}
	page.Deliveries, page.chrome.Wide, page.chrome.Test = list, true, m.Test
	p.looked(v, "message_seen", string(m.ID))
	return p.Web.Render(v, http.StatusOK, "portal/message", page)
}
