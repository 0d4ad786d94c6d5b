package delivery

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// levelDays is over how many days the measured level of service is told.
const levelDays = 90

// Level is how well one part of the service worked.
type Level struct {
	Part    string
	Working bool      // at the last look
	Stale   bool      // nobody looked for longer than Gap
	Looked  time.Time // the last look
	Since   time.Time // of the first look, or 90 days ago
	Down    time.Duration
	Share   float64 // of the time since then in which it worked, 0 to 1
	Days    []Day   // oldest first, UTC
}

// Day is one day of a part: how long it did not work. Watched is false before the
// first look.
type Day struct {
	Date    time.Time
	Down    time.Duration
	Watched bool
}

// Levels returns how every part that is watched worked in the last 90 days. Time
// in which nobody looked counts as time in which it did not work.
func (s *Service) Levels(ctx context.Context) ([]Level, error) {
	now := s.Now().UTC()
	rows, err := s.Pool.Query(ctx, `SELECT part, since, looked_at, working FROM watched_part ORDER BY part`)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (l Level, err error) {
		err = r.Scan(&l.Part, &l.Since, &l.Looked, &l.Working)
		l.Since, l.Looked = l.Since.UTC(), l.Looked.UTC()
		return l, err
	})
	if err != nil {
		return nil, err
	}
	from := now.Truncate(24*time.Hour).AddDate(0, 0, 1-levelDays)
	rows, err = s.Pool.Query(ctx, sqlOutage+` WHERE ended_at IS NULL OR ended_at > $1 ORDER BY began_at`, from)
	if err != nil {
		return nil, err
	}
	outages, err := pgx.CollectRows(rows, scanOutage)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].reckon(outages, from, now)
	}
	return list, nil
}

// reckon fills a level in from what is known of its part.
func (l *Level) reckon(outages []Outage, from, now time.Time) {
	first := l.Since
	if l.Since.Before(from) {
		l.Since = from
	}
	l.Stale = now.Sub(l.Looked) > Gap
	var down []Outage
	for _, o := range outages {
		if o.Part == l.Part {
			down = append(down, o)
		}
	}
	// Nobody has written down yet that nobody looks.
	if l.Stale && l.Working {
		down = append(down, Outage{Began: l.Looked})
	}
	l.Down = overlap(down, l.Since, now)
	l.Share = 1
	if whole := now.Sub(l.Since); whole > 0 {
		l.Share = 1 - float64(l.Down)/float64(whole)
	}
	for d := from; d.Before(now); d = d.AddDate(0, 0, 1) {
		end := d.AddDate(0, 0, 1)
		l.Days = append(l.Days, Day{Date: d, Down: overlap(down, d, minTime(end, now)), Watched: first.Before(end)})
	}
}

// overlap is how much of the time between from and to outages cover. Those of one
// part never overlap each other.
func overlap(outages []Outage, from, to time.Time) (sum time.Duration) {
	for _, o := range outages {
		end := o.Ended
		if end.IsZero() {
			end = to
		}
		if d := minTime(end, to).Sub(maxTime(o.Began, from)); d > 0 {
			sum += d
		}
	}
	return sum
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func maxTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
