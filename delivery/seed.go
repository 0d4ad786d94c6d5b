package delivery

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// A test may ask that identifiers be the same every time: they then follow from
// the account, the seed and the idempotency key, and are listed as the oldest. A
// live message never has such ones: its identifiers are not to be guessed.
//
// RFC 9562 §5.8

// seeded gives a test message the identifiers that follow from once.
func (m *Message) seeded(once Once) {
	if !m.Test || once.Seed == "" || once.Key == "" {
		return
	}
	m.ID = ID(derivedID(m.Account, once.Seed, once.Key))
	m.Number = derivedCode(4, 12, string(m.ID), "number")
}

// fixed reports that m has identifiers that follow from a seed.
func (m Message) fixed() bool {
	u, err := uuid.Parse(string(m.ID))
	return err == nil && m.Test && u.Version() == 8
}

// seededDelivery is the identifier and the notice code of a delivery of m, and
// false when they are to be new ones.
func (m Message) seededDelivery(position int) (id ID, code string, ok bool) {
	if !m.fixed() {
		return "", "", false
	}
	id = ID(derivedID(string(m.ID), fmt.Sprint(position)))
	return id, derivedCode(5, 10, string(id), "notice"), true
}

// derivedID is a UUID of version 8 that follows from parts.
func derivedID(parts ...string) string {
	sum := sumOf(parts)
	u := uuid.UUID(sum[:16])
	copy(u[:6], make([]byte, 6)) // older than any other
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return u.String()
}

// derivedCode is a code as grouped makes them, that follows from parts.
func derivedCode(group, length int, parts ...string) string {
	sum := sumOf(parts)
	s := crockford.EncodeToString(sum[:])[:length]
	var out []string
	for ; len(s) > 0; s = s[group:] {
		out = append(out, s[:group])
	}
	return strings.Join(out, "-")
}

func sumOf(parts []string) [32]byte {
	return sha256.Sum256([]byte("bode seed\x00" + strings.Join(parts, "\x00")))
}

// seededBefore finds the message that once made before: with the same identifier
// the database cannot tell the second from the first. ErrNotFound: none.
func (s *Service) seededBefore(ctx context.Context, m Message, once Once) (Message, error) {
	if !m.fixed() {
		return Message{}, ErrNotFound
	}
	ref, err := sameOnce(s.Pool.QueryRow(ctx, `SELECT kind, digest, ref FROM idempotency WHERE account_id = $1 AND key = $2`, m.Account, once.Key), "message", once)
	if errors.Is(err, pgx.ErrNoRows) {
		return Message{}, ErrNotFound
	}
	if err != nil {
		return Message{}, err
	}
	return s.Message(ctx, m.Account, ref)
}
