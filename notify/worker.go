package notify

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
)

// settleTimeout bounds storing a result; it runs even while the process stops,
// because the peer's answer is already in our hands.
const settleTimeout = 30 * time.Second

// WorkerConfig of a Worker. Everything without a default is needed.
type WorkerConfig struct {
	Pool       *pgxpool.Pool
	Source     Source
	Sink       Sink
	Transports map[Channel]Transport // a notice on a channel that is not here ends as Technical
	// Now is the clock of an account, the same as the Service's.
	Now func(account string) time.Time
	// Quiet are the hours in which announcements by SMS wait. Default: none.
	Quiet *Quiet
	// Timeout bounds one attempt, from dialling to the last reply. Default: two
	// minutes.
	Timeout time.Duration
	// Logger gets lines for operators: ids and outcomes, no addresses, no codes.
	// Default: discards.
	Logger *slog.Logger
}

// Worker sends notices. Safe for concurrent use; any number of processes may
// work the same queue.
type Worker struct {
	river.WorkerDefaults[SendArgs]
	pool       *pgxpool.Pool
	source     Source
	sink       Sink
	transports map[Channel]Transport
	now        func(account string) time.Time
	quiet      *Quiet
	timeout    time.Duration
	renderer   *Renderer
	pace       pace
	log        *slog.Logger
}

// NewWorker makes a Worker, for river.AddWorker. Errors: ErrConfig, ErrWords.
//
// The client that runs it should rescue stuck jobs soon after Timeout: until
// then an attempt of a killed process stays unresolved.
func NewWorker(cfg WorkerConfig) (*Worker, error) {
	if cfg.Pool == nil || cfg.Source == nil || cfg.Sink == nil {
		return nil, fmt.Errorf("%w: a worker needs Pool, Source and Sink", ErrConfig)
	}
	if cfg.Timeout < 0 {
		return nil, fmt.Errorf("%w: negative timeout", ErrConfig)
	}
	if cfg.Now == nil {
		cfg.Now = wallClock
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Minute
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	renderer, err := NewRenderer()
	if err != nil {
		return nil, err
	}
	return &Worker{
		pool: cfg.Pool, source: cfg.Source, sink: cfg.Sink, transports: cfg.Transports,
		now: cfg.Now, quiet: cfg.Quiet, timeout: cfg.Timeout, renderer: renderer, log: cfg.Logger,
	}, nil
}

// Timeout is the job's: an attempt of each notice, all at once, and what is stored
// before and after.
func (w *Worker) Timeout(*river.Job[SendArgs]) time.Duration {
	return w.timeout + 2*settleTimeout
}

// Work makes one attempt of each notice of the job, all at once; of as many of
// them as lately went well together, and comes back for the others.
//
//  1. Read the notices. What an earlier run left is settled first and is not sent
//     in this run: an attempt that ended but could not be told is told again; one
//     that never ended is in doubt.
//  2. Ask the facts. ErrStale closes a notice unsent.
//  3. Register the attempts; commit. A crash from here on leaves them running.
//  4. Render and deliver, with no transaction open. A crash here may mean that
//     some were sent: they are sent again, with the same Message-ID.
//  5. As results come: store them, tell the Sink, close the notices or schedule
//     the next try, one transaction for those that came meanwhile; the last
//     completes the job. If that fails, the results alone are kept, so that
//     a sent notice is not sent twice for our fault.
//
// An error means that nothing was sent, or that it is stored what was; River
// runs the job again.
func (w *Worker) Work(ctx context.Context, job *river.Job[SendArgs]) error {
	found, err := w.read(ctx, job.Args.ids())
	if err != nil {
		return err
	}
	r := run{w: w, job: job}
	r.sort(ctx, found)
	if len(r.fresh) > 0 {
		began := w.now("")
		err := r.attempt(ctx)
		w.pace.took(w.now("").Sub(began))
		r.errs = append(r.errs, err)
	}
	return r.verdict()
}

// deliver renders and hands over, and cleans what came back: a peer's words are
// foreign text.
func (w *Worker) deliver(ctx context.Context, n Notice, number int, f Facts) (Result, string) {
	m, err := w.renderer.Render(n, f)
	if err != nil {
		w.log.ErrorContext(ctx, "notice cannot be rendered", "notice", n.ID, "kind", n.Kind, "err", err)
		return Result{Outcome: Technical}, ""
	}
	transport := w.transports[n.Channel]
	if transport == nil {
		w.log.ErrorContext(ctx, "no transport for channel", "notice", n.ID, "channel", n.Channel)
		return Result{Outcome: Technical}, ""
	}
	m.Attempt, m.Test = number, f.Test
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	r, digest := transport.Deliver(ctx, m)
	w.log.InfoContext(ctx, "notice attempted", "notice", n.ID, "attempt", number, "channel", n.Channel,
		"kind", n.Kind, "outcome", r.Outcome, "in_doubt", r.InDoubt, "remote", r.Remote)
	return r.clean(), digest
}

// after is the account's time, never before start: a clock set back must not
// make an attempt end before it began.
func (w *Worker) after(account string, start time.Time) time.Time {
	if now := instant(w.now(account)); now.After(start) {
		return now
	}
	return start
}
