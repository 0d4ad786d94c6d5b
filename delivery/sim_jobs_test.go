package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence/ledger"
	"github.com/bode-erds/bode/notify"
)

// The queue of the world: what River does with a job, one step at a time. A job
// of a process that died stays running, and is taken up again.

// sqlOpenJobs are jobs that somebody still has to do. The clock of the queue does
// not count: a worker that comes too early says so.
const sqlOpenJobs = `SELECT id, kind FROM river_job WHERE state IN ('available', 'retryable', 'scheduled', 'pending', 'running') AND kind = ANY ($1) ORDER BY id`

// jobVerbs are what jobs may bring about, by their kind.
var jobVerbs = map[string]string{"notify_send": "notify", "delivery_consign": "consign", "delivery_post": "post", "delivery_cancel_post": "unpost",
	"evidence_seal": "seal", "evidence_finish": "seal"}

// within is a context with the values of another: of one in which River works.
type within struct {
	context.Context
	queue context.Context
}

func (w within) Value(key any) any {
	if v := w.Context.Value(key); v != nil {
		return v
	}
	return w.queue.Value(key)
}

// capture is a job that gives away the context in which it is worked.
type (
	captureArgs   struct{}
	captureWorker struct {
		river.WorkerDefaults[captureArgs]
		to chan<- context.Context
	}
)

func (captureArgs) Kind() string { return "capture" }

func (w captureWorker) Work(ctx context.Context, _ *river.Job[captureArgs]) error {
	w.to <- context.WithoutCancel(ctx)
	return nil
}

// queueContext is the context of a job of River, without which a job cannot be
// completed in a transaction.
func queueContext(r *rig) context.Context {
	got := make(chan context.Context, 1)
	workers := river.NewWorkers()
	river.AddWorker(workers, captureWorker{to: got})
	c, err := river.NewClient(riverpgxv5.New(r.pool), &river.Config{Logger: slog.New(slog.DiscardHandler), Workers: workers, PollOnly: true, SkipUnknownJobCheck: true,
		Queues: map[string]river.QueueConfig{"default": {MaxWorkers: 1}}, FetchCooldown: 5 * time.Millisecond, FetchPollInterval: 10 * time.Millisecond})
	r.must(err)
	r.must(c.Start(r.ctx()))
	_, err = c.Insert(r.ctx(), captureArgs{}, nil)
	r.must(err)
	ctx := <-got
	r.must(c.Stop(r.ctx()))
	return ctx
}

type openJob struct {
	ID   int64
	Kind string
}

// openJobs lists the jobs of some kinds, oldest first.
func (w *world) openJobs(ctx context.Context, kinds ...string) (list []openJob, err error) {
	rows, err := w.rig.pool.Query(ctx, sqlOpenJobs, kinds)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var j openJob
		if err := rows.Scan(&j.ID, &j.Kind); err != nil {
			return nil, err
		}
		list = append(list, j)
	}
	return list, rows.Err()
}

// work is one run of one job.
func (w *world) work(j openJob) action {
	return action{
		name: fmt.Sprintf("%s %d", j.Kind, j.ID), causes: []cause{{verb: jobVerbs[j.Kind]}},
		do: func(ctx context.Context, p *process) error { return w.workOn(ctx, p, j.ID) },
	}
}

func (w *world) workOn(ctx context.Context, p *process, id int64) error {
	if _, err := w.rig.pool.Exec(ctx, `UPDATE river_job SET state = 'running', attempt = least(attempt + 1, max_attempts - 1), attempted_at = now() WHERE id = $1 AND finalized_at IS NULL`, id); err != nil {
		return err
	}
	row, err := p.jobs.JobGet(ctx, id)
	if err != nil {
		return nil // we died as it was fetched
	}
	if row.State != rivertype.JobStateRunning {
		return nil // another process had done it
	}
	err = w.dispatch(within{ctx, w.queue}, p, row)
	state := "completed"
	var snooze *rivertype.JobSnoozeError
	var cancel *rivertype.JobCancelError
	switch {
	case w.gone():
		return err // nobody is there to say how it ended
	case errors.As(err, &snooze):
		state = "available"
	case errors.As(err, &cancel):
		state = "cancelled"
	case err != nil:
		state = "retryable"
	}
	_, fail := w.rig.pool.Exec(ctx, `UPDATE river_job SET state = $2::river_job_state, finalized_at = CASE WHEN $2 IN ('completed', 'cancelled') THEN now() END
		WHERE id = $1 AND state = 'running'`, id, state)
	return errors.Join(err, fail)
}

// gone says whether the process died in this command.
func (l *link) gone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

func (w *world) dispatch(ctx context.Context, p *process, row *rivertype.JobRow) error {
	switch row.Kind {
	case "notify_send":
		return workJob[notify.SendArgs](ctx, row, p.mailer.Work)
	case "delivery_consign":
		return workJob(ctx, row, delivery.ConsignWorker{Service: p.Service}.Work)
	case "delivery_post":
		return workJob(ctx, row, delivery.PostWorker{Service: p.Service}.Work)
	case "delivery_cancel_post":
		return workJob(ctx, row, delivery.CancelPostWorker{Service: p.Service}.Work)
	case "evidence_seal":
		return workJob(ctx, row, ledger.SealWorker{Ledger: p.ledger}.Work)
	case "evidence_finish":
		return workJob(ctx, row, ledger.FinishWorker{Ledger: p.ledger}.Work)
	}
	return errors.New("a job of no kind that is known: " + row.Kind)
}

func workJob[A river.JobArgs](ctx context.Context, row *rivertype.JobRow, work func(context.Context, *river.Job[A]) error) error {
	job := &river.Job[A]{JobRow: row}
	if err := json.Unmarshal(row.EncodedArgs, &job.Args); err != nil {
		return err
	}
	return work(ctx, job)
}
