package delivery

import (
	"context"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
)

// MaxCount is how far a list is counted: a larger one is "more than" that many,
// which costs the same however much more.
const MaxCount = 1000

// Count is how many there are. More: at least one more than N, which is MaxCount.
type Count struct {
	N    int
	More bool
}

func (c Count) plus(n int) Count {
	if n += c.N; c.More || n > MaxCount {
		return Count{MaxCount, true}
	}
	return Count{N: n}
}

// Overview is how the deliveries of an account stand.
type Overview struct {
	Any       bool             // something was sent
	Counts    map[Status]Count // of Looked
	Days      []DayCollected   // the last OverviewDays, oldest first, today last
	Collected int              // in these days
	// Median is how long half of those that were collected in these days took at
	// most, from telling the recipient; within 9 %, zero when there were none.
	Median time.Duration
	// Proposals are better addresses that wait for the sender's answer, oldest
	// first, at most MaxProposed of them.
	Proposals []Proposal
}

// DayCollected is how many deliveries were collected on a day.
type DayCollected struct {
	Day Date
	N   int
}

// Looked lists the statuses that an overview counts: those on which somebody may
// have to act.
var Looked = []Status{StatusWaiting, StatusSoon, StatusUnreached, StatusOnPaper, StatusRefused, StatusReturned}

// Bounds of an Overview.
const (
	OverviewDays = 30
	MaxProposed  = 10
)

// The order makes sure that what is counted is found by its index: elsewhere a
// bound seems to make it cheap to look at everything.
const sqlCounts = `
SELECT s.state, (SELECT count(*) FROM (SELECT FROM delivery d WHERE d.account_id = $1 AND d.test = $2 AND d.state = s.state
	ORDER BY d.message_id, d.position LIMIT 1001) x) FROM unnest($3::text[]) AS s (state)
UNION ALL
SELECT 'soon', count(*) FROM (SELECT FROM delivery WHERE account_id = $1 AND test = $2 AND state = 'notified' AND respond_by < $4
	ORDER BY respond_by LIMIT 1001) x
UNION ALL
SELECT 'unreached', count(*) FROM (SELECT FROM delivery WHERE account_id = $1 AND test = $2 AND email = 'failed' AND sms = 'failed'
	AND state IN ('submitted', 'notified', 'expired') ORDER BY message_id, position LIMIT 1001) x`

const sqlCollectedDays = `SELECT day, took, n FROM collected_day WHERE account_id = $1 AND test = $2 AND day > $3 AND day <= $4`

const sqlProposalsWaiting = ` WHERE account_id = $1 AND test = $2 AND proven_at IS NOT NULL AND decided_at IS NULL
   AND EXISTS (SELECT FROM delivery d WHERE d.id = delivery_id AND d.state = 'notified') ORDER BY delivery_id LIMIT $3`

// Overview says how the live or the test deliveries of an account stand.
func (s *Service) Overview(ctx context.Context, account string, test bool) (Overview, error) {
	var aheadUS int64
	if err := s.Pool.QueryRow(ctx, sqlTestClock, account, test).Scan(&aheadUS); err != nil {
		return Overview{}, err
	}
	now := s.Now().Add(time.Duration(aheadUS) * time.Microsecond)
	o := Overview{Counts: map[Status]Count{}}
	if err := s.count(ctx, account, test, now, &o); err != nil {
		return Overview{}, err
	}
	if err := s.collected(ctx, account, test, DateOf(now, s.Zone), &o); err != nil {
		return Overview{}, err
	}
	rows, err := s.Pool.Query(ctx, sqlProposal+sqlProposalsWaiting, account, test, MaxProposed)
	if err != nil {
		return Overview{}, err
	}
	o.Proposals, err = pgx.CollectRows(rows, scanProposal)
	return o, err
}

// count fills in how many deliveries have each status.
func (s *Service) count(ctx context.Context, account string, test bool, now time.Time, o *Overview) error {
	if err := s.Pool.QueryRow(ctx, `SELECT count(*) > 0 FROM (SELECT FROM message WHERE account_id = $1 AND test = $2 ORDER BY id LIMIT 1) x`, account, test).Scan(&o.Any); err != nil {
		return err
	}
	rows, err := s.Pool.Query(ctx, sqlCounts, account, test, []State{Submitted, Notified, Posting, Posted, Rejected, Returned}, now.Add(SoonWithin))
	if err != nil {
		return err
	}
	var name string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&name, &n}, func() error {
		status := State(name).Status()
		if status == "" {
			status = Status(name)
		}
		o.Counts[status] = o.Counts[status].plus(n)
		return nil
	})
	return err
}

// collected fills in what was collected in the days up to today.
func (s *Service) collected(ctx context.Context, account string, test bool, today Date, o *Overview) error {
	place := map[Date]int{}
	for i := range OverviewDays {
		day := today.AddDays(i + 1 - OverviewDays)
		place[day] = i
		o.Days = append(o.Days, DayCollected{Day: day})
	}
	rows, err := s.Pool.Query(ctx, sqlCollectedDays, account, test, today.AddDays(-OverviewDays).noon(), today.noon())
	if err != nil {
		return err
	}
	var took [maxTook + 1]int
	var day time.Time
	var class, n int
	if _, err = pgx.ForEachRow(rows, []any{&day, &class, &n}, func() error {
		o.Days[place[DateOf(day, time.UTC)]].N += n
		took[class] += n
		o.Collected += n
		return nil
	}); err != nil {
		return err
	}
	before := 0
	for class, n := range took {
		if before += n; n > 0 && 2*before >= o.Collected {
			o.Median = tookAbout(class)
			break
		}
	}
	return nil
}

// maxTook is the last class of durations, of a year and more.
const maxTook = 200

// tookClass is the class of a duration: the n-th ends n eighths of a doubling
// after a minute.
func tookClass(d time.Duration) int {
	return min(maxTook, int(math.Ceil(8*math.Log2(max(1, d.Minutes())))))
}

// tookAbout is the middle of a class.
func tookAbout(class int) time.Duration {
	return time.Duration(math.Exp2((float64(class)-.5)/8) * float64(time.Minute))
}

const sqlCountCollected = `
INSERT INTO collected_day (account_id, test, day, took, n) VALUES ($1, $2, $3, $4, 1)
ON CONFLICT (account_id, test, day, took) DO UPDATE SET n = collected_day.n + 1`

// countCollected counts a delivery that was just accepted, in the transaction
// that does it.
func (s *Service) countCollected(ctx context.Context, tx pgx.Tx, d Delivery) error {
	_, err := tx.Exec(ctx, sqlCountCollected, d.Message.Account, d.Message.Test, DateOf(d.DecidedAt, s.Zone).noon(), tookClass(d.DecidedAt.Sub(d.NotifiedAt)))
	return err
}
