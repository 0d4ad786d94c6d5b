package delivery_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// caughtUp waits until every event is before the horizon of the feed:
// transactions of other tests on the same server hold it back.
func (r *rig) caughtUp() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for r.count(`SELECT count(*) FROM erds_event WHERE tx >= pg_snapshot_xmin(pg_current_snapshot())`) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.t.Fatal("the feed does not catch up")
		}
	}
}

// TestFeedUnderWriters: while many write, some slowly and some in vain, readers
// with and without a filter see every event once and in one order.
func TestFeedUnderWriters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	var rounds atomic.Int64 // of the readers
	done := make(chan struct{})
	var writers, readers sync.WaitGroup
	for range 3 {
		writers.Go(func() {
			for range 15 {
				if _, _, err := r.Submit(r.ctx(), r.sender(r.account), submission(2), delivery.Once{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for w := range 2 { // their transactions stay open while others commit; a third of them ends in vain
		own := r.deliveries(r.submit(1))[0]
		writers.Go(func() {
			for i := range 9 {
				tx, err := r.pool.Begin(r.ctx())
				if err != nil {
					t.Error(err)
					return
				}
				n := notify.Notice{Delivery: string(own.ID), Kind: notify.Announcement, Channel: notify.SMS, To: "+32470000001"}
				a := notify.Attempt{Number: i + 1, RetryAt: r.clock.now(), Result: notify.Result{Outcome: notify.Temporary}}
				if err := r.NoticeAttempted(r.ctx(), tx, n, a); err != nil {
					t.Error(err)
				}
				for until := rounds.Load() + int64(rand.N(6)); rounds.Load() < until; {
					runtime.Gosched() // others go on meanwhile
				}
				end := tx.Commit
				if i%3 == w {
					end = tx.Rollback
				}
				if err := end(r.ctx()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := make([][]string, 2)
	for i, q := range []delivery.FeedQuery{{Account: r.account, Limit: 3}, {Account: r.account, Limit: 7, Names: evidence.Names()}} {
		readers.Go(func() {
			for last := false; ; {
				p, err := r.Pull(r.ctx(), q)
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range p.Events {
					seen[i] = append(seen[i], e.ID)
				}
				q.Cursor = p.Next
				rounds.Add(1)
				if last && len(p.Events) == 0 {
					return
				}
				select {
				case <-done:
					last = true
				default:
				}
			}
		})
	}
	writers.Wait()
	r.caughtUp()
	close(done)
	readers.Wait()
	for i, list := range seen {
		r.exactly(list, i)
	}
	if d.State != delivery.Notified {
		t.Errorf("%s", d.State)
	}
}

// exactly holds what a reader saw against what is recorded, in the order of
// transactions.
func (r *rig) exactly(list []string, reader int) {
	r.t.Helper()
	rows, err := r.pool.Query(r.ctx(), `SELECT id::text FROM erds_event ORDER BY tx, id`)
	r.must(err)
	want, err := pgx.CollectRows(rows, pgx.RowTo[string])
	r.must(err)
	if len(list) != len(want) {
		r.t.Fatalf("reader %d: %d events seen, %d recorded", reader, len(list), len(want))
	}
	for i := range want {
		if list[i] != want[i] {
			r.t.Fatalf("reader %d: event %d is %s, want %s", reader, i, list[i], want[i])
		}
	}
}

// TestFeedKept: what a removal takes away stays in the feed, without its content,
// until it has been there for 90 days; cursors of before stay good.
func TestFeedKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	short := func(s *delivery.Submission) { s.Policy.RetentionMonths = 1 }
	d := r.notified(short)
	r.clock.pass(time.Hour)
	by := r.sender(r.account).By
	_, err := r.Cancel(r.ctx(), by, d.Message.ID, delivery.Once{})
	r.must(err)
	r.caughtUp()
	first, err := r.Pull(r.ctx(), delivery.FeedQuery{Account: r.account, Limit: 2})
	r.must(err)
	r.clock.pass(32 * 24 * time.Hour)
	if n, err := r.Retain(r.ctx(), 10); n != 1 || err != nil {
		t.Fatalf("removed %d, %v", n, err)
	}
	later := r.submit(1)
	r.caughtUp()
	rest, err := r.Pull(r.ctx(), delivery.FeedQuery{Account: r.account, Cursor: first.Next, Limit: 10})
	r.must(err)
	if len(rest.Events) != 3 || !rest.Events[0].Removed || rest.Events[0].Name != evidence.NotificationForAcceptance || rest.Events[1].State != delivery.Cancelled ||
		rest.Events[2].Removed || rest.Events[2].Message != string(later.ID) {
		t.Errorf("%+v", rest.Events)
	}
	if e := rest.Events[1]; e.Delivery != string(d.ID) || e.Hash == "" || e.Seq != 4 || e.Subject != "" || len(e.Details) != 0 || e.Recipient.Email != "" {
		t.Errorf("%+v", e)
	}
	narrow, err := r.Pull(r.ctx(), delivery.FeedQuery{Account: r.account, Names: []evidence.Name{evidence.SubmissionCancelled}})
	r.must(err)
	if len(narrow.Events) != 1 {
		t.Errorf("%d withdrawals", len(narrow.Events))
	}
	r.clock.pass(57 * 24 * time.Hour) // 89 days and an hour
	_, err = r.Retain(r.ctx(), 10)
	r.must(err)
	if n := r.count(`SELECT count(*) FROM event_rest`); n != 4 {
		t.Errorf("%d kept after 89 days, want 4", n)
	}
	r.clock.pass(2 * 24 * time.Hour)
	_, err = r.Retain(r.ctx(), 10)
	r.must(err)
	again, err := r.Pull(r.ctx(), delivery.FeedQuery{Account: r.account, Cursor: first.Next, Limit: 10})
	r.must(err)
	if n := r.count(`SELECT count(*) FROM event_rest`); n != 0 || len(again.Events) != 1 {
		t.Errorf("%d kept after 91 days, %d in the feed", n, len(again.Events))
	}
	r.clean()
}

// TestKeysLiveAsLong: the key of a message gives the first answer for as long as
// the message is there, and is free when it is gone.
func TestKeysLiveAsLong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	once := delivery.Once{Key: "k", Digest: make([]byte, 32)}
	m, _, err := r.Submit(r.ctx(), r.sender(r.account), submission(1), once)
	r.must(err)
	_, err = r.Cancel(r.ctx(), r.sender(r.account).By, m.ID, delivery.Once{Key: "c", Digest: make([]byte, 32)})
	r.must(err)
	for _, days := range []int{8, 23, 300, 390} {
		r.clock.pass(time.Duration(days) * 24 * time.Hour)
		_, err := r.Retain(r.ctx(), 10)
		r.must(err)
		again, replayed, err := r.Submit(r.ctx(), r.sender(r.account), submission(1), once)
		if err != nil || !replayed || again.ID != m.ID {
			t.Fatalf("after %d days more: %s, %t, %v", days, again.ID, replayed, err)
		}
	}
	if n := r.count(`SELECT count(*) FROM idempotency WHERE kind <> 'message'`); n != 0 {
		t.Errorf("%d keys of other things after two years", n)
	}
	r.clock.pass(40 * 24 * time.Hour)
	if n, err := r.Retain(r.ctx(), 10); n != 1 || err != nil {
		t.Fatalf("removed %d, %v", n, err)
	}
	if n := r.count(`SELECT count(*) FROM idempotency`); n != 0 {
		t.Errorf("%d keys are left", n)
	}
	if fresh, replayed, err := r.Submit(r.ctx(), r.sender(r.account), submission(1), once); err != nil || replayed || fresh.ID == m.ID {
		t.Errorf("afterwards: %t, %v", replayed, err)
	}
}
