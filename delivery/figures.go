package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Enough is of how many deliveries a figure must be before it is public: of
// fewer, somebody might be found.
const Enough = 50

// Figures are what the public may know of how messages fare. Zero values are
// not known, or of too few.
type Figures struct {
	Day    time.Time     // until when they are, exclusively
	Ended  int           // deliveries of 90 days that came to an end
	Share  float64       // of these, collected online
	Median time.Duration // from sending to receiving online
}

// Reckon computes the figures of today, once a day; test deliveries do not count.
// It reads 90 days of deliveries, so no page asks for it.
func (s *Service) Reckon(ctx context.Context) error {
	now := s.Now().UTC()
	today := now.Truncate(24 * time.Hour)
	var done bool
	if err := s.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM public_figure WHERE day = $1)`, today).Scan(&done); err != nil || done {
		return err
	}
	_, err := s.Pool.Exec(ctx, sqlReckon, today, firstID(today.AddDate(0, 0, -levelDays)), firstID(today), now)
	return err
}

// firstID is the least id of a time: ids begin with their milliseconds.
//
// RFC 9562 §5.7
func firstID(t time.Time) string {
	var u uuid.UUID
	ms := t.UnixMilli()
	for i := range 6 {
		u[i] = byte(ms >> (8 * (5 - i)))
	}
	return u.String()
}

const sqlReckon = `
INSERT INTO public_figure (day, ended, collected, median_seconds, reckoned_at)
SELECT $1, count(*), count(*) FILTER (WHERE d.state = 'handed_over'),
       percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM d.handed_over_at - m.submitted_at)::integer) FILTER (WHERE d.state = 'handed_over'), $4
  FROM delivery d JOIN message m ON m.id = d.message_id
 WHERE d.id >= $2 AND d.id < $3 AND NOT d.test
   AND d.state IN ('handed_over', 'rejected', 'expired', 'posted', 'delivered_by_post', 'returned')
ON CONFLICT DO NOTHING`

// Figures returns the newest figures that are public.
func (s *Service) Figures(ctx context.Context) (f Figures, err error) {
	var collected int
	var median *int
	err = s.Pool.QueryRow(ctx, `SELECT day, ended, collected, median_seconds FROM public_figure ORDER BY day DESC LIMIT 1`).
		Scan(&f.Day, &f.Ended, &collected, &median)
	if errors.Is(err, pgx.ErrNoRows) {
		return Figures{}, nil
	}
	if err != nil {
		return Figures{}, err
	}
	f.Day = f.Day.UTC()
	if f.Ended < Enough {
		f.Ended = 0
		return f, nil
	}
	f.Share = float64(collected) / float64(f.Ended)
	if collected >= Enough && median != nil {
		f.Median = time.Duration(*median) * time.Second
	}
	return f, nil
}
