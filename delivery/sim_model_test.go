package delivery_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// The model of the life of deliveries. It is written from docs/states.md and the
// requirements, not from the code, and shares nothing with it but names.

// simEdges is where an event leads from a state; what is not here is illegal.
var simEdges = func() map[string]map[string]string {
	edges := map[string]map[string]string{
		"": {"SubmissionAcceptance": "submitted"},
		"submitted": {"NotificationForAcceptance": "notified", "AcceptanceRejectionExpiry": "expired", "SubmissionCancelled": "cancelled",
			"RelayToNonERDS": "posting", "RelayToNonERDSFailure": "submitted"},
		"notified": {"NotificationForAcceptance": "notified", "NotificationAccessTracking": "notified", "RecipientIdentification": "notified",
			"ConsignmentAcceptance": "accepted", "ConsignmentRejection": "rejected", "AcceptanceRejectionExpiry": "expired",
			"SubmissionCancelled": "cancelled", "RelayToNonERDS": "posting", "RelayToNonERDSFailure": "notified"},
		"expired": {"NotificationForAcceptance": "expired", "NotificationAccessTracking": "expired", "RecipientIdentification": "expired",
			"ConsignmentAcceptance": "accepted", "RelayToNonERDS": "posting", "RelayToNonERDSFailure": "expired"},
		"rejected":          {"NotificationForAcceptance": "rejected"},
		"cancelled":         {"NotificationForAcceptance": "cancelled"},
		"delivered_by_post": {"NotificationForAcceptance": "delivered_by_post", "PostalItemTracked": "delivered_by_post"},
		"returned":          {"NotificationForAcceptance": "returned", "PostalItemTracked": "returned"},
	}
	for _, at := range []string{"posting", "posted"} {
		edges[at] = map[string]string{"NotificationForAcceptance": at, "NotificationAccessTracking": at, "RecipientIdentification": at,
			"PostalItemTracked": at, "ConsignmentAcceptance": "accepted", "PostalItemDelivered": "delivered_by_post",
			"PostalItemReturned": "returned", "RelayToNonERDSFailure": "returned"}
	}
	edges["posting"]["PostalItemPosted"] = "posted"
	for _, at := range []string{"accepted", "consigned", "handed_over"} { // a letter may still be on its way
		edges[at] = map[string]string{"NotificationForAcceptance": at, "NotificationAccessTracking": at, "RecipientIdentification": at,
			"RelayToNonERDS": at, "RelayToNonERDSFailure": at, "PostalItemPosted": at, "PostalItemDelivered": at, "PostalItemReturned": at,
			"PostalItemTracked": at, "PostalItemCancelled": at}
	}
	edges["accepted"]["ContentConsignment"] = "consigned"
	edges["consigned"]["ContentAccessTracking"], edges["consigned"]["ContentHandover"] = "consigned", "handed_over"
	edges["handed_over"]["ContentAccessTracking"] = "handed_over"
	for at, m := range edges {
		if at != "" {
			m["NotificationForAcceptanceFailure"] = at
		}
	}
	return edges
}()

// simMessage is what a sender was promised.
type simMessage struct {
	id, key    string
	post       bool // goes on paper when nobody decides
	atOnce     bool // or as soon as nobody can be reached
	days       int
	months     int
	parts      int
	held       bool
	purged     bool // removal has begun
	gone       bool
	deliveries []*simDelivery
}

// simDelivery is what must be true of a delivery.
type simDelivery struct {
	id      string
	message *simMessage
	state   string
	seq     int
	prev    string // hash of the newest event
	at      time.Time
	moved   time.Time
	opened  time.Time // first reached
	window  time.Time
	failed  map[string]bool // channels that failed for good; never more than what the transports said
	taken   map[string]bool
	letter  bool     // the partner has it, and it is recorded
	said    []string // by the partner, recorded
	unsent  bool     // the letter was refused, or cancelled
	posted  bool     // the letter moved it
	told    int      // attempts recorded as C.1
	untold  int      // and as C.2
	passed  bool     // it was accepted
	waited  bool     // cancelled before anybody was reached
}

// simSession is the browser of somebody who followed a link.
type simSession struct {
	of         *simDelivery
	token      string
	codes      atomic.Int32 // -1: perhaps
	identified bool
	stranger   bool // somebody else tried
	until      time.Time
}

// cause is what a command may bring about. An event without a cause is a fault.
type cause struct {
	verb     string
	delivery *simDelivery
	message  *simMessage
	session  *simSession
	stranger bool
}

// allBut counts from a window that still runs.
func (d *simDelivery) settledAt() time.Time {
	if (d.state == "submitted" || d.state == "notified") && d.window.After(d.moved) {
		return d.window
	}
	return d.moved
}

