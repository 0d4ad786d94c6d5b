package delivery

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// What a letter waits for that an operator should know of.
const (
	SilenceBegun  = "begun"  // was begun, and the partner has not been given it
	SilenceUnseen = "unseen" // was given to the partner, who has not said that it was posted
	SilencePosted = "silent" // was posted, and nobody has said what became of it
)

// How long each of these may take before it is worth a look.
const (
	begunPatience  = time.Hour
	unseenPatience = 24 * time.Hour
	silentPatience = 21 * 24 * time.Hour
)

// SilentLetter is a letter of which too little is heard. It holds nothing of the
// message or of the recipient.
type SilentLetter struct {
	Delivery ID
	Message  ID
	Number   string
	What     string // SilenceBegun, SilenceUnseen, SilencePosted
	Item     string // the partner's; empty while it has none
	Since    time.Time
}

// SilentLetters lists letters of which too little is heard, longest first, for
// operators. Tests are left out.
func (s *Service) SilentLetters(ctx context.Context, limit int) ([]SilentLetter, error) {
	now := s.Now()
	rows, err := s.Pool.Query(ctx, `
SELECT d.id, d.message_id, m.number,
       CASE WHEN d.post IS NULL THEN 'begun' WHEN d.state = 'posting' THEN 'unseen' ELSE 'silent' END, coalesce(d.post->>'item', ''), d.moved_at
  FROM ((SELECT * FROM delivery WHERE NOT test AND letter_begun IS NOT NULL AND post IS NULL AND state IN ('submitted', 'notified', 'expired')
           AND moved_at < $1 AND last_at < $1 ORDER BY moved_at LIMIT $4)
        UNION ALL (SELECT * FROM delivery WHERE NOT test AND state IN ('posting', 'posted')
           AND moved_at < CASE state WHEN 'posting' THEN $2 ELSE $3::timestamptz END AND moved_at < greatest($2, $3) ORDER BY moved_at LIMIT $4)) d
  JOIN message m ON m.id = d.message_id
 ORDER BY d.moved_at, d.id LIMIT $4`, now.Add(-begunPatience), now.Add(-unseenPatience), now.Add(-silentPatience), limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[SilentLetter])
}
