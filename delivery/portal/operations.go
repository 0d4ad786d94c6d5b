package portal

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/notify"
)

// Job is a piece of work as operators see it: never what it carries.
type Job struct {
	ID       int64
	Kind     string
	Queue    string
	State    string
	Attempt  int
	Most     int // attempts
	Since    time.Time
	Next     time.Time // nobody tries before
	Error    string    // of the last attempt, without addresses
	FailedAt *time.Time
}

// Jobs is the work of the service. Retry and Cancel act in the caller's
// transaction; a job that is not there is web.ErrNotFound.
type Jobs interface {
	// Troubled lists jobs that failed or take too long, latest first, before an id;
	// 0: from the latest.
	Troubled(ctx context.Context, before int64, limit int) ([]Job, error)
	Retry(ctx context.Context, tx pgx.Tx, id int64) error
	Cancel(ctx context.Context, tx pgx.Tx, id int64) error
}

// Doubts lists notices of which nobody knows whether they were sent.
type Doubts interface {
	Doubts(ctx context.Context, limit int) ([]notify.Doubt, error)
}

// Suppressions are the addresses that are not written to; only their digests are
// known.
type Suppressions interface {
	List(ctx context.Context, limit int) ([]notify.Suppression, error)
	Of(ctx context.Context, channel notify.Channel, address string) ([]notify.Suppression, error)
	Remove(ctx context.Context, channel notify.Channel, address string) (int, error)
}