// late: on its way to paper, and not there yet.
func (d *simDelivery) late() bool {
	return d.message.post && !d.opened.IsZero() && slices.Contains([]string{"expired", "posting", "posted"}, d.state)
}

func (d *simDelivery) unreachable() bool { return d.failed["email"] && d.failed["sms"] }

// windowOf is the midnight in Brussels after so many whole days.
func windowOf(at time.Time, days int) time.Time {
	z, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		panic(err)
	}
	y, m, d := at.In(z).Date()
	return time.Date(y, m, d+1+days, 0, 0, 0, 0, z)
}

func detail(e evidence.Event, key string) string {
	for _, d := range e.Details {
		if d.Key == key {
			return d.Value
		}
	}
	return ""
}

// apply holds one more event against the model, and moves it.
func (w *world) apply(d *simDelivery, e evidence.Event, body []byte) error {
	now := w.clock.now()
	if want := laterOf(now, d.at); !e.At.Equal(want) || d.at.Sub(now) > skew {
		return fmt.Errorf("%s at %s: the clock says %s, the event before it %s", e.Name, e.At, now, d.at)
	}
	if e.Seq != d.seq+1 || e.Prev != d.prev {
		return fmt.Errorf("%s is number %d on %q, want %d on %q", e.Name, e.Seq, e.Prev, d.seq+1, d.prev)
	}
	to, ok := simEdges[d.state][string(e.Name)]
	if !ok {
		return fmt.Errorf("%s in state %s", e.Name, d.state)
	}
	if why := w.why(d, e); why != "" {
		return fmt.Errorf("%s in state %s: %s", e.Name, d.state, why)
	}
	w.note(d, e)
	if d.state != to {
		d.state, d.moved = to, e.At
	}
	d.seq, d.prev, d.at = e.Seq, evidence.HashHex(body), e.At
	w.events[string(e.Name)]++
	return nil
}

// why says why an event must not have happened; "" when it may have.
func (w *world) why(d *simDelivery, e evidence.Event) string {
	return w.whyNot[string(e.Name)](w, d, e)
}

// by is the cause of a verb for d, if the command has it.
func (w *world) by(d *simDelivery, verbs ...string) *cause {
	for i, c := range w.causes {
		if slices.Contains(verbs, c.verb) && (c.delivery == nil || c.delivery == d) && (c.message == nil || c.message == d.message) {
			return &w.causes[i]
		}
	}
	return nil
}

// collecting says why nobody may take content of d now.
func (w *world) collecting(d *simDelivery, verb string) string {
	why := "nobody asked for it"
	for _, c := range w.causes {
		if c.verb != verb || c.delivery != d {
			continue
		}
		switch {
		case c.session.of != d || !c.session.identified || c.session.codes.Load() == 0:
			why = "by nobody who identified"
		case !w.clock.now().Before(c.session.until):
			why = "in a session that is over"
		default:
			return ""
		}
	}
	return why
}

// identifying is the cause of an identification of d that matched, or did not.
func (w *world) identifying(d *simDelivery, e evidence.Event) *cause {
	for i, c := range w.causes {
		if c.verb == "identify" && c.delivery == d && c.session.codes.Load() != 0 && c.stranger == (detail(e, "identification") != "matched") {
			return &w.causes[i]
		}
	}
	return nil
}

