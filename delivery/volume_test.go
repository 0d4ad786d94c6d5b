package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/ledger"
)

// volume is how many deliveries an account has in TestHotStatements.
const volume = 50_000

// touched bounds the rows that one step of a hot statement reads, whatever there
// is: what a page looks at and what an overview counts are the most.
const touched = 4 * delivery.LookSome

// TestHotStatements listens to every statement that the service makes for a
// request, a sweep or a job, in an account with 50 000 deliveries, and lets the
// database explain it: no table that grows is read from end to end, and nothing
// reads or sorts more rows than a page looks at.
func TestHotStatements(t *testing.T) {
	t.Parallel()
	r := charging(t, 10_000_000)
	d := r.notified(func(s *delivery.Submission) { s.Reference, s.CostCentre = "r0", "c0" })
	r.deepen(d)
	r.fill(d, volume)
	e := &ear{}
	r.listen(e)
	hot := r.hot(d)
	for _, name := range slices.Sorted(maps.Keys(hot)) {
		e.asks(name)
		if err := hot[name](); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	grown := r.grown()
	for _, table := range []string{"message", "delivery", "erds_event", "evidence", "deadline", "notice", "charge", "document", "idempotency"} {
		if !slices.Contains(grown, table) {
			t.Errorf("table %s has not grown", table)
		}
	}
	if len(e.heard) < 60 {
		t.Errorf("only %d statements were heard", len(e.heard))
	}
	used := map[string]bool{}
	for _, s := range e.heard {
		if fault := r.tooMuch(s, grown, used); fault != "" {
			t.Errorf("%s: %s: %s", s.by, fault, s.sql)
		}
	}
	for _, index := range r.indexes(grown) {
		if unasked[index] == "" && !used[index] {
			t.Errorf("index %s is used by no hot statement, and nobody says what it is for", index)
		}
	}
}

// TestHotStatementsFound: the judgement of TestHotStatements sees what it is there
// to see.
func TestHotStatementsFound(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	r.deepen(d)
	r.fill(d, 12_000)
	grown := r.grown()
	for sql, fault := range map[string]string{
		`SELECT id FROM delivery WHERE handed_over_at > now() LIMIT 5`:                     "reads delivery from end to end",
		`SELECT count(*) FROM message WHERE account_id = '` + r.account + `' AND NOT test`: "reads",
		`SELECT id FROM notice ORDER BY closed_at, id LIMIT 5`:                             "reads",
		`UPDATE delivery SET position = 1 WHERE notified_at < now()`:                       "reads delivery from end to end",
		`SELECT id FROM delivery WHERE id = '` + string(d.ID) + `'`:                        "",
		`SELECT id FROM delivery ORDER BY id LIMIT 50`:                                     "",
	} {
		if got := r.tooMuch(statement{sql: sql}, grown, map[string]bool{}); fault == "" && got != "" || !strings.Contains(got, fault) {
			t.Errorf("%s: %q, want %q", sql, got, fault)
		}
	}
}

// hot is what happens often: what requests, sweeps and jobs ask for.
func (r *rig) hot(d delivery.Delivery) map[string]func() error {
	ctx, by := r.ctx(), r.sender(r.account)
	only := func(_ any, err error) error { return err }
	two := func(_, _ any, err error) error { return err }
	me := r.holder(r.an(), "an0@example.be", "+32470000555")
	hot := map[string]func() error{
		"message":    func() error { return only(r.Message(ctx, r.account, d.Message.ID)) },
		"messages":   func() error { return only(r.Messages(ctx, r.account, false, "", 100)) },
		"delivery":   func() error { return only(r.Delivery(ctx, r.account, d.ID)) },
		"deliveries": func() error { return only(r.Deliveries(ctx, r.account, d.Message.ID, 0, 100)) },
		"timeline":   func() error { return only(r.Events(ctx, r.account, d.ID)) },
		"overview":   func() error { return only(r.Overview(ctx, r.account, false)) },
		"inbox":      func() error { return two(r.Inbox(ctx, me, "", 50)) },
		"feed":       func() error { return only(r.Pull(ctx, delivery.FeedQuery{Account: r.account, Limit: 100})) },
		"feed of tests": func() error {
			return only(r.Pull(ctx, delivery.FeedQuery{Account: r.account, Test: true, Limit: 100}))
		},
		"feed of rare events": func() error {
			return only(r.Pull(ctx, delivery.FeedQuery{Account: r.account, Names: []evidence.Name{evidence.ConsignmentRejection}, Limit: 100}))
		},
		"submit": func() error {
			return two(r.Submit(ctx, by, submission(2), delivery.Once{Key: "k", Digest: make([]byte, 32)}))
		},
		"deadlines": func() error { return only(r.Sweep(ctx, 200)) },
		"retention": func() error { return only(r.Retain(ctx, 200)) },
		"lost work": func() error { return only(r.Requeue(ctx, 500)) },
		"credit":    func() error { return only(r.SettleLeft(ctx, 100)) },
		"letters":   func() error { return only(r.SilentLetters(ctx, 50)) },
		"whole removal": func() error { // the last
			r.exec(`UPDATE message SET purged_at = retain_until WHERE id = $1`, string(d.Message.ID))
			return only(r.Retain(ctx, 1))
		},
	}
	for _, f := range []delivery.Find{{}, {Status: delivery.StatusWaiting}, {Status: delivery.StatusSoon}, {Status: delivery.StatusUnreached}, {Reference: "r7"},
		{CostCentre: "c3"}, {Number: "N7"}, {Recipient: "janssens"}, {Recipient: "f77"}, {Recipient: "an7@"}} {
		hot[fmt.Sprintf("list of %+v", f)] = func() error {
			return errors.Join(only(r.FindDeliveries(ctx, r.account, f, delivery.Place{}, 50)), only(r.FindMessages(ctx, r.account, f, delivery.Place{}, 50)))
		}
	}
	return hot
}

// listen lets the service, and all it is made of, work on connections to which e
// listens.
func (r *rig) listen(e *ear) {
	r.t.Helper()
	cfg := r.pool.Config()
	cfg.ConnConfig.Tracer = e
	pool, err := pgxpool.NewWithConfig(r.ctx(), cfg)
	r.must(err)
	r.t.Cleanup(pool.Close)
	jobs, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
	r.must(err)
	book, err := ledger.New(ledger.Config{Pool: pool, Outbox: jobs, Issuer: evidencetest.Issuer(), Now: r.clock.now})
	r.must(err)
	r.Service = r.service(func(c *delivery.Config) {
		c.Pool, c.Journal, c.Outbox, c.Prices, c.Operators = pool, book, jobs, r.Prices, r.people
	})
}

// statement is what the service asked of the database.
type statement struct {
	by, sql string
	args    []any
}

// ear hears statements; of each text the first two.
type ear struct {
	mu    sync.Mutex
	by    string // guarded by mu, as is heard
	heard []statement
}

func (e *ear) asks(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.by = name
}

var spoken = regexp.MustCompile(`(?is)^\s*(--[^\n]*\n\s*)*(SELECT|WITH|\(|INSERT|UPDATE|DELETE)`)

func (e *ear) hear(sql string, args []any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, s := range e.heard {
		if s.sql == sql {
			n++
		}
	}
	if n < 2 && spoken.MatchString(sql) {
		e.heard = append(e.heard, statement{e.by, sql, args})
	}
}

// TraceQueryStart implements pgx.QueryTracer.
func (e *ear) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	e.hear(data.SQL, data.Args)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (*ear) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer.
func (e *ear) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	for _, q := range data.Batch.QueuedQueries {
		e.hear(q.SQL, q.Arguments)
	}
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (*ear) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (*ear) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// planned is what matters of a step of a plan, as EXPLAIN gives it.
type planned struct {
	Node    string    `json:"Node Type"`
	Table   string    `json:"Relation Name"`
	Index   string    `json:"Index Name"`
	Planned float64   `json:"Plan Rows"`
	Rows    float64   `json:"Actual Rows"`
	Loops   float64   `json:"Actual Loops"`
	Removed float64   `json:"Rows Removed by Filter"`
	Recheck float64   `json:"Rows Removed by Index Recheck"`
	Plans   []planned `json:"Plans"`
}

// tooMuch says why a statement would take longer where there is more. Reads are
// carried out; what would change something is only planned. The indexes of the plan
// are marked as used.
func (r *rig) tooMuch(s statement, grown []string, used map[string]bool) (fault string) {
	r.t.Helper()
	reads := !regexp.MustCompile(`(?i)\b(INSERT INTO|UPDATE \w|DELETE FROM)\b`).MatchString(s.sql)
	how := "EXPLAIN (FORMAT JSON) "
	if reads {
		how = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "
	}
	tx, err := r.pool.Begin(r.ctx())
	r.must(err)
	defer func() { r.must(tx.Rollback(r.ctx())) }()
	var text []byte
	if err := tx.QueryRow(r.ctx(), how+s.sql, s.args...).Scan(&text); err != nil {
		return "not explained: " + err.Error()
	}
	var plans []struct{ Plan planned }
	r.must(json.Unmarshal(text, &plans))
	var look func(p planned)
	look = func(p planned) {
		rows := p.Planned
		used[p.Index] = true
		if reads {
			rows = (p.Rows + p.Removed + p.Recheck) * p.Loops
		}
		switch {
		case p.Node == "Seq Scan" && slices.Contains(grown, p.Table) && (!reads || p.Loops > 0):
			fault = fmt.Sprintf("reads %s from end to end", p.Table)
		case rows > touched && fault == "":
			fault = fmt.Sprintf("%s %s reads %.0f rows", p.Node, p.Table, rows)
		}
		for _, below := range p.Plans {
			look(below)
		}
	}
	look(plans[0].Plan)
	return fault
}
