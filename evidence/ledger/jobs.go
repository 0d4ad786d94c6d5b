package ledger

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/riverqueue/river"
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

	// sealTogether and finishTogether bound how many pieces share a job, and when
	// jobs go on without others: some 20 and 80 ms of a processor.
	sealTogether, finishTogether = 32, 16

	// maxAttempts, at the pace of NextRetry, are a little more than 14 days.
	maxAttempts = 700

	// jobTime is how long a run may take, the wait for others included, and
	// outsideTime how much of that keys and time-stamps may take: what was got by then
	// is stored.
	jobTime, outsideTime = 2 * time.Minute, 40 * time.Second
)

// sealJobs are the jobs that sign the evidence of these events.
func sealJobs(list []Ref) []river.InsertManyParams {
	return jobsOf(list, sealTogether, func(one Ref, others []Ref) river.JobArgs { return SealArgs{one, others} })
}

// finishJobs are the jobs that make the PDFs of these events.
func finishJobs(list []Ref) []river.InsertManyParams {
	return jobsOf(list, finishTogether, func(one Ref, others []Ref) river.JobArgs { return FinishArgs{one, others} })
}

// jobsOf are jobs for at most so many events each.
func jobsOf(list []Ref, most int, args func(one Ref, others []Ref) river.JobArgs) (jobs []river.InsertManyParams) {
	for some := range slices.Chunk(list, most) {
		a := args(Ref{}, some)
		if len(some) == 1 {
			a = args(some[0], nil)
		}
		jobs = append(jobs, river.InsertManyParams{Args: a})
	}
	return jobs
}

// patient is how long the jobs of this package may take, and when they are tried
// again.
type patient[A river.JobArgs] struct{ river.WorkerDefaults[A] }

// Timeout implements river.Worker.
func (patient[A]) Timeout(*river.Job[A]) time.Duration { return jobTime }

// NextRetry implements river.Worker: soon at first, then every half hour.
func (patient[A]) NextRetry(job *river.Job[A]) time.Time {
	wait := time.Duration(1<<min(job.Attempt, 11)) * time.Second
	return job.AttemptedAt.Add(min(wait, 30*time.Minute))
}

// SealWorker does SealArgs.
type SealWorker struct {
	patient[SealArgs]
	Ledger *Ledger
}

// Work signs, together with the jobs that come at the same time. Who dies before
// the job is said to be done leaves it to another, for whom there is nothing left.
func (w SealWorker) Work(ctx context.Context, job *river.Job[SealArgs]) error {
	return w.Ledger.sealing.do(ctx, job.Args.Refs())
}

// FinishWorker does FinishArgs.
type FinishWorker struct {
	patient[FinishArgs]
	Ledger *Ledger
}

// Work finishes, as that of SealWorker signs.
func (w FinishWorker) Work(ctx context.Context, job *river.Job[FinishArgs]) error {
	return w.Ledger.finishing.do(ctx, job.Args.Refs())
}

// inOrder is a copy in the order of the keys, each once: two jobs that share
// pieces, which only a lost job brings about, never wait for one another.
func inOrder(list []Ref) []Ref {
	list = slices.SortedFunc(slices.Values(list), func(a, b Ref) int {
		return cmp.Or(cmp.Compare(a.Delivery, b.Delivery), cmp.Compare(a.Seq, b.Seq))
	})
	return slices.Compact(list)
}
