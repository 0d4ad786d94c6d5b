package delivery_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/delivery"
)

// TestSubmitReadsByKey: connections whose first submissions meet tables of one page
// do not read whole tables from then on, the checks of foreign keys included. They
// kept such plans until the next analysis, by when there were thousands of rows.
func TestSubmitReadsByKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 3 {
		r.submit(1)
	}
	r.exec(`ANALYZE`)
	before := r.seqScans()
	young, err := pgxpool.NewWithConfig(t.Context(), r.pool.Config())
	r.must(err)
	defer young.Close()
	s := r.service(func(c *delivery.Config) { c.Pool = young })
	var all sync.WaitGroup
	for i := range 24 { // some alone, some together
		all.Go(func() {
			once := delivery.Once{Key: fmt.Sprint("plan", i), Digest: make([]byte, 32)}
			if _, _, err := s.Submit(t.Context(), r.sender(r.account), submission(1), once); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	young.Close()
	for table, n := range r.seqScans() {
		if n != before[table] {
			t.Errorf("%s was read from end to end %d times", table, n-before[table])
		}
	}
}

// seqScans counts how often each table that grows with deliveries was read from end
// to end. It closes the connections of r, because they tell the server when they end.
func (r *rig) seqScans() map[string]int64 {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx(), time.Minute)
	defer cancel()
	r.pool.Reset()
	c, err := pgx.Connect(ctx, r.pool.Config().ConnString())
	r.must(err)
	defer c.Close(ctx)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for left := 1; left > 0; {
		<-tick.C
		r.must(c.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
			AND backend_type = 'client backend'`).Scan(&left))
	}
	rows, err := c.Query(ctx, `SELECT relname::text, seq_scan FROM pg_stat_user_tables
		WHERE relname IN ('message', 'delivery', 'erds_event', 'document', 'notice', 'idempotency', 'river_job')`)
	r.must(err)
	scans := map[string]int64{}
	var table string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&table, &n}, func() error { scans[table] = n; return nil })
	r.must(err)
	if len(scans) != 7 {
		r.t.Fatalf("counted %v", scans)
	}
	return scans
}
