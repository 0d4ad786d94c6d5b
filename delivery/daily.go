package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// ErrDailyCap says that an account has sent what it may in a day. As *DailyCap.
var ErrDailyCap = errors.New("delivery: account sent as much as it may today")

// DailyCap is ErrDailyCap with the time from which on it may send again.
type DailyCap struct{ Until time.Time }

func (e *DailyCap) Error() string {
	return fmt.Sprintf("%v: until %s", ErrDailyCap, e.Until.UTC().Format(time.RFC3339))
}

// Unwrap makes it an ErrDailyCap.
func (*DailyCap) Unwrap() error { return ErrDailyCap }

// DefaultDaily is how many deliveries an account may send in a day, by kind, where
// no operator said otherwise.
func DefaultDaily() map[identity.Mode]int {
	return map[identity.Mode]int{identity.Test: 100_000, identity.Trial: 50, identity.Live: 1_000_000}
}

// daily is what this process may still send today of what it has taken from the
// database. Taking a hundredth of the cap at a time keeps the row of a busy
// account from being written for each message.
type daily struct {
	mu   sync.Mutex
	left map[dailyKey]int // guarded by mu
}

type dailyKey struct {
	account string
	mode    identity.Mode
	day     string
}

// maxReserve bounds what a process takes ahead.
const maxReserve = 1000

// takeDaily takes n deliveries of today's, whole or not at all. Across all
// processes no more than the cap is taken; what a process takes ahead and does not
// use is lost for the day. Errors: *DailyCap.
func (s *Service) takeDaily(ctx context.Context, account string, mode identity.Mode, n int) (back func(), err error) {
	most, ok := s.Daily[mode]
	if !ok {
		return func() {}, nil
	}
	now := s.Now().UTC()
	k := dailyKey{account, mode, now.Format(time.DateOnly)}
	if !s.daily.use(k, n) {
		if err := s.takeAhead(ctx, k, n, most); errors.Is(err, pgx.ErrNoRows) {
			return nil, &DailyCap{Until: time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, time.UTC)}
		} else if err != nil {
			return nil, fmt.Errorf("delivery: daily cap: %w", err)
		}
	}
	return func() { s.daily.add(k, n) }, nil
}

// takeAhead takes n for the caller and some more for those who follow, or exactly n
// when there is no room for more. Errors: pgx.ErrNoRows when there is none for n.
func (s *Service) takeAhead(ctx context.Context, k dailyKey, n, most int) error {
	ahead := min(most/100, maxReserve)
	for _, want := range []int{n + ahead, n} {
		var used int
		err := s.Pool.QueryRow(ctx, sqlTakeDaily, k.account, k.mode, k.day, want, most).Scan(&used)
		if err == nil {
			s.daily.add(k, want-n)
			return nil
		}
		if !errors.Is(err, pgx.ErrNoRows) || ahead == 0 {
			return err
		}
	}
	return pgx.ErrNoRows
}

const sqlTakeDaily = `
WITH cap AS (SELECT coalesce((SELECT per_day FROM daily_cap WHERE account_id = $1 AND mode = $2), $5::integer) AS most)
INSERT INTO daily_use AS u (account_id, mode, day, used) SELECT $1, $2, $3::date, $4::integer FROM cap WHERE $4 <= cap.most
ON CONFLICT (account_id, mode, day) DO UPDATE SET used = u.used + $4 WHERE u.used + $4 <= (SELECT most FROM cap)
RETURNING used`

// use takes n of what is left here.
func (d *daily) use(k dailyKey, n int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left[k] < n {
		return false
	}
	d.left[k] -= n
	return true
}

// add puts n back, and forgets other days.
func (d *daily) add(k dailyKey, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for old := range d.left {
		if old.day != k.day && len(d.left) > 1000 {
			delete(d.left, old)
		}
	}
	if d.left == nil {
		d.left = map[dailyKey]int{}
	}
	d.left[k] += n
}

// DailyUse is what an account sent today of one kind, and may.
type DailyUse struct {
	Mode   identity.Mode
	Used   int64 // given to processes to send
	PerDay int64
	Own    bool // an operator said so
	SetBy  string
}

// DailyUses says for each kind what an account sent today, and may.
func (s *Service) DailyUses(ctx context.Context, account string) ([]DailyUse, error) {
	var list []DailyUse
	for _, mode := range identity.Modes() {
		most, ok := s.Daily[mode]
		if !ok {
			continue
		}
		u := DailyUse{Mode: mode, PerDay: int64(most)}
		err := s.Pool.QueryRow(ctx, `
SELECT coalesce((SELECT used FROM daily_use WHERE account_id = $1 AND mode = $2 AND day = $3::date), 0),
       coalesce((SELECT per_day FROM daily_cap WHERE account_id = $1 AND mode = $2), $4::integer),
       coalesce((SELECT set_by FROM daily_cap WHERE account_id = $1 AND mode = $2), '')`,
			account, mode, s.Now().UTC().Format(time.DateOnly), most).Scan(&u.Used, &u.PerDay, &u.SetBy)
		if err != nil {
			return nil, fmt.Errorf("delivery: daily use: %w", err)
		}
		u.Own = u.SetBy != ""
		list = append(list, u)
	}
	return list, nil
}

// SetDailyCap lets an account send another number of deliveries in a day, in the
// caller's transaction, which says why. by names who decided. Errors: FieldErrors.
func (s *Service) SetDailyCap(ctx context.Context, tx pgx.Tx, account string, mode identity.Mode, perDay int, by string) error {
	if _, ok := DefaultDaily()[mode]; !ok {
		return FieldErrors{{Pointer: "/mode", Code: "malformed"}}
	}
	if perDay < 1 || perDay > 100_000_000 {
		return FieldErrors{{Pointer: "/per_day", Code: "malformed"}}
	}
	_, err := tx.Exec(ctx, `
INSERT INTO daily_cap (account_id, mode, per_day, set_by, set_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (account_id, mode) DO UPDATE SET per_day = excluded.per_day, set_by = excluded.set_by, set_at = excluded.set_at`,
		account, mode, perDay, by, s.Now())
	if err != nil {
		return fmt.Errorf("delivery: daily cap: %w", err)
	}
	return nil
}

// dailyKept is how long numbers of past days are kept.
const dailyKept = 400 * 24 * time.Hour

// ForgetDaily removes numbers of days long past.
func (s *Service) ForgetDaily(ctx context.Context) error {
	_, err := s.Pool.Exec(ctx, `DELETE FROM daily_use WHERE day < $1::date`, s.Now().Add(-dailyKept).UTC().Format(time.DateOnly))
	return err
}
