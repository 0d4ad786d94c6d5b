package delivery

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// outcomeUndeliverable is what the sender is told when every channel failed: a
// key of the notices' translation files, and no state.
const outcomeUndeliverable State = "undeliverable"

// Reached records what was reported later about an announcement or a reminder.
// That the recipient's mail system or network took it is an event of its own,
// once for a notice and rung, and proves nothing about reading. A failure counts
// against the channel, even though it was sent before; when every channel
// failed, the fallback begins without waiting where the policy says so. Errors:
// ErrNotOpen for what says nothing new.
//
// EN 319 522-1 §6.2.4 C.2, C.6
func (d Delivery) Reached(n notify.Notice, r notify.Report, at time.Time, zone *time.Location) (Move, error) {
	if n.Kind != notify.Announcement && n.Kind != notify.Reminder || !r.First {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d}
	name := evidence.NotificationDelivered
	switch r.Fact {
	case notify.Relayed, notify.Delivered:
	case notify.Failed:
		name = evidence.NotificationForAcceptanceFailure
		if n.Kind == notify.Announcement && r.Final {
			d.fail(&m, n.Channel, at, zone)
		}
	default:
		return Move{}, ErrNotOpen // kept as a report
	}
	m.Event = m.After.event(name, at, reportDetails(n, r)...)
	if r.Fact == notify.Failed {
		m.Event.Reasons = []evidence.Reason{{Code: failedFor[r.Cause], Text: evidence.Text(r.Reply, maxForeign)}}
	}
	return m, nil
}

// failedFor maps the cause of a failure to the reason register.
var failedFor = map[notify.Cause]string{
	notify.CauseAddress:     "address_unknown",
	notify.CauseFull:        "mailbox_full",
	notify.CauseUnreachable: "address_unreachable",
	notify.CauseOurs:        "technical",
	notify.CauseOther:       "address_refused",
}

// reportDetails is a report as evidence shows it: who said what, and the digest
// of the octets in which it was said.
func reportDetails(n notify.Notice, r notify.Report) []evidence.Detail {
	details := []evidence.Detail{
		{Key: "notice", Value: string(n.Kind)},
		{Key: "channel", Value: string(n.Channel)},
		{Key: "address", Value: mask(n.To)},
		{Key: "attempt", Value: strconv.Itoa(r.Attempt)},
		{Key: "result", Value: string(r.Fact)},
		{Key: "reported_at", Value: r.OccurredAt.UTC().Format(time.RFC3339)},
		{Key: "reporter", Value: r.Source},
	}
	if r.Fact != notify.Failed {
		details = append(details, evidence.Detail{Key: "rung", Value: "N" + strconv.Itoa(int(r.Rung))})
	}
	for _, x := range []evidence.Detail{{Key: "status", Value: r.Status}, {Key: "reply", Value: r.Reply},
		{Key: "remote", Value: r.Remote}, {Key: "report_sha256", Value: r.Digest}} {
		if x.Value != "" {
			x.Value = evidence.Text(x.Value, maxForeign)
			details = append(details, x)
		}
	}
	return details
}

// fail notes that the announcement on one channel failed after all, and what
// follows from it.
func (d Delivery) fail(m *Move, ch notify.Channel, at time.Time, zone *time.Location) {
	if ch == notify.SMS {
		m.After.SMS = ReachFailed
	} else {
		m.After.Email = ReachFailed
	}
	d.unreached(m, at, zone)
}

// unreached is what follows when the last channel failed while nobody has
// decided: the sender is told, and the letter is begun at once or the window runs
// all the same.
func (d Delivery) unreached(m *Move, at time.Time, zone *time.Location) {
	if d.Undeliverable() || !m.After.Undeliverable() || d.State != Submitted && d.State != Notified {
		return
	}
	p := d.Message.Policy
	switch {
	case p.PostAtOnce && m.After.PostReason() != "":
		m.Job, m.After.DecidedAt = PostJob, at
	case d.State == Submitted:
		m.After.DecidedAt = at
		m.After.RespondBy = p.windowEnd(at, zone)
		m.Deadlines = []Deadline{{Expiry, m.After.RespondBy}}
	}
	m.Notices = d.receipt(outcomeUndeliverable)
}

// NoticeReported records what was reported about an attempt, in the transaction
// that stores it. It implements notify.Listener.
func (s *Service) NoticeReported(ctx context.Context, tx pgx.Tx, n notify.Notice, r notify.Report) error {
	if r.Ended { // the attempt was told as one in doubt
		known := notify.Attempt{Number: r.Attempt, EndedAt: r.OccurredAt, Result: notify.Result{Outcome: notify.Sent, Reply: r.Reply, Remote: r.Remote}}
		if err := s.NoticeAttempted(ctx, tx, n, known); err != nil {
			return err
		}
	}
	_, err := s.moveTx(ctx, tx, ID(n.Delivery), func(d Delivery, at time.Time) (Move, error) {
		return d.Reached(n, r, at, s.Zone)
	})
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrNotOpen) {
		return nil // removed meanwhile, or nothing that evidence has to say
	}
	return err
}

var _ notify.Listener = (*Service)(nil)
