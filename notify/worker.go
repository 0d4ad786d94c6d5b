package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
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

// Timeout is the job's: an attempt and its two transactions.
func (w *Worker) Timeout(*river.Job[SendArgs]) time.Duration {
	return w.timeout + 2*settleTimeout
}

// Work makes one attempt of one notice.
//
//  1. Read the notice. What an earlier run left is settled first and ends this
//     run: an attempt that ended but could not be told is told again; one that
//     never ended is in doubt.
//  2. Ask the facts. ErrStale closes the notice unsent.
//  3. Register the attempt; commit. A crash from here on leaves it running.
//  4. Render and deliver, with no transaction open. A crash here may mean that
//     it was sent: it is sent again, with the same Message-ID.
//  5. Store the result, tell the Sink, close the notice or schedule the next
//     try, and complete the job: one transaction. If that fails, the result
//     alone is kept, so that a sent notice is not sent twice for our fault.
//
// An error means that nothing was sent, or that it is stored what was; River
// runs the job again.
func (w *Worker) Work(ctx context.Context, job *river.Job[SendArgs]) error {
	s, err := w.read(ctx, job.Args.NoticeID)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // removed with its delivery
		return nil
	case err != nil:
		return err
	case s.closed:
		return nil
	}
	if wait := s.notBefore.Sub(w.now("")); wait > time.Second {
		return river.JobSnooze(wait)
	}
	if s.left != nil {
		return w.settleLeft(ctx, job, s)
	}
	facts, err := w.source.NoticeFacts(ctx, s.notice)
	if errors.Is(err, ErrStale) {
		return w.closeStale(ctx, job, s)
	}
	if err != nil {
		return fmt.Errorf("notify: facts of notice %s: %w", s.notice.ID, err)
	}
	if err := w.hold(ctx, s, facts); err != nil {
		return err
	}
	attempt, ok, err := w.register(ctx, s)
	if err != nil {
		return err
	}
	if !ok { // another run has it; look again when it must be over
		return river.JobSnooze(w.timeout)
	}
	attempt.Result, attempt.Digest = w.deliver(ctx, s.notice, attempt.Number, facts)
	attempt.EndedAt = w.after(s.notice.Account, attempt.StartedAt)

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	err = w.settle(ctx, job, s, &attempt, lastRetry(s.notice, s.created, facts))
	if err != nil {
		return errors.Join(err, w.keep(ctx, s.notice.ID, attempt))
	}
	return nil
}

// settleLeft finishes what an earlier run of the job began.
func (w *Worker) settleLeft(ctx context.Context, job *river.Job[SendArgs], s state) error {
	a := *s.left
	if a.EndedAt.IsZero() {
		a.EndedAt = w.after(s.notice.Account, a.StartedAt)
		a.Result = Result{Outcome: Technical, InDoubt: true}
		w.log.WarnContext(ctx, "notice attempt was interrupted", "notice", s.notice.ID, "attempt", a.Number)
	}
	return w.settle(ctx, job, s, &a, lastRetry(s.notice, s.created, Facts{}))
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
	m.Attempt = number
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
