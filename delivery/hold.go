package delivery

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// LegalHold is an open hold: while it is, its message is not removed (R27).
type LegalHold struct {
	Message  ID
	Number   string
	Test     bool
	Reason   string
	PlacedBy string
	PlacedAt time.Time
	EndsAt   *time.Time // lifted by itself then; nil: by somebody
}

// Hold keeps a message beyond its retention while legal proceedings run (R27).
// Errors: ErrNotFound, ErrPurged; ErrHeld when one is open already.
func (s *Service) Hold(ctx context.Context, message ID, by identity.Actor, reason string) error {
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return s.HoldTx(ctx, tx, message, by, reason, nil) })
}

// HoldTx is Hold in the caller's transaction, until an end or, with nil, until it
// is lifted.
func (s *Service) HoldTx(ctx context.Context, tx pgx.Tx, message ID, by identity.Actor, reason string, ends *time.Time) error {
	var held bool
	var purged *time.Time
	err := tx.QueryRow(ctx, `SELECT held, purged_at FROM message WHERE id = $1 FOR UPDATE`, string(message)).Scan(&held, &purged)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNotFound
	case err != nil:
		return err
	case purged != nil:
		return ErrPurged
	case held:
		return ErrHeld
	}
	if _, err := tx.Exec(ctx, `INSERT INTO legal_hold (id, message_id, reason, placed_by, placed_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		uuid.Must(uuid.NewV7()).String(), string(message), reason, by.Subject, s.Now(), ends); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE message SET held = true WHERE id = $1`, string(message))
	return err
}

// Lift ends the open hold of a message; its retention goes on as it was.
// Errors: ErrNotFound when there is none.
func (s *Service) Lift(ctx context.Context, message ID, by identity.Actor) error {
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return s.LiftTx(ctx, tx, message, by) })
}

// LiftTx is Lift in the caller's transaction.
func (s *Service) LiftTx(ctx context.Context, tx pgx.Tx, message ID, by identity.Actor) error {
	tag, err := tx.Exec(ctx, `UPDATE legal_hold SET lifted_by = $2, lifted_at = $3 WHERE message_id = $1 AND lifted_at IS NULL`,
		string(message), by.Subject, s.Now())
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return ErrNotFound
	}
	_, err = tx.Exec(ctx, `UPDATE message SET held = false WHERE id = $1`, string(message))
	return err
}

// Holds returns every open hold of every account, oldest first.
func (s *Service) Holds(ctx context.Context) ([]LegalHold, error) {
	rows, err := s.Pool.Query(ctx, `SELECT h.message_id, m.number, m.test, h.reason, h.placed_by, h.placed_at, h.ends_at
		  FROM legal_hold h JOIN message m ON m.id = h.message_id
		 WHERE h.lifted_at IS NULL ORDER BY h.placed_at, h.id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (h LegalHold, err error) {
		err = r.Scan(&h.Message, &h.Number, &h.Test, &h.Reason, &h.PlacedBy, &h.PlacedAt, &h.EndsAt)
		h.PlacedAt = h.PlacedAt.UTC()
		return h, err
	})
}

// EndHolds lifts the holds that have come to their end, and says how many.
func (s *Service) EndHolds(ctx context.Context) (n int, err error) {
	holds, err := s.Holds(ctx)
	if err != nil {
		return 0, err
	}
	for _, h := range holds {
		if h.EndsAt == nil || s.Now().Before(*h.EndsAt) {
			continue
		}
		err := s.Lift(ctx, h.Message, identity.System)
		if err != nil && !errors.Is(err, ErrNotFound) { // another process, or somebody, was first
			return n, err
		}
		n++
	}
	return n, nil
}

// Named returns the message with this id, or with this number as people type
// it: small letters, blanks and missing hyphens do not matter. It asks nobody
// whose it is, so it is for operators and for no face. Errors: ErrNotFound.
func (s *Service) Named(ctx context.Context, name string) (Message, error) {
	column, key := "number", typedNumber(name)
	if id := strings.ToLower(strings.TrimSpace(name)); isID(id) {
		column, key = "id", id
	}
	m, err := scanMessage(s.Pool.QueryRow(ctx, sqlMessage+` WHERE `+column+` = $1`, key))
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return m, err
}

// typedNumber is the one form of a message number: XXXX-XXXX-XXXX.
func typedNumber(s string) string {
	s = strings.NewReplacer(" ", "", "-", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(s))
	if len(s) != 12 {
		return ""
	}
	return s[:4] + "-" + s[4:8] + "-" + s[8:]
}
