package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// Ref names an event: the one of a delivery with that sequence number.
type Ref struct {
	Delivery string `json:"delivery,omitempty"`
	Seq      int    `json:"seq,omitempty"`
}

// SealArgs is the job that signs the evidence of events that were recorded
// together.
type SealArgs struct {
	Ref
	Others []Ref `json:"others,omitempty"` // of a job for several
}

// Refs are the events that the job is for.
func (a SealArgs) Refs() []Ref { return refs(a.Ref, a.Others) }

// Kind implements river.JobArgs.
func (SealArgs) Kind() string { return "evidence_seal" }

// InsertOpts implements river.JobArgsWithInsertOpts. An outage of the
// time-stamp authority may last: a job goes on for 14 days, and what outlasts
// it is taken up by [Ledger.Requeue].
func (SealArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: Queue, MaxAttempts: maxAttempts}
}

// FinishArgs is the job that makes the PDFs of pieces that are in a batch.
type FinishArgs struct {
	Ref
	Others []Ref `json:"others,omitempty"` // of a job for several
}

// Refs are the events that the job is for.
func (a FinishArgs) Refs() []Ref { return refs(a.Ref, a.Others) }

// Kind implements river.JobArgs.
func (FinishArgs) Kind() string { return "evidence_finish" }

// InsertOpts implements river.JobArgsWithInsertOpts, as for SealArgs.
func (FinishArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: Queue, MaxAttempts: maxAttempts}
}

// A job is for one event, as every job once was, or for others only: what knows
// no others fails on such a job instead of forgetting them.
func refs(one Ref, others []Ref) []Ref {
	if one == (Ref{}) {
		return others
	}
	return append([]Ref{one}, others...)
}

const (
	// Queue is the queue in which evidence is made.
	Queue = "evidence"

	// sealTogether and finishTogether bound how many pieces share a job: some 20 and
	// 80 ms of a processor. Each of them stores what it made in one transaction.
	sealTogether, finishTogether = 32, 16

	// maxAttempts, at the pace of NextRetry, are a little more than 14 days.
	maxAttempts = 700

	// jobTime is how long a run may take, and outsideTime how much of that it may
	// wait for keys and time-stamps: what it got is stored in the rest.
	jobTime, outsideTime = time.Minute, 40 * time.Second
)

// sealJobs are the jobs that sign the evidence of these events.
func sealJobs(list []Ref) (jobs []river.InsertManyParams) {
	for some := range slices.Chunk(list, sealTogether) {
		args := SealArgs{Others: some}
		if len(some) == 1 {
			args = SealArgs{Ref: some[0]}
		}
		jobs = append(jobs, river.InsertManyParams{Args: args})
	}
	return jobs
}

// finishJobs are the jobs that make the PDFs of these events.
func finishJobs(list []Ref) (jobs []river.InsertManyParams) {
	for some := range slices.Chunk(list, finishTogether) {
		args := FinishArgs{Others: some}
		if len(some) == 1 {
			args = FinishArgs{Ref: some[0]}
		}
		jobs = append(jobs, river.InsertManyParams{Args: args})
	}
	return jobs
}

// SealWorker does SealArgs.
type SealWorker struct {
	river.WorkerDefaults[SealArgs]
	Ledger *Ledger
}

// Timeout implements river.Worker.
func (SealWorker) Timeout(*river.Job[SealArgs]) time.Duration { return jobTime }

// NextRetry implements river.Worker: soon at first, then every half hour.
func (SealWorker) NextRetry(job *river.Job[SealArgs]) time.Time {
	return nextRetry(job.Attempt, *job.AttemptedAt)
}

// Work signs; the job is done in the transaction that stores the last result.
func (w SealWorker) Work(ctx context.Context, job *river.Job[SealArgs]) error {
	return w.Ledger.Seal(ctx, job.Args.Refs(), func(tx pgx.Tx) error {
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
}

// FinishWorker does FinishArgs.
type FinishWorker struct {
	river.WorkerDefaults[FinishArgs]
	Ledger *Ledger
}

// Timeout implements river.Worker.
func (FinishWorker) Timeout(*river.Job[FinishArgs]) time.Duration { return jobTime }

// NextRetry implements river.Worker.
func (FinishWorker) NextRetry(job *river.Job[FinishArgs]) time.Time {
	return nextRetry(job.Attempt, *job.AttemptedAt)
}

// Work finishes; the job is done in the transaction that stores the result.
func (w FinishWorker) Work(ctx context.Context, job *river.Job[FinishArgs]) error {
	return w.Ledger.Finish(ctx, job.Args.Refs(), func(tx pgx.Tx) error {
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
}

func nextRetry(attempt int, at time.Time) time.Time {
	wait := time.Duration(1<<min(attempt, 11)) * time.Second
	return at.Add(min(wait, 30*time.Minute))
}

// inOrder is a copy in the order of the keys, each once: two jobs that share
// pieces, which only a lost job brings about, never wait for one another.
func inOrder(list []Ref) []Ref {
	list = slices.SortedFunc(slices.Values(list), func(a, b Ref) int {
		return cmp.Or(cmp.Compare(a.Delivery, b.Delivery), cmp.Compare(a.Seq, b.Seq))
	})
	return slices.Compact(list)
}

// together is what went wrong with pieces of a job: the first of it, and how much
// more.
func together(failed []error, of int) error {
	switch {
	case len(failed) == 0:
		return nil
	case of == 1:
		return failed[0]
	}
	return fmt.Errorf("%w (%d of %d pieces failed)", failed[0], len(failed), of)
}
