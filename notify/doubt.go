package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Doubt is a notice of which nobody knows whether it was sent, for an operator. It
// does not say to whom.
type Doubt struct {
	Notice   string
	Delivery string // empty for a note to an account holder
	Kind     Kind
	Channel  Channel
	Tries    int
	Since    time.Time // the attempt began
	Running  bool      // the attempt has not ended: a process died in it, or is in it
	Next     time.Time // nobody tries before
}

// runningPatience is how long an attempt may take before it counts as left behind.
const runningPatience = 15 * time.Minute

// Doubts lists notices under way whose newest attempt is in doubt, oldest first.
func (s *Service) Doubts(ctx context.Context, db Querier, at time.Time, limit int) ([]Doubt, error) {
	rows, err := db.Query(ctx, `
SELECT n.id, coalesce(n.delivery_id::text, ''), n.kind, n.channel, n.tries, a.started_at, a.ended_at IS NULL, n.not_before
  FROM notice n JOIN notify_attempt a ON a.notice_id = n.id AND a.number = n.tries
 WHERE n.closed_at IS NULL AND (a.in_doubt OR a.ended_at IS NULL AND a.started_at < $1)
 ORDER BY a.started_at, n.id LIMIT $2`, at.Add(-runningPatience), limit)
	if err != nil {
		return nil, fmt.Errorf("notify: doubts: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Doubt])
}
