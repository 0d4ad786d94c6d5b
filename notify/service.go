package notify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Queue is the job queue that carries notices; a process that sends them works
// it with a Worker.
const Queue = "notify"

// SendArgs is the job that sends notices. It carries their ids and nothing else.
type SendArgs struct {
	NoticeID  string   `json:"notice_id,omitempty"`  // of a job for one
	NoticeIDs []string `json:"notice_ids,omitempty"` // of a job for several
}

func (a SendArgs) ids() []string {
	if a.NoticeID == "" {
		return a.NoticeIDs
	}
	return append([]string{a.NoticeID}, a.NoticeIDs...)
}

// Kind names the job.
func (SendArgs) Kind() string { return "notify_send" }

// Jobs puts jobs into the caller's transaction; *river.Client[pgx.Tx] does.
type Jobs interface {
	InsertManyTx(ctx context.Context, tx pgx.Tx, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error)
}

// Config of a Service.
type Config struct {
	// Now is the clock of an account; a test account's may be ahead. The empty
	// account is the wall clock. Default: the wall clock for all.
	Now func(account string) time.Time
	// Pool, for a service that takes reports.
	Pool *pgxpool.Pool
	// Sealer keeps reports as they were received. Default: they are not kept.
	Sealer Sealer
	// Suppressions learn from reports. Default: nobody does.
	Suppressions *Suppressions
}

// Service accepts notices, and reports about them. It is separate from [Worker], because deliveries need
// a Service and a Worker needs deliveries. Safe for concurrent use once UseJobs
// was called.
type Service struct {
	now          func(account string) time.Time
	jobs         Jobs
	pool         *pgxpool.Pool
	sealer       Sealer
	suppressions *Suppressions
	listener     Listener
}

var _ Enqueuer = (*Service)(nil)

// New makes a Service. It cannot fail today; the error is there for what a
// configuration may come to hold.
func New(cfg Config) (*Service, error) {
	if cfg.Now == nil {
		cfg.Now = wallClock
	}
	return &Service{now: cfg.Now, pool: cfg.Pool, sealer: cfg.Sealer, suppressions: cfg.Suppressions}, nil
}

func wallClock(string) time.Time { return time.Now() }

// UseJobs gives the service its job queue. The queue's client is built with the
// workers, which come after the service; so this is called once, by the wiring,
// before anything is enqueued.
func (s *Service) UseJobs(j Jobs) { s.jobs = j }

const insertNotices = `
INSERT INTO notice (id, account_id, delivery_id, kind, channel, address, language, ref, created_at, not_before)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[])`

// Enqueue stores the notices and their jobs in tx: they are sent after the
// caller commits, and never if it does not. One statement for the rows and one
// for the jobs, however many there are. Errors: ErrInvalid, ErrNoJobs, or the
// database's; tx is then to be rolled back.
func (s *Service) Enqueue(ctx context.Context, tx pgx.Tx, notices ...Notice) error {
	if len(notices) == 0 {
		return nil
	}
	if s.jobs == nil {
		return ErrNoJobs
	}
	var b pgx.Batch
	jobs, err := s.Queue(&b, notices...)
	if err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("notify: store notices: %w", err)
	}
	if _, err := s.jobs.InsertManyTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("notify: enqueue jobs: %w", err)
	}
	return nil
}

// Queue is Enqueue for a caller that has more to send: it adds to b what stores
// the notices and returns the jobs that send them. The caller sends b and
// enqueues the jobs in one transaction, and rolls it back when either fails.
// Errors: ErrInvalid, and b is then not to be sent.
func (s *Service) Queue(b *pgx.Batch, notices ...Notice) ([]river.InsertManyParams, error) {
	if len(notices) == 0 {
		return nil, nil
	}
	var rows columns
	wall := instant(s.now(""))
	for _, n := range notices {
		if err := n.validate(); err != nil {
			return nil, err
		}
		rows.add(n, instant(s.now(n.Account)), wall)
	}
	b.Queue(insertNotices, rows.args()...)
	return jobsFor(notices), nil
}

