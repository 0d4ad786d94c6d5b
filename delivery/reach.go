package delivery

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// Attempted records what became of one attempt to tell the recipient that the
// item waits. The first attempt that the next system took opens the window; if
// every channel failed for good, the fallback begins without waiting, or the
// window runs all the same. Errors: ErrNotOpen for a notice of another kind,
// and for a reminder of what was not announced.
//
// EN 319 522-1 §6.2.4 C.1, C.2
func (d Delivery) Attempted(n notify.Notice, a notify.Attempt, at time.Time, zone *time.Location) (Move, error) {
	if n.Kind != notify.Announcement && (n.Kind != notify.Reminder || d.State == Submitted) {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d}
	details := []evidence.Detail{
		{Key: "notice", Value: string(n.Kind)},
		{Key: "channel", Value: string(n.Channel)},
		{Key: "address", Value: mask(n.To)},
		{Key: "attempt", Value: strconv.Itoa(a.Number)},
		{Key: "result", Value: string(a.Result.Outcome)},
	}
	for _, x := range []evidence.Detail{{Key: "reply", Value: a.Result.Reply}, {Key: "remote", Value: a.Result.Remote},
		{Key: "tls", Value: a.Result.TLS}, {Key: "digest", Value: a.Digest},
		{Key: "trace", Value: a.Result.TraceDigest()}} {
		if x.Value != "" {
			x.Value = evidence.Text(x.Value, maxForeign)
			details = append(details, x)
		}
	}
	if !a.RetryAt.IsZero() {
		details = append(details, evidence.Detail{Key: "retry_at", Value: a.RetryAt.UTC().Format(time.RFC3339)})
	}
	name := evidence.NotificationForAcceptance
	if a.Result.Outcome != notify.Sent {
		name = evidence.NotificationForAcceptanceFailure
	}
	if n.Kind == notify.Announcement {
		d.settle(&m, n.Channel, a, at, zone)
	}
	m.Event = m.After.event(name, at, details...)
	if a.Result.Outcome != notify.Sent {
		m.Event.Reasons = []evidence.Reason{{Code: unreachedFor(a), Text: evidence.Text(a.Result.Reply, maxForeign)}}
	}
	return m, nil
}

// unreachedFor maps a failed attempt to the reason register.
func unreachedFor(a notify.Attempt) string {
	switch {
	case a.Result.Outcome == notify.Permanent && strings.HasPrefix(a.Result.Reply, notify.SuppressedReply):
		return "address_unknown" // as an earlier notice showed
	case a.Result.Outcome == notify.Permanent:
		return "address_refused"
	case a.RetryAt.IsZero():
		return "gave_up"
	case a.Result.Outcome == notify.Technical:
		return "technical"
	}
	return "address_unreachable"
}

// settle notes the outcome of the announcement on one channel and, while nobody
// has decided, what follows from it.
func (d Delivery) settle(m *Move, ch notify.Channel, a notify.Attempt, at time.Time, zone *time.Location) {
	var r Reach
	switch {
	case a.Result.Outcome == notify.Sent:
		r = ReachSent
	case a.RetryAt.IsZero():
		r = ReachFailed
	default:
		return // it will be tried again
	}
	if ch == notify.SMS {
		m.After.SMS = r
	} else {
		m.After.Email = r
	}
	switch p := d.Message.Policy; {
	case r == ReachSent && d.State == Submitted:
		m.After.State, m.After.NotifiedAt = Notified, at
		m.After.RespondBy = p.windowEnd(at, zone)
		m.Deadlines = append(p.deadlines(at, m.After.RespondBy, zone), m.After.rehearsal()...)
	case r == ReachFailed:
		d.unreached(m, at, zone)
	}
}

// mask hides most of an address: what is left is enough to recognise it.
func mask(addr string) string {
	for i, r := range addr {
		if r == '@' {
			if i == 0 {
				return addr
			}
			first := []rune(addr)[0]
			return fmt.Sprintf("%c***%s", first, addr[i:])
		}
	}
	if len(addr) > 5 {
		return addr[:3] + "***" + addr[len(addr)-2:]
	}
	return "***"
}
