package notify_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/migrations/pgtest"
	"github.com/bode-erds/bode/notify"
)

// rig is a service and a worker on a real database and a real queue, with a
// clock, a source and a sink that the test holds in its hands.
type rig struct {
	t       *testing.T
	pool    *pgxpool.Pool
	service *notify.Service
	client  *river.Client[pgx.Tx]
	clock   *clock
	source  *source
	sink    *sink
	account string
}

// clock runs, and can be pushed ahead, for all or for one account.
type clock struct {
	ahead    atomic.Int64
	accounts sync.Map
}

func (c *clock) now(account string) time.Time {
	now := time.Now().Add(time.Duration(c.ahead.Load()))
	if own, ok := c.accounts.Load(account); ok {
		now = now.Add(own.(time.Duration))
	}
	return now
}

// source answers with complete facts unless told otherwise.
type source struct {
	mu     sync.Mutex
	answer func(notify.Notice) (notify.Facts, error)
}

func (s *source) NoticeFacts(_ context.Context, n notify.Notice) (notify.Facts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer != nil {
		return s.answer(n)
	}
	f := factsOf(n.Kind)
	f.Deadline = time.Now().Add(400 * 24 * time.Hour)
	return f, nil
}

// sink writes what it is told into a table, in the transaction it is given, and
// can fail.
type sink struct{ failures atomic.Int32 }

var errSink = errors.New("the delivery is busy")

func (s *sink) NoticeAttempted(ctx context.Context, tx pgx.Tx, n notify.Notice, a notify.Attempt) error {
	var retry *time.Time
	if !a.RetryAt.IsZero() {
		retry = &a.RetryAt
	}
	_, err := tx.Exec(ctx, `INSERT INTO told VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		n.ID, a.Number, a.Result.Outcome, a.Result.InDoubt, a.Result.Reply, a.StartedAt, a.EndedAt, retry, a.Digest)
	if err == nil && s.failures.Add(-1) >= 0 {
		return errSink
	}
	return err
}

// told is a row of the sink's table.
type told struct {
	Number    int
	Outcome   notify.Outcome
	InDoubt   bool
	Reply     string
	StartedAt time.Time
	EndedAt   time.Time
	RetryAt   *time.Time
	Digest    string
}

func newRig(t *testing.T, transports map[notify.Channel]notify.Transport, change ...func(*notify.WorkerConfig)) *rig {
	t.Helper()
	r := &rig{t: t, pool: pgtest.New(t), clock: &clock{}, source: &source{}, sink: &sink{}, account: uuid.NewString()}
	r.exec(`CREATE TABLE told (notice uuid, number integer, outcome text, in_doubt boolean, reply text,
		started_at timestamptz, ended_at timestamptz, retry_at timestamptz, digest text, PRIMARY KEY (notice, number))`)
	r.service, r.client = queue(t, r.pool, r.clock, r.source, r.sink, transports, change...)
	if err := r.client.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.client.StopAndCancel(ctx); err != nil {
			t.Error(err)
		}
	})
	return r
}

// queue wires a service and a worker as a program does.
func queue(t *testing.T, pool *pgxpool.Pool, c *clock, so notify.Source, si notify.Sink, transports map[notify.Channel]notify.Transport, change ...func(*notify.WorkerConfig)) (*notify.Service, *river.Client[pgx.Tx]) {
	t.Helper()
	service, err := notify.New(notify.Config{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	cfg := notify.WorkerConfig{Pool: pool, Source: so, Sink: si, Transports: transports, Now: c.now, Timeout: 20 * time.Second}
	for _, do := range change {
		do(&cfg)
	}
	worker, err := notify.NewWorker(cfg)
	if err != nil {
		t.Fatal(err)
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, worker)
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues: map[string]river.QueueConfig{notify.Queue: {MaxWorkers: 4}}, Workers: workers, Logger: slog.New(slog.DiscardHandler),
		FetchCooldown: 5 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	service.UseJobs(client)
	return service, client
}

func (r *rig) exec(sql string, args ...any) {
	r.t.Helper()
	if _, err := r.pool.Exec(context.Background(), sql, args...); err != nil {
		r.t.Fatal(err)
	}
}

// notice is an announcement by mail unless changed.
func (r *rig) notice(to string, change ...func(*notify.Notice)) notify.Notice {
	r.t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		r.t.Fatal(err)
	}
	n := notify.Notice{ID: id.String(), Account: r.account, Delivery: uuid.NewString(), Kind: notify.Announcement, Channel: notify.Email, To: to, Language: "nl"}
	if strings.HasPrefix(to, "+") {
		n.Channel = notify.SMS
	}
	for _, c := range change {
		c(&n)
	}
	return n
}

func (r *rig) enqueue(notices ...notify.Notice) {
	r.t.Helper()
	err := pgx.BeginFunc(context.Background(), r.pool, func(tx pgx.Tx) error {
		return r.service.Enqueue(context.Background(), tx, notices...)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// told waits until the sink heard of n attempts of the notice.
func (r *rig) told(id string, n int) []told {
	r.t.Helper()
	var rows []told
	r.until("attempts told", func(ctx context.Context) bool {
		found, err := r.pool.Query(ctx, `SELECT number, outcome, in_doubt, reply, started_at, ended_at, retry_at, digest FROM told WHERE notice = $1 ORDER BY number`, id)
		if err != nil {
			r.t.Fatal(err)
		}
		if rows, err = pgx.CollectRows(found, pgx.RowToStructByName[told]); err != nil {
			r.t.Fatal(err)
		}
		return len(rows) >= n
	})
	return rows
}

// closed waits until the notice is closed and returns its outcome.
func (r *rig) closed(id string) (outcome string) {
	r.t.Helper()
	r.until("notice closed", func(ctx context.Context) bool {
		if err := r.pool.QueryRow(ctx, `SELECT coalesce(outcome, '') FROM notice WHERE id = $1`, id).Scan(&outcome); err != nil {
			r.t.Fatal(err)
		}
		return outcome != ""
	})
	return outcome
}

// idle waits until the queue has nothing to do now.
func (r *rig) idle() {
	r.t.Helper()
	r.until("queue idle", func(ctx context.Context) bool { return r.jobs(ctx, "available", "running") == 0 })
}

func (r *rig) jobs(ctx context.Context, states ...string) (n int) {
	r.t.Helper()
	if err := r.pool.QueryRow(ctx, `SELECT count(*) FROM river_job WHERE state::text = ANY($1)`, states).Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// pass lets d go by: the clock, and what the queue kept for later.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	r.clock.ahead.Add(int64(d))
	r.exec(`UPDATE river_job SET state = 'available', scheduled_at = now() - interval '1 second' WHERE state IN ('scheduled', 'retryable')`)
}

func (r *rig) until(what string, done func(context.Context) bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// scripted is a transport that gives the results it was told to, the last one
// for ever, and keeps what it was given.
type scripted struct {
	mu      sync.Mutex
	results []notify.Result
	got     []notify.Message
}

func (s *scripted) Deliver(_ context.Context, m notify.Message) (notify.Result, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, m)
	r := s.results[min(len(s.got), len(s.results))-1]
	return r, strings.Repeat("a", 64)
}

func (s *scripted) messages() []notify.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]notify.Message(nil), s.got...)
}

func byMail(t notify.Transport) map[notify.Channel]notify.Transport {
	return map[notify.Channel]notify.Transport{notify.Email: t}
}
