package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// tell puts notes into the caller's transaction. Without a Teller nobody is told.
func (s *Service) tell(ctx context.Context, tx pgx.Tx, notes ...Note) error {
	if s.teller == nil || len(notes) == 0 {
		return nil
	}
	return s.teller.Tell(ctx, tx, notes...)
}

// tellPerson tells a person by e-mail, and by SMS too where sms says so, at the
// addresses that are the person's own in this transaction.
func (s *Service) tellPerson(ctx context.Context, tx pgx.Tx, person string, n Note, sms bool) error {
	var mobile string
	err := tx.QueryRow(ctx, `SELECT email, mobile, language FROM person WHERE id = $1`, person).Scan(&n.To, &mobile, &n.Language)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("identity: tell: %w", err)
	}
	n.Channel = "email"
	notes := []Note{n}
	if sms {
		n.Channel, n.To = "sms", mobile
		notes = append(notes, n)
	}
	return s.tell(ctx, tx, notes...)
}
