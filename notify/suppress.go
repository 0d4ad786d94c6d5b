package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Why is why an address is not written to.
type Why string

const (
	BadAddress Why = "address"   // a mail system or network says that nobody is there: nothing is sent
	Complaint  Why = "complaint" // the addressee called a notice unwanted: only what they need or asked for
	Asked      Why = "asked"     // the addressee asked for it: the same
)

// Suppression is a reason not to write to an address. The address itself is not
// kept; Address is its keyed digest.
type Suppression struct {
	Channel Channel
	Address string // hex HMAC-SHA-256
	Reason  Why
	Since   time.Time
	Until   time.Time // zero: until somebody takes it away
}

// SuppressionsConfig of Suppressions. Pool and Key are needed.
type SuppressionsConfig struct {
	Pool *pgxpool.Pool
	Key  []byte           // of the digests, at least 32 octets
	Now  func() time.Time // default: the wall clock
}

// Suppressions knows which addresses are not written to. Safe for concurrent use.
type Suppressions struct {
	pool *pgxpool.Pool
	key  []byte
	now  func() time.Time
}

// NewSuppressions makes Suppressions. Errors: ErrConfig.
func NewSuppressions(cfg SuppressionsConfig) (*Suppressions, error) {
	if cfg.Pool == nil || len(cfg.Key) < 32 {
		return nil, fmt.Errorf("%w: suppressions need Pool and a Key of 32 octets", ErrConfig)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Suppressions{cfg.Pool, cfg.Key, cfg.Now}, nil
}

// digest is how an address is known here.
func (s *Suppressions) digest(addr string) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte("bode suppression 1\x00" + plainAddress(addr)))
	return h.Sum(nil)
}

const upsertSuppression = `
INSERT INTO suppression (channel, address, reason, since, until) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (channel, address, reason) DO UPDATE SET until = excluded.until
 WHERE suppression.until IS NOT NULL AND (excluded.until IS NULL OR excluded.until > suppression.until)`

// Add notes in tx a reason not to write to addr; one that is there already lasts
// as long as the longer of the two. x.Address is ignored.
func (s *Suppressions) Add(ctx context.Context, tx pgx.Tx, x Suppression, addr string) error {
	var until *time.Time
	if !x.Until.IsZero() {
		until = &x.Until
	}
	_, err := tx.Exec(ctx, upsertSuppression, string(x.Channel), s.digest(addr), string(x.Reason), x.Since, until)
	if err != nil {
		return fmt.Errorf("notify: suppress: %w", err)
	}
	return nil
}

const (
	suppressionColumns  = `SELECT channel, address, reason, since, until FROM suppression `
	selectSuppressions  = suppressionColumns + `WHERE (until IS NULL OR until > $1) ORDER BY since, channel, address, reason LIMIT $2`
	selectSuppressionOf = suppressionColumns + `WHERE channel = $2 AND address = $3 AND (until IS NULL OR until > $1)`
	deleteSuppressionOf = `DELETE FROM suppression WHERE channel = $1 AND address = $2`
	deleteOver          = `DELETE FROM suppression WHERE until <= $1`
)

// List returns what holds now, oldest first, at most limit.
func (s *Suppressions) List(ctx context.Context, limit int) ([]Suppression, error) {
	return s.query(ctx, selectSuppressions, s.now(), limit)
}

// Of returns every reason not to write to addr that holds now.
func (s *Suppressions) Of(ctx context.Context, ch Channel, addr string) ([]Suppression, error) {
	return s.query(ctx, selectSuppressionOf, s.now(), string(ch), s.digest(addr))
}

func (s *Suppressions) query(ctx context.Context, sql string, args ...any) ([]Suppression, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("notify: read suppressions: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x Suppression, err error) {
		var digest []byte
		var until *time.Time
		err = row.Scan(&x.Channel, &digest, &x.Reason, &x.Since, &until)
		x.Address, x.Since = hex.EncodeToString(digest), x.Since.UTC()
		if until != nil {
			x.Until = until.UTC()
		}
		return x, err
	})
	if err != nil {
		return nil, fmt.Errorf("notify: read suppressions: %w", err)
	}
	return list, nil
}

// Remove lets addr be written to again, and returns how many reasons went.
func (s *Suppressions) Remove(ctx context.Context, ch Channel, addr string) (int, error) {
	tag, err := s.pool.Exec(ctx, deleteSuppressionOf, string(ch), s.digest(addr))
	if err != nil {
		return 0, fmt.Errorf("notify: remove suppression: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// Sweep removes what no longer holds, and returns how many.
func (s *Suppressions) Sweep(ctx context.Context) (int, error) {
	tag, err := s.pool.Exec(ctx, deleteOver, s.now())
	if err != nil {
		return 0, fmt.Errorf("notify: sweep suppressions: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
