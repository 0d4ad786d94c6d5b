package otp

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Check uses up the code of a channel of a delivery, in the caller's transaction
// and at the caller's time. Nil means that the code was right and is used when
// that transaction commits; if it rolls back, the code can be typed again. Of
// any number of checks at once, one gets nil.
//
// A well-formed try is counted, and committed, before it is compared, on a
// connection of this Service and not in tx. So the caller may roll back on any
// error, or die, and the try stays counted: guessing in parallel or hanging up
// early buys nothing. It also means that the challenge must be committed before
// it can be checked. That connection only touches a row no caller's transaction
// ever locks, so nobody waits for anybody.
//
// Only the latest challenge counts. Blanks and hyphens in code are ignored;
// anything that is not six digits is wrong without costing a try.
//
// Errors: *WrongCode (ErrCodeWrong), ErrCodeExpired, ErrCodeUsed,
// ErrTooManyTries, ErrNoCode. After each of them tx is as it was.
func (s *Service) Check(ctx context.Context, tx pgx.Tx, delivery, ch, code string, at time.Time) error {
	if _, err := uuid.Parse(delivery); err != nil {
		return ErrNoCode
	}
	at = at.UTC().Truncate(time.Microsecond)
	c, err := latest(ctx, tx, delivery, ch)
	switch {
	case err != nil:
		return err
	case c.UsedAt != nil:
		return ErrCodeUsed
	case at.Before(c.IssuedAt) || !at.Before(c.ExpiresAt): // not before its time either
		return ErrCodeExpired
	}
	typed, wellFormed := sixDigits(code)
	if !wellFormed {
		return s.left(ctx, c)
	}
	n, err := s.count(ctx, c)
	if err != nil {
		return err
	}
	want, err := s.Code(c)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(want), []byte(typed)) != 1 {
		return &WrongCode{Left: MaxTries - n}
	}
	tag, err := tx.Exec(ctx, `UPDATE code_challenge SET used_at = $2 WHERE id = $1 AND used_at IS NULL`, c.ID, at)
	if err != nil {
		return fmt.Errorf("otp: check: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return ErrCodeUsed // somebody committed it first
	}
	return nil
}

// count commits one more try and returns how many there were.
func (s *Service) count(ctx context.Context, c Challenge) (n int, err error) {
	err = s.tries.QueryRow(ctx, `UPDATE code_try SET tries = tries + 1 WHERE challenge_id = $1 AND tries < $2 RETURNING tries`, c.ID, MaxTries).Scan(&n)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, ErrTooManyTries
	}
	if err != nil {
		return 0, fmt.Errorf("otp: count try: %w", err)
	}
	return n, nil
}

// left answers a try that was not counted.
func (s *Service) left(ctx context.Context, c Challenge) error {
	var n int
	err := s.tries.QueryRow(ctx, `SELECT tries FROM code_try WHERE challenge_id = $1`, c.ID).Scan(&n)
	switch {
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("otp: check: %w", err)
	case err != nil || n >= MaxTries:
		return ErrTooManyTries
	}
	return &WrongCode{Left: MaxTries - n}
}

// sixDigits is what was typed without what people put between digits.
func sixDigits(code string) (string, bool) {
	if len(code) > 40 {
		return "", false
	}
	code = strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\t", "", "\r", "", "\n", "").Replace(code)
	if len(code) != 6 || strings.Trim(code, "0123456789") != "" {
		return "", false
	}
	return code, true
}
