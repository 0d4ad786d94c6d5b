package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/bode-erds/bode/evidence/ledger"
)

// work runs jobs and looks for what is due, until ctx ends; then running jobs
// get 5 s to finish. Whatever is cut off is taken up by the next process.
func (a *app) work(ctx context.Context) error {
	if err := a.jobs.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	defer a.hangUp()
	defer a.texts(ctx)()
	var rounds sync.WaitGroup
	rounds.Go(func() { a.sendPushes(ctx) })
	for _, r := range []struct {
		name string
		pace time.Duration
		do   func(context.Context) error
	}{
		{"deadlines", a.out.pace.sweep, a.sweep},
		{"drafts", a.out.pace.sweep, a.sendDrafts},
		{"post reports", a.out.pace.post, a.deliveries.ReadPost},
		{"credit", a.out.pace.post, a.money},
		{"webhook feed", time.Second, a.push},
		{"retention", a.out.pace.retain, a.retain},
		{"lost work", a.out.pace.mend, a.mend},
		{"batches", a.out.pace.batch, a.batch},
		{"validation data", a.out.pace.complete, a.complete},
		{"time-stamp renewal", a.out.pace.renew, a.renew},
		{"watching", a.out.pace.watch, a.watch},
		{"registers", a.out.pace.retain, a.duties},
	} {
		rounds.Go(func() { a.every(ctx, r.name, r.pace, r.do) })
	}
	<-ctx.Done()
	rounds.Wait()
	soft, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := a.jobs.Stop(soft); err == nil {
		return nil
	}
	hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	return a.jobs.StopAndCancel(hard)
}

// every does something at once and then at its pace. What fails is logged and
// tried again.
func (a *app) every(ctx context.Context, name string, pace time.Duration, do func(context.Context) error) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		if err := do(ctx); err != nil && !errors.Is(err, context.Canceled) {
			a.log.ErrorContext(ctx, "round failed", "round", name, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweep does everything that is due.
func (a *app) sweep(ctx context.Context) error {
	for {
		n, err := a.deliveries.Sweep(ctx, 200)
		if err != nil || n < 200 {
			return err
		}
	}
}

// notesKept is how long operators can see what became of a note to an account
// holder.
const notesKept = 30 * 24 * time.Hour

// retainSpell is how long one round removes messages: a month of many does not
// keep the rest of the round waiting.
const retainSpell = 5 * time.Minute

// removeDue removes messages until none is due or it is late, and returns how many.
func (a *app) removeDue(ctx context.Context, end time.Time) (n int, err error) {
	for {
		some, err := a.deliveries.Retain(ctx, 200)
		n += some
		if err != nil || some < 200 || time.Now().After(end) {
			return n, err
		}
	}
}

// retain removes what has been kept long enough.
func (a *app) retain(ctx context.Context) error {
	n, err := a.removeDue(ctx, time.Now().Add(retainSpell))
	if n > 0 {
		a.log.InfoContext(ctx, "retention ended", "messages", n)
	}
	notes := inParts(func() (n int, err error) {
		err = pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
			n, err = a.notices.ForgetNotes(ctx, tx, time.Now().Add(-notesKept))
			return err
		})
		return n, err
	})
	traces := inParts(func() (int, error) { return a.forgetTraces(ctx) })
	_, over := a.suppressions.Sweep(ctx)
	return errors.Join(err, notes, over, traces, a.deliveries.ForgetLooks(ctx), a.identity.Sweep(ctx), a.identity.FlushKeyUses(ctx),
		a.identity.WarnOfKeys(ctx), a.deliveries.ForgetDaily(ctx), a.endHolds(ctx), a.deliveries.RetainBulks(ctx, 50))
}

// A part is how much one statement removes of what comes with every message, few
// enough that nobody waits for it; a round removes at most a hundred.
const (
	part  = 10_000
	parts = 100
)

// inParts repeats a removal while it finds a whole part: else more would come in
// between two rounds than goes.
func inParts(remove func() (int, error)) error {
	for range parts {
		if n, err := remove(); err != nil || n < part {
			return err
		}
	}
	return nil
}

// mend gives lost work a new job and removes content that nothing refers to.
func (a *app) mend(ctx context.Context) error {
	seals, err := a.ledger.Requeue(ctx)
	if err != nil {
		return err
	}
	follow, err := a.deliveries.Requeue(ctx, 500)
	if err != nil {
		return err
	}
	var notices int
	if err := pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) (err error) {
		notices, err = a.notices.Requeue(ctx, tx, time.Now().Add(-time.Hour), 500)
		return err
	}); err != nil {
		return err
	}
	bulks, err := a.deliveries.RequeueBulks(ctx, 50)
	if err != nil {
		return err
	}
	orphans, err := a.deliveries.SweepOrphans(ctx)
	if seals+follow+notices+bulks+orphans > 0 {
		a.log.WarnContext(ctx, "lost work found", "seals", seals, "moves", follow, "notices", notices, "batches", bulks, "orphans", orphans)
	}
	return err
}

// stampPatience is how long signed evidence may wait for a time-stamp before an
// operator has to know.
const stampPatience = time.Minute

// batch puts what is signed into the log and under a time-stamp, and says loudly
// when that takes too long.
func (a *app) batch(ctx context.Context) error {
	for {
		n, err := a.ledger.Batch(ctx)
		if err == nil && n == ledger.MaxBatch {
			continue
		}
		waiting, since, e := a.ledger.Waiting(ctx)
		if e == nil && waiting > 0 && time.Since(since) > stampPatience {
			a.log.ErrorContext(ctx, "evidence waits for a time-stamp", "pieces", waiting, "since", since)
		}
		return errors.Join(err, e)
	}
}

// complete adds validation data to what has been sealed for a while.
func (a *app) complete(ctx context.Context) error {
	n, err := a.ledger.Complete(ctx, time.Now().Add(-a.out.pace.grace))
	if n > 0 {
		a.log.InfoContext(ctx, "validation data added", "pieces", n)
	}
	return err
}

// renew renews time-stamps before they weaken, and tells of certificates that end
// soon.
func (a *app) renew(ctx context.Context) error {
	a.watchKeys(ctx)
	_, err := a.ledger.Renew(ctx)
	return err
}

// told tells the operator of every job that failed; it is tried again by itself
// until its attempts are used up.
type told struct{ log *slog.Logger }

// HandleError implements river.ErrorHandler.
func (t told) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	t.log.WarnContext(ctx, "job failed", "kind", job.Kind, "job", job.ID, "attempt", job.Attempt, "of", job.MaxAttempts, "err", err)
	return nil
}

// HandlePanic implements river.ErrorHandler.
func (t told) HandlePanic(ctx context.Context, job *rivertype.JobRow, panicked any, trace string) *river.ErrorHandlerResult {
	t.log.ErrorContext(ctx, "job panicked", "kind", job.Kind, "job", job.ID, "panic", panicked, "trace", trace)
	return nil
}

// quieter passes on warnings and errors only: the job queue talks a lot.
type quieter struct{ slog.Handler }

func (q quieter) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}