// simWhyNot holds the guard of each event.
var simWhyNot = map[string]func(w *world, d *simDelivery, e evidence.Event) string{
	"SubmissionAcceptance": func(w *world, d *simDelivery, e evidence.Event) string {
		return unless(w.by(d, "submit") != nil, "nobody submitted")
	},
	"NotificationForAcceptance": func(w *world, d *simDelivery, e evidence.Event) string {
		return unless(w.by(d, "notify") != nil && w.outside.sent(d.id) > d.told, "no transport took it")
	},
	"NotificationForAcceptanceFailure": func(w *world, d *simDelivery, e evidence.Event) string {
		return unless(w.by(d, "notify") != nil, "nobody tried")
	},
	"NotificationAccessTracking": func(w *world, d *simDelivery, e evidence.Event) string {
		open := w.clock.now().Before(d.window) || d.late() || d.passed
		return unless(w.by(d, "visit") != nil && open, "nobody came, or it is closed")
	},
	"RecipientIdentification": func(w *world, d *simDelivery, e evidence.Event) string {
		return unless(w.identifying(d, e) != nil, "nobody did, with both codes, or it was somebody else")
	},
	"ConsignmentAcceptance": func(w *world, d *simDelivery, e evidence.Event) string {
		if !w.clock.now().Before(d.window) && !d.late() {
			return "the window is over"
		}
		return w.collecting(d, "accept")
	},
	"ConsignmentRejection": func(w *world, d *simDelivery, e evidence.Event) string {
		if !w.clock.now().Before(d.window) {
			return "the window is over"
		}
		return w.collecting(d, "reject")
	},
	"AcceptanceRejectionExpiry": func(w *world, d *simDelivery, e evidence.Event) string {
		return unless(!d.window.IsZero() && !e.At.Before(d.window), "the window is open")
	},
	"ContentConsignment": func(w *world, d *simDelivery, e evidence.Event) string {
		return unless(w.by(d, "accept", "consign") != nil && d.passed, "nobody accepted")
	},
	"ContentAccessTracking": func(w *world, d *simDelivery, e evidence.Event) string { return w.collecting(d, "read") },
	"ContentHandover": func(w *world, d *simDelivery, e evidence.Event) string {
		if len(d.taken) != d.message.parts {
			return fmt.Sprintf("%d of %d parts were transferred", len(d.taken), d.message.parts)
		}
		return w.collecting(d, "read")
	},
	"RelayToNonERDS": func(w *world, d *simDelivery, e evidence.Event) string {
		on := d.state == "expired" || d.passed || d.unreachable() && (d.state == "submitted" || d.message.atOnce)
		return unless(w.by(d, "post") != nil && d.message.post && on && !d.letter && w.partner.has(d.id), "it has no letter, or had one")
	},
	"RelayToNonERDSFailure": func(w *world, d *simDelivery, e evidence.Event) string {
		if detail(e, "post_status") != "" {
			return reportedBy(w, d, e)
		}
		return unless(d.message.post && !d.letter && w.by(d, "post") != nil, "nobody tried to post it")
	},
	"PostalItemPosted":    reportedBy,
	"PostalItemDelivered": reportedBy,
	"PostalItemReturned":  reportedBy,
	"PostalItemTracked":   reportedBy,
	"PostalItemCancelled": func(w *world, d *simDelivery, e evidence.Event) string {
		return unless(d.letter && d.passed && !slices.Contains(d.said, "cancelled") && w.by(d, "unpost", "report") != nil, "nobody cancelled a letter")
	},
	"SubmissionCancelled": func(w *world, d *simDelivery, e evidence.Event) string {
		return unless(w.by(d, "cancel") != nil, "nobody withdrew it")
	},
}

func reportedBy(w *world, d *simDelivery, e evidence.Event) string {
	status := detail(e, "post_status")
	switch {
	case !d.letter || !w.partner.told(d.id, status):
		return "the partner never said so"
	case slices.Contains(d.said, status):
		return "it was recorded before"
	}
	return ""
}

func unless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}

// note keeps what an event says beside its state.
func (w *world) note(d *simDelivery, e evidence.Event) {
	switch e.Name {
	case evidence.NotificationForAcceptance:
		if d.told++; d.state == "submitted" {
			d.opened, d.window = e.At, windowOf(e.At, d.message.days)
		}
	case evidence.NotificationForAcceptanceFailure:
		d.untold++
		if detail(e, "retry_at") == "" && detail(e, "notice") == "announcement" {
			d.failed[detail(e, "channel")] = true
			if d.unreachable() && d.state == "submitted" && !(d.message.atOnce && d.message.post) {
				d.window = windowOf(e.At, d.message.days)
			}
		}
	case evidence.RecipientIdentification:
		if c := w.identifying(d, e); !c.stranger {
			c.session.identified = true
		}
	case evidence.ConsignmentAcceptance:
		d.passed = true
	case evidence.ContentAccessTracking:
		d.taken[detail(e, "part")] = true
	case evidence.RelayToNonERDS:
		d.letter = true
		d.posted = !d.passed
	case evidence.SubmissionCancelled:
		d.waited = d.state == "submitted"
	}
	if s := detail(e, "post_status"); s != "" {
		d.said = append(d.said, s)
		if e.Name == evidence.RelayToNonERDSFailure && (s == "refused" || s == "cancelled") || e.Name == evidence.PostalItemCancelled {
			d.unsent = true
		}
	}
}

// costs is what a delivery that is over has cost, of the prices of the tests.
func (d *simDelivery) costs() int64 {
	open := d.state == "submitted" || d.state == "notified" || d.state == "expired" && d.message.post
	switch {
	case d.waited, open && !d.message.gone:
		return 0
	case d.posted && !d.unsent:
		return costOnline + costLetter
	}
	return costOnline
}

// skew is how far a clock may be behind.
const skew = 2 * time.Second

func laterOf(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
