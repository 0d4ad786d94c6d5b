package delivery_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// announced is a report about the announcement unless changed.
func announced(f notify.Fact) notify.Report {
	r := notify.Report{Source: "dsn", ID: evidence.NewID(), Attempt: 1, Fact: f, Rung: notify.RungAccepted, Status: "2.0.0",
		Reply: "smtp; 250 ok", Remote: "mx.example", OccurredAt: time.Date(2026, 11, 20, 8, 59, 0, 0, time.UTC),
		Digest: strings.Repeat("d", 64), First: true, Final: true}
	switch f {
	case notify.Relayed:
		r.Rung = notify.RungFarSide
	case notify.Delivered:
		r.Rung = notify.RungMailbox
	case notify.Failed:
		r.Cause, r.Status, r.Reply = notify.CauseAddress, "5.1.1", "smtp; 550 5.1.1 unknown"
	}
	return r
}

// reportVerbs is every report about an announcement, and failures of reminders.
func reportVerbs(zone *time.Location) (list []verb) {
	for _, k := range []notify.Kind{notify.Announcement, notify.Reminder} {
		for _, ch := range notify.Channels() {
			for _, f := range notify.AllFacts() {
				if k == notify.Reminder && f != notify.Failed && f != notify.Relayed {
					continue
				}
				list = append(list, verb{fmt.Sprintf("Reached (%s, %s, %s)", k, ch, f),
					func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
						return d.Reached(notify.Notice{Kind: k, Channel: ch, To: d.Recipient.Email}, announced(f), at, zone)
					}})
			}
		}
	}
	return list
}

// reported tells what was said about a notice on a channel.
func (r *rig) reported(d delivery.Delivery, ch notify.Channel, f notify.Fact, change ...func(*notify.Notice, *notify.Report)) delivery.Delivery {
	r.t.Helper()
	n := notify.Notice{ID: evidence.NewID(), Account: d.Message.Account, Delivery: string(d.ID), Kind: notify.Announcement, Channel: ch,
		To: d.Recipient.Email, Language: "nl"}
	if ch == notify.SMS {
		n.To = d.Recipient.Mobile
	}
	rep := announced(f)
	for _, c := range change {
		c(&n, &rep)
	}
	r.must(pgx.BeginFunc(r.ctx(), r.pool, func(tx pgx.Tx) error { return r.NoticeReported(r.ctx(), tx, n, rep) }))
	return r.again(d)
}

// newest is the last event of a delivery.
func (r *rig) newest(d delivery.Delivery) evidence.Event {
	r.t.Helper()
	list, err := r.Events(r.ctx(), d.Message.Account, d.ID)
	r.must(err)
	return list[len(list)-1].Event
}

func (r *rig) jobs(kind string) int {
	r.t.Helper()
	return r.count(`SELECT count(*) FROM river_job WHERE kind = $1`, kind)
}

func (r *rig) receipts(d delivery.Delivery, outcome string) int {
	r.t.Helper()
	return r.count(`SELECT count(*) FROM notice WHERE delivery_id = $1 AND kind = 'receipt' AND ref = $2`, d.ID, outcome)
}

func patient(s *delivery.Submission) { s.Policy.PostAtOnce = false }

// What the recipient's side took is an event that says who said so, and moves
// nothing.
func TestReachedFarSide(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	was := d
	d = r.reported(d, notify.Email, notify.Relayed)
	if d.State != was.State || d.Email != delivery.ReachSent || d.Seq != was.Seq+1 || !d.RespondBy.Equal(was.RespondBy) {
		t.Errorf("%+v", d)
	}
	e := r.newest(d)
	if e.Name != evidence.NotificationDelivered || len(e.Reasons) != 0 {
		t.Fatalf("%+v", e)
	}
	for _, want := range []evidence.Detail{{Key: "channel", Value: "email"}, {Key: "address", Value: "a***@example.be"}, {Key: "rung", Value: "N2"},
		{Key: "status", Value: "2.0.0"}, {Key: "remote", Value: "mx.example"}, {Key: "reported_at", Value: "2026-11-20T08:59:00Z"},
		{Key: "report_sha256", Value: strings.Repeat("d", 64)}, {Key: "reporter", Value: "dsn"}} {
		if !slices.Contains(e.Details, want) {
			t.Errorf("no %v in %v", want, e.Details)
		}
	}
	if strings.Contains(fmt.Sprint(e.Details), d.Recipient.Email) {
		t.Error("the address stands in full among the details")
	}
	r.clean()
}

// What says nothing new leaves no event, however often it comes.
func TestReachedNothingNew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	seq := d.Seq
	again := func(_ *notify.Notice, rep *notify.Report) { rep.First = false }
	for _, f := range notify.AllFacts() {
		d = r.reported(d, notify.Email, f, again)
	}
	for _, f := range []notify.Fact{notify.Delayed, notify.Complained, notify.Answered} {
		d = r.reported(d, notify.Email, f)
	}
	for _, k := range []notify.Kind{notify.Code, notify.Accepted, notify.Receipt, notify.DelegateNamed} {
		for _, f := range notify.AllFacts() {
			d = r.reported(d, notify.Email, f, func(n *notify.Notice, _ *notify.Report) { n.Kind = k })
		}
	}
	if d.Seq != seq || d.Email != delivery.ReachSent || d.State != delivery.Notified {
		t.Errorf("%+v", d)
	}
}

