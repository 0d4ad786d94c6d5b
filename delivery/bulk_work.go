package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"
)

// BulkWorker does BulkArgs.
type BulkWorker struct {
	river.WorkerDefaults[BulkArgs]
	Service *Service
}

// Timeout implements river.Worker.
func (BulkWorker) Timeout(*river.Job[BulkArgs]) time.Duration { return 3 * time.Minute }

// bulkSpell is how long one attempt goes on: well before jobs are taken for
// lost, so that no second worker begins meanwhile.
const bulkSpell = time.Minute

// Work goes on with a batch; another attempt follows at once while there is more
// to do.
func (w BulkWorker) Work(ctx context.Context, job *river.Job[BulkArgs]) error {
	more, err := w.Service.WorkBulk(ctx, ID(job.Args.Bulk), bulkSpell)
	if err == nil && more {
		err = river.JobSnooze(time.Second)
	}
	return err
}

// WorkBulk goes on with a batch for about as long as d, and reports whether
// there is more to do. One process works on a batch at a time: another finds it
// taken and comes back. Where a process dies the next one goes on: rows are
// counted with what they became, and a row that was sent but not counted is
// found again by its key.
func (s *Service) WorkBulk(ctx context.Context, id ID, d time.Duration) (more bool, err error) {
	conn, err := s.Pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	var mine bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended('bulk ' || $1, 0))`, string(id)).Scan(&mine); err != nil || !mine {
		conn.Release()
		return true, err
	}
	defer func() {
		if _, gone := conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock(hashtextextended('bulk ' || $1, 0))`, string(id)); gone != nil {
			_ = conn.Conn().Close(context.WithoutCancel(ctx)) // which unlocks as well
		}
		conn.Release()
	}()
	end := time.Now().Add(d) // of this process, not of anything that is sent
	for {
		b, err := s.bulkByID(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		var done bool
		switch b.State {
		case BulkChecking:
			done, err = s.checkBulk(ctx, b, end)
		case BulkRunning:
			done, err = s.sendBulk(ctx, b, end)
		case BulkStopping:
			done, err = true, s.stopBulk(ctx, b)
		default:
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if !done {
			return true, nil
		}
	}
}
