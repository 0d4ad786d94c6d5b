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

type messageRow struct {
	delivery.Message
	States []tally
}

type messagesPage struct {
	frame
	Rows  []messageRow
	Test  bool
	First bool
	Next  delivery.ID // the last one shown, when there are older ones
	May   bool        // send
	Weak  bool        // signed in without a second factor
}

// messages lists the messages of the account, newest first.
func (p *Portal) messages(v *visitor) error {
	page := messagesPage{frame: v.frame("/portal"), Test: v.QueryParam("test") == "1", May: v.may("sender"), Weak: !strong(v.session)}
	page.chrome.Wide = true
	before := delivery.ID(v.QueryParam("before"))
	page.First = before == ""
	list, err := p.messagesBefore(v, page.Test, before)
	if err != nil {
		return err
	}
	if len(list) > perPage {
		list = list[:perPage]
		page.Next = list[perPage-1].ID
	}
	ids := make([]delivery.ID, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	counts, err := p.Deliveries.Counts(v.ctx(), v.session.Account, ids...)
	if err != nil {
		return err
	}
	for _, m := range list {
		page.Rows = append(page.Rows, messageRow{m, tallies(counts[m.ID])})
	}
	return p.Web.Render(v, http.StatusOK, "portal/messages", page)
}

func (p *Portal) messagesBefore(v *visitor, test bool, before delivery.ID) ([]delivery.Message, error) {
	if before != "" { // what is not a message of the account is no place to start from
		if _, err := p.Deliveries.Message(v.ctx(), v.session.Account, before); err != nil {
			return nil, err
		}
	}
	return p.Deliveries.Messages(v.ctx(), v.session.Account, test, before, perPage+1)
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
	return p.Web.Render(v, http.StatusOK, "portal/message", page)
}