func TestReachedFailed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for cause, reason := range map[notify.Cause]string{notify.CauseAddress: "address_unknown", notify.CauseFull: "mailbox_full",
		notify.CauseUnreachable: "address_unreachable", notify.CauseOurs: "technical", notify.CauseOther: "address_refused"} {
		d := r.reported(r.notified(), notify.Email, notify.Failed, func(_ *notify.Notice, rep *notify.Report) { rep.Cause = cause })
		e := r.newest(d)
		if d.Email != delivery.ReachFailed || d.SMS != delivery.ReachSent || d.State != delivery.Notified || e.Name != evidence.NotificationForAcceptanceFailure ||
			len(e.Reasons) != 1 || e.Reasons[0].Code != reason || evidence.ReasonURI(reason) == "" {
			t.Errorf("%s: %s %s, %+v", cause, d.Email, d.State, e.Reasons)
		}
		if r.receipts(d, "undeliverable") != 0 {
			t.Error("the sender was told although an SMS was sent")
		}
	}
	// A failed reminder, or a failed attempt that was followed by another, is
	// nothing against the channel.
	d := r.reported(r.notified(), notify.Email, notify.Failed, func(n *notify.Notice, _ *notify.Report) { n.Kind = notify.Reminder })
	d = r.reported(d, notify.Email, notify.Failed, func(_ *notify.Notice, rep *notify.Report) { rep.Final = false })
	if d.Email != delivery.ReachSent || r.newest(d).Name != evidence.NotificationForAcceptanceFailure {
		t.Errorf("%+v", d)
	}
	r.clean()
}

// When both channels failed after all, the letter does not wait where the policy
// says so; else the window runs on. The sender is told once.
func TestReachedNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	d = r.reported(r.reported(d, notify.Email, notify.Failed), notify.SMS, notify.Failed)
	if d.State != delivery.Notified || !d.Undeliverable() || d.DecidedAt.IsZero() || r.jobs("delivery_post") != 1 || r.receipts(d, "undeliverable") != 1 {
		t.Errorf("%s, %d letters, %d receipts", d.State, r.jobs("delivery_post"), r.receipts(d, "undeliverable"))
	}
	d = r.reported(d, notify.SMS, notify.Failed) // of a repeated announcement
	if r.jobs("delivery_post") != 1 || r.receipts(d, "undeliverable") != 1 {
		t.Error("a second letter or receipt")
	}
	d = r.notified(patient)
	until := d.RespondBy
	d = r.reported(r.reported(d, notify.SMS, notify.Failed), notify.Email, notify.Failed)
	if r.jobs("delivery_post") != 1 || d.State != delivery.Notified || !d.RespondBy.Equal(until) || r.receipts(d, "undeliverable") != 1 {
		t.Errorf("%s, %d letters, %d receipts", d.State, r.jobs("delivery_post"), r.receipts(d, "undeliverable"))
	}
	r.clean()
}

// The bounce comes first and the SMS gives up after it.
func TestReachedNobodyAtLast(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.attempt(r.deliveries(r.submit(1))[0], notify.Email, notify.Sent)
	d = r.reported(d, notify.Email, notify.Failed)
	if r.jobs("delivery_post") != 0 {
		t.Fatal("the SMS was not waited for")
	}
	d = r.attempt(d, notify.SMS, notify.Permanent)
	if !d.Undeliverable() || r.jobs("delivery_post") != 1 || r.receipts(d, "undeliverable") != 1 {
		t.Errorf("%+v", d)
	}
	r.clean()
}

// A bounce that comes after the decision is a fact, and nothing more.
func TestReachedTooLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	c := r.identified(d)
	_, err := r.Accept(r.ctx(), c)
	r.must(err)
	d = r.reported(r.reported(r.again(d), notify.Email, notify.Failed), notify.SMS, notify.Failed)
	if d.State != delivery.Consigned || r.jobs("delivery_post") != 0 || r.receipts(d, "undeliverable") != 0 {
		t.Errorf("%s, %d letters", d.State, r.jobs("delivery_post"))
	}
	r.clean()
}

// A report that ends the doubt about an attempt is the announcement too.
func TestReachedEndsDoubt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.deliveries(r.submit(1))[0]
	d = r.reported(d, notify.Email, notify.Relayed, func(_ *notify.Notice, rep *notify.Report) { rep.Ended = true })
	if d.State != delivery.Notified || d.Email != delivery.ReachSent || d.RespondBy.IsZero() ||
		!slices.Equal(r.names(d), []evidence.Name{evidence.SubmissionAcceptance, evidence.NotificationForAcceptance, evidence.NotificationDelivered}) {
		t.Errorf("%s %s %v", d.State, d.Email, r.names(d))
	}
	r.clean()
}
