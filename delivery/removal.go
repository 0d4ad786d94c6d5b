package delivery

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// MaxRemovals bounds how many removals are listed for a sender.
const MaxRemovals = 10_000

// endOfTime is after every removal.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// Removal is what is left of a message whose retention ended: the evidence that it
// was removed (R23). Heads is the SHA-256 over the last hashes of its deliveries,
// which stand in the evidence that people kept: it tells of which chains it was.
type Removal struct {
	Message    ID        `json:"message"`
	DueAt      time.Time `json:"due_at"`
	ErasedAt   time.Time `json:"erased_at"`
	ContentsAt time.Time `json:"contents_removed_at,omitzero"` // before the rest; zero: with it
	Deliveries int       `json:"deliveries"`
	Pieces     int       `json:"keys_forgotten"`
	Heads      string    `json:"heads_sha256"`
}

// CountRemovals says how many live messages of an account were removed.
func (s *Service) CountRemovals(ctx context.Context, account string) (n int, err error) {
	err = s.Pool.QueryRow(ctx, `SELECT count(*) FROM erasure WHERE account_id = $1 AND NOT test`, account).Scan(&n)
	return n, err
}

// Removals lists what is left of the live messages, or of the tests, of an account,
// newest first: at most limit (up to MaxRemovals), older than after (zero: from the
// newest). Of after only ErasedAt and Message count.
func (s *Service) Removals(ctx context.Context, account string, test bool, after Removal, limit int) ([]Removal, error) {
	if after.Message == "" {
		after = Removal{Message: ID(uuid.Max.String()), ErasedAt: endOfTime}
	}
	rows, err := s.Pool.Query(ctx, `
SELECT message_id, due_at, erased_at, contents_at, deliveries, pieces, heads FROM erasure
 WHERE account_id = $1 AND test = $2 AND (erased_at, message_id) < ($3, $4) ORDER BY erased_at DESC, message_id DESC LIMIT $5`,
		account, test, after.ErasedAt, string(after.Message), min(max(limit, 1), MaxRemovals))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (x Removal, err error) {
		var heads []byte
		var contents *time.Time
		err = r.Scan(&x.Message, &x.DueAt, &x.ErasedAt, &contents, &x.Deliveries, &x.Pieces, &heads)
		x.DueAt, x.ErasedAt, x.Heads = x.DueAt.UTC(), x.ErasedAt.UTC(), hex.EncodeToString(heads)
		if contents != nil {
			x.ContentsAt = contents.UTC()
		}
		return x, err
	})
}

// HeldMessages counts the messages of an account that are under a legal hold.
func (s *Service) HeldMessages(ctx context.Context, account string) (n int, err error) {
	err = s.Pool.QueryRow(ctx, `SELECT count(*) FROM legal_hold h JOIN message m ON m.id = h.message_id WHERE h.lifted_at IS NULL AND m.account_id = $1`, account).Scan(&n)
	return n, err
}
