package notify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"
)

// Quiet are the hours in which no phone should ring for a message that can wait:
// announcements and reminders by SMS are held until they are over. A code never
// waits, nor does a notice of a test.
type Quiet struct {
	From, To time.Duration // since midnight; From may be after To: over midnight
	Zone     *time.Location
}

// ParseQuiet reads hours as "21:00-08:00"; "" is none. Errors: ErrConfig.
func ParseQuiet(hours, zone string) (*Quiet, error) {
	if hours == "" {
		return nil, nil
	}
	place, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("%w: quiet hours: %w", ErrConfig, err)
	}
	q := &Quiet{Zone: place}
	from, to, ok := strings.Cut(hours, "-")
	for _, part := range []struct {
		text string
		to   *time.Duration
	}{{from, &q.From}, {to, &q.To}} {
		t, err := time.Parse("15:04", part.text)
		if !ok || err != nil {
			return nil, fmt.Errorf("%w: quiet hours %q are not as 21:00-08:00", ErrConfig, hours)
		}
		*part.to = time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	}
	if q.From == q.To {
		return nil, fmt.Errorf("%w: quiet hours %q have no end", ErrConfig, hours)
	}
	return q, nil
}

// Until is when a notice may be sent that would be sent at: at itself, or the end
// of the quiet hours in which it falls, by the clocks on the wall of Zone.
func (q *Quiet) Until(n Notice, test bool, at time.Time) time.Time {
	if q == nil || test || n.Channel != SMS || n.Kind != Announcement && n.Kind != Reminder {
		return at
	}
	local := at.In(q.Zone)
	year, month, day := local.Date()
	clock := func(days int, of time.Duration) time.Time {
		return time.Date(year, month, day+days, int(of/time.Hour), int(of/time.Minute)%60, 0, 0, q.Zone)
	}
	for days := -1; days <= 0; days++ { // hours that began yesterday, and today's
		begin, end := clock(days, q.From), clock(days, q.To)
		if q.To < q.From {
			end = clock(days+1, q.To)
		}
		if !at.Before(begin) && at.Before(end) {
			return end
		}
	}
	return at
}

// hold puts a notice off until the quiet hours are over, if it falls into them and
// is still of use then. It returns nil when it is to be sent now.
func (w *Worker) hold(ctx context.Context, s state, f Facts) error {
	now := instant(w.now(""))
	until := w.quiet.Until(s.notice, f.Test, now)
	if !until.After(now) || !until.Before(lastRetry(s.notice, s.created, f)) {
		return nil
	}
	if _, err := w.pool.Exec(ctx, postponeNotices, []string{s.notice.ID}, []time.Time{until}); err != nil {
		return fmt.Errorf("notify: hold notice %s: %w", s.notice.ID, err)
	}
	return river.JobSnooze(until.Sub(now))
}
