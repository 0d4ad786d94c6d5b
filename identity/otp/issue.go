package otp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Issue makes a challenge for one channel of a delivery, in the caller's
// transaction: the code exists when that commits. It replaces the one before it
// on that channel, and its code differs from a live one on the other channel.
//
// Errors: ErrTooManyCodes, after which the transaction can still be committed.
func (s *Service) Issue(ctx context.Context, tx pgx.Tx, delivery, ch string, at time.Time) (Challenge, error) {
	if ch != Email && ch != SMS {
		return Challenge{}, fmt.Errorf("otp: unknown channel %q", ch)
	}
	at = at.UTC().Truncate(time.Microsecond)
	// Two who ask at once for one delivery are counted one after the other.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('bode code ' || $1::uuid, 0))`, delivery); err != nil {
		return Challenge{}, fmt.Errorf("otp: issue: %w", err)
	}
	var n int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM code_challenge WHERE subject_id = $1 AND channel = $2 AND issued_at > $3`,
		delivery, ch, at.Add(-time.Hour)).Scan(&n)
	if err != nil {
		return Challenge{}, fmt.Errorf("otp: issue: %w", err)
	}
	if n >= MaxPerHour {
		return Challenge{}, ErrTooManyCodes
	}
	c := Challenge{Delivery: delivery, Channel: ch, IssuedAt: at, ExpiresAt: at.Add(Validity)}
	if c.ID, err = s.distinct(ctx, tx, c); err != nil {
		return Challenge{}, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO code_challenge (id, subject_id, channel, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		c.ID, c.Delivery, c.Channel, c.IssuedAt, c.ExpiresAt)
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO code_try (challenge_id) VALUES ($1)`, c.ID)
	}
	if err != nil {
		return Challenge{}, fmt.Errorf("otp: issue: %w", err)
	}
	return c, nil
}

// distinct picks an id whose code is not the live one of the other channel, so
// that who reads one channel never knows the other's code by chance.
func (s *Service) distinct(ctx context.Context, tx pgx.Tx, c Challenge) (string, error) {
	other := Email
	if c.Channel == Email {
		other = SMS
	}
	var taken string
	o, err := latest(ctx, tx, c.Delivery, other)
	switch {
	case err == nil:
		if taken, err = s.Code(o); err != nil {
			return "", err
		}
	case !errors.Is(err, ErrNoCode):
		return "", err
	}
	for {
		id, err := uuid.NewV7()
		if err != nil {
			return "", fmt.Errorf("otp: issue: %w", err)
		}
		c.ID = id.String()
		if code, err := s.Code(c); err != nil || code != taken {
			return c.ID, err
		}
	}
}

// Find returns a challenge by its id. Errors: ErrNoCode.
func (s *Service) Find(ctx context.Context, id string) (Challenge, error) {
	if _, err := uuid.Parse(id); err != nil {
		return Challenge{}, ErrNoCode
	}
	rows, err := s.pool.Query(ctx, selectChallenge+` WHERE c.id = $1`, id)
	return one(rows, err)
}

// latest returns the challenge that counts for a channel.
func latest(ctx context.Context, tx pgx.Tx, delivery, ch string) (Challenge, error) {
	rows, err := tx.Query(ctx, selectChallenge+` WHERE c.subject_id = $1 AND c.channel = $2 ORDER BY c.issued_at DESC, c.id DESC LIMIT 1`, delivery, ch)
	return one(rows, err)
}

const selectChallenge = `
SELECT c.id, c.subject_id, c.channel, c.issued_at, c.expires_at, c.used_at,
       EXISTS (SELECT FROM code_challenge n WHERE n.subject_id = c.subject_id AND n.channel = c.channel
                  AND (n.issued_at, n.id) > (c.issued_at, c.id))
  FROM code_challenge c`

func one(rows pgx.Rows, err error) (Challenge, error) {
	if err != nil {
		return Challenge{}, fmt.Errorf("otp: %w", err)
	}
	c, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Challenge])
	if errors.Is(err, pgx.ErrNoRows) {
		return Challenge{}, ErrNoCode
	}
	if err != nil {
		return Challenge{}, fmt.Errorf("otp: %w", err)
	}
	return c, nil
}

// Forget removes the codes of a delivery, in the caller's transaction, when its
// retention ends.
func (s *Service) Forget(ctx context.Context, tx pgx.Tx, delivery string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM code_challenge WHERE subject_id = $1`, delivery); err != nil {
		return fmt.Errorf("otp: forget: %w", err)
	}
	return nil
}