// jobsFor are the jobs of notices that are due now: one for each that somebody
// waits for, the others together.
func jobsFor(notices []Notice) []river.InsertManyParams {
	var jobs []river.InsertManyParams
	var ids []string
	for _, n := range notices {
		if n.Kind.Urgent() {
			jobs = append(jobs, river.InsertManyParams{Args: SendArgs{NoticeID: n.ID}, InsertOpts: jobOpts(n.Kind, time.Time{})})
		} else {
			ids = append(ids, n.ID)
		}
	}
	for some := range slices.Chunk(ids, batchSize) {
		args := SendArgs{NoticeIDs: some}
		if len(some) == 1 {
			args = SendArgs{NoticeID: some[0]}
		}
		jobs = append(jobs, river.InsertManyParams{Args: args, InsertOpts: jobOpts("", time.Time{})})
	}
	return jobs
}

// jobOpts puts codes first: somebody sits waiting for one. at is zero for now.
func jobOpts(k Kind, at time.Time) *river.InsertOpts {
	opts := &river.InsertOpts{Queue: Queue, Priority: 2, ScheduledAt: at}
	if k.isCode() {
		opts.Priority = 1
	}
	return opts
}

// columns are notices as arrays, one per column of insertNotices.
type columns struct {
	id, kind, channel, address, language, ref []string
	account, delivery                         []*string
	created, notBefore                        []time.Time
}

func (c *columns) add(n Notice, created, notBefore time.Time) {
	c.id = append(c.id, n.ID)
	c.account = append(c.account, orNull(n.Account))
	c.delivery = append(c.delivery, orNull(n.Delivery))
	c.kind = append(c.kind, string(n.Kind))
	c.channel = append(c.channel, string(n.Channel))
	c.address = append(c.address, n.To)
	c.language = append(c.language, n.Language)
	c.ref = append(c.ref, n.Ref)
	c.created = append(c.created, created)
	c.notBefore = append(c.notBefore, notBefore)
}

func (c *columns) args() []any {
	return []any{c.id, c.account, c.delivery, c.kind, c.channel, c.address, c.language, c.ref, c.created, c.notBefore}
}

// orNull is nil for "": a notice of no account, or of no delivery.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// instant is t as it is stored: UTC, microseconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

const forgetNotices = `DELETE FROM notice WHERE delivery_id = ANY($1::uuid[])`

// Forget removes every notice of the deliveries with its attempts, in tx: what
// is left of them is in the events. A job still queued finds nothing and ends.
// R19, R21.
func (s *Service) Forget(ctx context.Context, tx pgx.Tx, deliveries ...string) error {
	if _, err := tx.Exec(ctx, forgetNotices, deliveries); err != nil {
		return fmt.Errorf("notify: forget notices: %w", err)
	}
	return nil
}

const forgetNotes = `DELETE FROM notice WHERE id IN (
	SELECT id FROM notice WHERE delivery_id IS NULL AND closed_at < $1 ORDER BY closed_at LIMIT 10000)`

// ForgetNotes removes the notices to account holders that were closed before an
// instant, oldest first and at most 10 000, with their attempts, in tx: they hold an
// address, and nothing refers to them. It returns how many. R19.
func (s *Service) ForgetNotes(ctx context.Context, tx pgx.Tx, before time.Time) (int, error) {
	tag, err := tx.Exec(ctx, forgetNotes, before)
	if err != nil {
		return 0, fmt.Errorf("notify: forget notes: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

const selectOverdue = `
SELECT id, kind FROM notice WHERE closed_at IS NULL AND not_before < $1 ORDER BY not_before LIMIT $2`

// Requeue gives a new job to open notices that nobody touched since before, at
// most limit of them, in tx: for a queue that was restored from an older backup,
// or that gave a job up. It returns how many. A notice that has a job already is
// still sent once.
func (s *Service) Requeue(ctx context.Context, tx pgx.Tx, before time.Time, limit int) (int, error) {
	if s.jobs == nil {
		return 0, ErrNoJobs
	}
	rows, err := tx.Query(ctx, selectOverdue, before, limit)
	if err != nil {
		return 0, fmt.Errorf("notify: read overdue notices: %w", err)
	}
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n Notice, err error) {
		err = row.Scan(&n.ID, &n.Kind)
		return n, err
	})
	if err != nil || len(due) == 0 {
		return 0, err
	}
	if _, err := s.jobs.InsertManyTx(ctx, tx, jobsFor(due)); err != nil {
		return 0, fmt.Errorf("notify: enqueue jobs: %w", err)
	}
	return len(due), nil
}
