package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Mailbox is the Mailbox of one means; path makes the address on our host where
// the person of an errand goes on.
func (s *Service) Mailbox(m Means, path func(login string) string) Mailbox {
	return mailbox{s, m.Method(), path}
}

type mailbox struct {
	s      *Service
	method string
	path   func(string) string
}

// Saved implements [Mailbox].
func (b mailbox) Saved(ctx context.Context, key string) ([]byte, error) {
	var id string
	var saved []byte
	err := b.s.pool.QueryRow(ctx, `SELECT id, saved FROM login_challenge WHERE key_hash = $1 AND method = $2 AND expires_at > $3`,
		hashed(key), b.method, b.s.now()).Scan(&id, &saved)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrLoginStale
	}
	if err != nil {
		return nil, fmt.Errorf("identity: mailbox: %w", err)
	}
	return b.s.box.Open(saved, challengePlace(id, "saved"))
}

// Deposit implements [Mailbox].
func (b mailbox) Deposit(ctx context.Context, key string, answer []byte) (string, error) {
	var id, login string
	err := b.s.pool.QueryRow(ctx, `SELECT id, login_id FROM login_challenge WHERE key_hash = $1 AND method = $2 AND expires_at > $3`,
		hashed(key), b.method, b.s.now()).Scan(&id, &login)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrLoginStale
	}
	if err != nil {
		return "", fmt.Errorf("identity: mailbox: %w", err)
	}
	sealed, err := b.s.box.Seal(answer, challengePlace(id, "answer"))
	if err != nil {
		return "", err
	}
	tag, err := b.s.pool.Exec(ctx, `UPDATE login_challenge SET answer = $2 WHERE id = $1 AND answer IS NULL`, id, sealed)
	if err != nil {
		return "", fmt.Errorf("identity: mailbox: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return "", ErrLoginStale
	}
	return b.path(login), nil
}
