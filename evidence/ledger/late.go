package ledger

import (
	"context"
	"time"
)

// Waiting tells how many signed pieces wait for a time-stamp, their own or that
// of a batch, and since when the oldest of them was prepared.
func (l *Ledger) Waiting(ctx context.Context) (n int, since time.Time, err error) {
	var oldest *time.Time
	err = l.Pool.QueryRow(ctx, `SELECT count(*), min(prepared_at) FROM evidence
		WHERE batch_id IS NULL AND (signed_xml IS NOT NULL OR xml IS NOT NULL)`).Scan(&n, &oldest)
	if oldest != nil {
		since = oldest.UTC()
	}
	return n, since, err
}
