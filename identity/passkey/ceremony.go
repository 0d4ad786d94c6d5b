package passkey

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/jackc/pgx/v5"
)

// What was begun.
const (
	kindRegister = "register"
	kindSignIn   = "sign_in"
	kindAgain    = "again"
)

// maxAnswer bounds what a browser may answer, in octets.
const maxAnswer = 64 << 10

// begun keeps a challenge until it is answered and returns the options for the
// browser. holder is what only that browser has.
func (s *Service) begun(ctx context.Context, kind, holder, person string, options any, data *webauthn.SessionData) ([]byte, error) {
	b, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("passkey: begin: %w", err)
	}
	saved, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("passkey: begin: %w", err)
	}
	hash, err := challengeHash(data.Challenge)
	if err != nil {
		return nil, err
	}
	var who *string
	if person != "" {
		who = &person
	}
	at := s.now()
	_, err = s.Pool.Exec(ctx, `
INSERT INTO webauthn_ceremony (challenge_hash, binding, kind, person_id, data, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		hash, binding(holder), kind, who, saved, at, at.Add(life))
	if err != nil {
		return nil, fmt.Errorf("passkey: begin: %w", err)
	}
	return b, nil
}

// take takes what was begun out of its place: of any number of answers at once
// one gets it. person is whose it has to be, or "" while nobody is known. Errors:
// ErrStale.
func (s *Service) take(ctx context.Context, kind, holder, person, challenge string) (data webauthn.SessionData, err error) {
	hash, err := challengeHash(challenge)
	if err != nil || holder == "" {
		return data, ErrStale
	}
	var saved []byte
	err = s.Pool.QueryRow(ctx, `
DELETE FROM webauthn_ceremony
 WHERE challenge_hash = $1 AND binding = $2 AND kind = $3 AND coalesce(person_id::text, '') = $4 AND expires_at > $5
RETURNING data`, hash, binding(holder), kind, person, s.now()).Scan(&saved)
	if errors.Is(err, pgx.ErrNoRows) {
		return data, ErrStale
	}
	if err != nil {
		return data, fmt.Errorf("passkey: finish: %w", err)
	}
	if err := json.Unmarshal(saved, &data); err != nil {
		return data, fmt.Errorf("passkey: finish: %w", err)
	}
	return data, nil
}

// Stale reports whether err means that one has to begin again: nothing of the
// kind was begun in this browser, it is too long ago, or the answer does not fit.
func (s *Service) Stale(err error) bool {
	return errors.Is(err, ErrStale) || errors.Is(err, ErrRefused) || errors.Is(err, ErrTwice)
}

func challengeHash(challenge string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(challenge)
	if err != nil || len(raw) < 16 {
		return nil, ErrStale
	}
	sum := sha256.Sum256(raw)
	return sum[:], nil
}

func binding(holder string) []byte {
	sum := sha256.Sum256([]byte(holder))
	return sum[:]
}
