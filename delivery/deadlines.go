package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// due names one deadline that has been reached.
type due struct {
	delivery ID
	kind     DeadlineKind
	at       time.Time
}

const sqlDue = `SELECT delivery_id, kind, due_at FROM deadline
 WHERE done_at IS NULL AND NOT test AND due_at <= $1 ORDER BY due_at LIMIT $2`

// Sweep does what is due, oldest first, at most limit of it, and returns how
// much was done. Any number of processes may sweep at once: a deadline is done
// by whoever locks its delivery first. One that fails is logged and left.
func (s *Service) Sweep(ctx context.Context, limit int) (done int, err error) {
	rows, err := s.Pool.Query(ctx, sqlDue, s.Now(), limit)
	if err != nil {
		return 0, err
	}
	list, err := pgx.CollectRows(rows, scanDue)
	if err != nil {
		return 0, err
	}
	for _, x := range list {
		if err := s.meet(ctx, x); err != nil {
			if ctx.Err() != nil {
				return done, ctx.Err()
			}
			s.Log.ErrorContext(ctx, "deadline failed", "delivery", string(x.delivery), "kind", string(x.kind), "err", err)
			continue
		}
		done++
	}
	return done, nil
}

func scanDue(row pgx.CollectableRow) (x due, err error) {
	err = row.Scan(&x.delivery, &x.kind, &x.at)
	return x, err
}

// meet does what one deadline asks for.
func (s *Service) meet(ctx context.Context, x due) error {
	switch x.kind {
	case Expiry:
	case Rehearsal:
		return s.rehearse(ctx, x)
	default:
		return s.remind(ctx, x)
	}
	_, err := s.move(ctx, x.delivery, Delivery.Expire)
	if errors.Is(err, ErrNotOpen) { // decided in time: only the row is left
		_, err = s.Pool.Exec(ctx, sqlSettleDecided, string(x.delivery), x.kind, x.at)
	}
	return err
}

// sqlSettleDecided leaves the end of a window that still runs: the clock of
// this process may have been set back since it looked.
const sqlSettleDecided = `
UPDATE deadline SET done_at = $3 WHERE delivery_id = $1 AND kind = $2 AND done_at IS NULL
   AND EXISTS (SELECT FROM delivery WHERE id = $1 AND state NOT IN ('submitted', 'notified'))`

// remind tells a recipient who has not decided once more, on both channels. The
// reminder leaves its events when it is attempted.
func (s *Service) remind(ctx context.Context, x due) error {
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		d, ahead, err := lock(ctx, tx, x.delivery)
		if err != nil {
			return err
		}
		at, err := s.clock(ahead, d.LastAt)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sqlSettle, []string{string(x.delivery)}, []string{string(x.kind)}, []time.Time{at})
		if err != nil || tag.RowsAffected() == 0 || !d.Open(at) {
			return err // somebody else did it, or nobody needs it any more
		}
		var notices []notify.Notice
		for ch, reach := range map[notify.Channel]Reach{notify.Email: d.Email, notify.SMS: d.SMS} {
			if reach == ReachFailed {
				continue
			}
			n := d.tell(notify.Reminder, ch)
			n.ID, n.Ref = evidence.NewID(), string(x.kind)
			notices = append(notices, n)
		}
		return s.Notices.Enqueue(ctx, tx, notices...)
	})
}

// MaxAdvance bounds one step of a test clock, and MaxAhead all of them.
const (
	MaxAdvance = 1200 * 24 * time.Hour
	MaxAhead   = 5000 * 24 * time.Hour
)

const sqlNextTest = `
SELECT delivery_id, kind, due_at FROM deadline
 WHERE account_id = $1 AND test AND done_at IS NULL AND due_at <= $2 ORDER BY due_at, delivery_id LIMIT 1`

// Advance moves the clock of an account's test deliveries and does everything
// that becomes due on the way, in order, each at its own time. It returns the
// new time. What jobs follow run as usual. The same Once does not move it again,
// but gives the time as it is. Errors: FieldErrors, ErrKeyReused.
func (s *Service) Advance(ctx context.Context, account string, by time.Duration, once Once) (now time.Time, replayed bool, err error) {
	var c checker
	if by < 0 || by > MaxAdvance {
		c.fault("/by", "duration", "max", "P1200D")
		return time.Time{}, false, c.faults
	}
	ahead, err := s.ahead(ctx, account)
	if err != nil {
		return time.Time{}, false, err
	}
	if ahead+by > MaxAhead {
		c.fault("/by", "duration", "max", (MaxAhead - ahead).Truncate(time.Hour).String())
		return time.Time{}, false, c.faults
	}
	was, err := s.remember(ctx, account, "advance", once, ID(evidence.NewID()))
	if err != nil || was != "" {
		return s.Now().Add(ahead).UTC(), was != "", err
	}
	now, err = s.advance(ctx, account, ahead, by)
	return now, false, err
}

func (s *Service) advance(ctx context.Context, account string, ahead, by time.Duration) (time.Time, error) {
	target := s.Now().Add(ahead + by)
	for {
		x, err := s.nextTest(ctx, account, target)
		until := target
		if err == nil {
			until = x.at
		}
		if sent, err := s.sendTestDrafts(ctx, account, until); err != nil {
			return time.Time{}, err
		} else if sent {
			continue
		}
		if errors.Is(err, pgx.ErrNoRows) {
			break
		}
		if err != nil {
			return time.Time{}, err
		}
		if err := s.setAhead(ctx, account, x.at.Sub(s.Now())); err != nil {
			return time.Time{}, err
		}
		if err := s.meet(ctx, x); err != nil {
			return time.Time{}, err
		}
		if err := s.postRehearsed(ctx, x); err != nil {
			return time.Time{}, err
		}
	}
	if err := s.setAhead(ctx, account, target.Sub(s.Now())); err != nil {
		return time.Time{}, err
	}
	if _, err := s.purgeDue(ctx, account, target, 1000); err != nil {
		return time.Time{}, err
	}
	if err := s.dropContents(ctx, account, target, 1000); err != nil {
		return time.Time{}, err
	}
	return target.UTC(), nil
}

func (s *Service) nextTest(ctx context.Context, account string, target time.Time) (due, error) {
	rows, err := s.Pool.Query(ctx, sqlNextTest, account, target)
	if err != nil {
		return due{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanDue)
}

func (s *Service) ahead(ctx context.Context, account string) (time.Duration, error) {
	var us int64
	err := s.Pool.QueryRow(ctx, sqlTestClock, account, true).Scan(&us)
	return time.Duration(us) * time.Microsecond, err
}

// setAhead moves a test clock; it never goes back. A microsecond is added so
// that what is due at an instant is due after rounding.
func (s *Service) setAhead(ctx context.Context, account string, ahead time.Duration) error {
	_, err := s.Pool.Exec(ctx, `INSERT INTO test_clock (account_id, ahead_us) VALUES ($1, $2)
		ON CONFLICT (account_id) DO UPDATE SET ahead_us = greatest(test_clock.ahead_us, excluded.ahead_us)`,
		account, max(0, ahead.Microseconds()+1))
	return err
}
