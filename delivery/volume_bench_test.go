package delivery_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// months of messages are kept, of which one is over; due is how many messages that is.
const (
	months = 24
	due    = 600
)

// BenchmarkPurge removes a month of two years while four senders go on submitting, in
// turn with times in which they submit alone, and says what is left in the files. Next
// to it stands what no removal is faster than: to drop tables that hold the month.
func BenchmarkPurge(b *testing.B) {
	for range b.N {
		r := newRig(b)
		d, _ := r.consigned()
		r.deepen(d)
		r.fill(d, months*due)
		r.exec(`UPDATE message SET retain_until = CASE WHEN number > '' AND substr(number, 2) ~ '^[0-9]+$' AND substr(number, 2)::int <= ` + fmt.Sprint(due) +
			` THEN submitted_at + interval '1 year' ELSE '2100-01-01' END`)
		r.exec(`VACUUM ANALYZE`)
		dropped := r.dropMonth()
		r.clock.pass(27 * 31 * 24 * time.Hour)
		before := r.room()
		alone, beside := []time.Duration{}, []time.Duration{}
		removed, took := 0, time.Duration(0)
		for {
			began, n := time.Now(), 0
			beside = append(beside, r.pressing(func() {
				var err error
				n, err = r.Retain(r.ctx(), 100)
				r.must(err)
			})...)
			if n == 0 {
				break
			}
			span := time.Since(began)
			removed, took = removed+n, took+span
			alone = append(alone, r.pressing(func() { <-time.After(span) })...)
		}
		if removed != due {
			b.Fatalf("%d messages are gone, want %d", removed, due)
		}
		b.Logf("%d messages went, %.0f a second; submissions alone: %d, p50 %s, p99 %s; beside it: %d, p50 %s, p99 %s", removed, float64(removed)/took.Seconds(),
			len(alone), quantile(alone, 0.5), quantile(alone, 0.99), len(beside), quantile(beside, 0.5), quantile(beside, 0.99))
		r.exec(`VACUUM`)
		b.Logf("on disk: %d KiB before, %d KiB after %d submissions; the same month as tables dropped in %s", before>>10, r.room()>>10, len(alone)+len(beside), dropped)
		b.ReportMetric(float64(removed)/took.Seconds(), "removed/s")
		b.ReportMetric(quantile(beside, 0.99).Seconds()/quantile(alone, 0.99).Seconds(), "p99-ratio")
	}
}

// pressing submits from four senders while do runs, and returns what each submission took.
func (r *rig) pressing(do func()) (all []time.Duration) {
	r.t.Helper()
	var over atomic.Bool
	var mu sync.Mutex
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for !over.Load() {
				began := time.Now()
				if _, _, err := r.Submit(r.ctx(), r.sender(r.account), submission(1), delivery.Once{}); err != nil {
					r.t.Error(err)
					return
				}
				mu.Lock()
				all = append(all, time.Since(began))
				mu.Unlock()
			}
		})
	}
	do()
	over.Store(true)
	senders.Wait()
	return all
}

func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(len(all)-1, int(q*float64(len(all))))].Round(10 * time.Microsecond)
}

// room is what the tables of a delivery and their indexes take on disk.
func (r *rig) room() (octets int64) {
	r.t.Helper()
	r.must(r.pool.QueryRow(r.ctx(), `SELECT sum(pg_total_relation_size(t::regclass))
		FROM unnest(ARRAY['message', 'delivery', 'erds_event', 'evidence', 'deadline', 'notice', 'document', 'idempotency']) t`).Scan(&octets))
	return octets
}

// dropMonth copies the month to tables like those that hold it, and says how long it
// takes to drop them together.
func (r *rig) dropMonth() time.Duration {
	r.t.Helper()
	drop := ""
	for _, t := range []string{"message", "delivery", "erds_event", "evidence", "deadline", "notice", "document"} {
		r.exec(fmt.Sprintf(`CREATE TABLE month_%s (LIKE %[1]s INCLUDING ALL EXCLUDING IDENTITY)`, t))
		r.exec(fmt.Sprintf(`INSERT INTO month_%s SELECT * FROM %[1]s LIMIT %d`, t, due))
		drop += "DROP TABLE month_" + t + ";"
	}
	began := time.Now()
	r.exec(drop)
	return time.Since(began).Round(100 * time.Microsecond)
}

// BenchmarkLife lets deliveries be told, identified, accepted and handed over, and says
// which rows could be written again on their page, without touching an index (HOT).
func BenchmarkLife(b *testing.B) {
	r := newRig(b)
	for range b.N {
		d, c := r.consigned()
		r.read(c, d.Message)
	}
	r.pool.Reset() // a connection that ends hands in what it counted
	r.exec(`SELECT pg_sleep(1)`)
	rows, err := r.pool.Query(r.ctx(), `SELECT relname::text, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE n_tup_upd > 0 ORDER BY n_tup_upd DESC LIMIT 12`)
	r.must(err)
	defer rows.Close()
	for rows.Next() {
		var table string
		var all, hot int
		r.must(rows.Scan(&table, &all, &hot))
		b.Logf("%-20s %5.1f updates of a life, %3d %% on their page", table, float64(all)/float64(b.N), 100*hot/all)
	}
	r.must(rows.Err())
}
