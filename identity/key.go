package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash/crc32"
	"math/big"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Mode says what a key's submissions are.
type Mode string

const (
	Test Mode = "test" // everything says it is a test; nothing reaches a stranger's letter box
	Live Mode = "live" //
)

// Key is an API key of an account, without its secret.
type Key struct {
	ID          string
	Account     string
	AccountName string // legal name, or the person's
	Test        bool
	Name        string
	CreatedAt   time.Time
	LastUsedAt  *time.Time // up to a minute late
	RevokedAt   *time.Time
}

// Actor is the key as an actor. A key is one factor and proves no level by
// itself; what binds it to a proven sender is the account
// (REQ-QERDS-5.2.2-04).
func (k Key) Actor(ip, userAgent string, at time.Time) Actor {
	return Actor{Kind: ActorKey, Subject: k.ID, Account: k.Account, Name: k.Name, Method: "api-key",
		ProvenAt: at, IP: clean(ip, 64), UserAgent: clean(userAgent, 500)}
}

// CreateKey makes a key and returns its secret, which exists nowhere else: it is
// shown once and cannot be found again. Only administrators of the account may,
// and the system.
//
// Errors: ErrForbidden, ErrNotFound, ErrClosed, FieldErrors.
func (s *Service) CreateKey(ctx context.Context, by Actor, account string, mode Mode, name string) (secret string, k Key, err error) {
	if mode != Test && mode != Live {
		return "", Key{}, FieldErrors{{"mode", "malformed"}}
	}
	if name = clean(strings.TrimSpace(name), 200); name == "" {
		return "", Key{}, FieldErrors{{"name", "missing"}}
	}
	secret = newSecret(mode)
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := s.lockAccount(ctx, tx, by, account); err != nil {
			return err
		}
		at := s.now()
		k = Key{Account: account, Test: mode == Test, Name: name, CreatedAt: at}
		if k.ID, err = newID(); err != nil {
			return err
		}
		hash := sha256.Sum256([]byte(secret))
		_, err := tx.Exec(ctx, `
INSERT INTO api_key (id, account_id, mode, name, secret_hash, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			k.ID, account, mode, name, hash[:], by.Subject, at)
		if err != nil {
			return fmt.Errorf("identity: create key: %w", err)
		}
		return s.logBy(ctx, tx, by, account, at, "key_created")
	})
	if err != nil {
		return "", Key{}, err
	}
	return secret, k, nil
}

// RevokeKey ends a key for good, from the next request on. Revoking it again is
// no error. Errors: ErrForbidden, ErrNotFound.
func (s *Service) RevokeKey(ctx context.Context, by Actor, account, key string) error {
	if !isID(key) {
		return ErrNotFound
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.administers(ctx, tx, by, account); err != nil {
			return err
		}
		at := s.now()
		tag, err := tx.Exec(ctx, `
UPDATE api_key SET revoked_at = coalesce(revoked_at, greatest(created_at, $3)) WHERE id = $1 AND account_id = $2`, key, account, at)
		if err := oneRow(tag.RowsAffected(), err); err != nil {
			return err
		}
		return s.logBy(ctx, tx, by, account, at, "key_revoked")
	})
}

// Keys lists the keys of an account, revoked ones too. Errors: ErrForbidden, ErrNotFound.
func (s *Service) Keys(ctx context.Context, by Actor, account string) ([]Key, error) {
	if err := s.administers(ctx, s.pool, by, account); err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, selectKey+` WHERE k.account_id = $1 ORDER BY k.created_at, k.id`, account)
	if err != nil {
		return nil, fmt.Errorf("identity: keys: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Key])
}

// AuthenticateKey finds the key of a bearer token. What is not of our shape is
// refused without asking the database; the rest costs one indexed query. The
// token has 256 random bits and is looked up by its SHA-256, so that the time it
// takes tells nothing about other tokens.
//
// Errors: ErrKey, which also covers an account that is closed or suspended.
func (s *Service) AuthenticateKey(ctx context.Context, bearer, ip string) (Key, error) {
	return authenticate(ctx, s, bearer, ip, selectKey+goodKey, func(k Key) Key { return k })
}

// AuthenticateSender is AuthenticateKey and the [Service.Profile] of the key's
// account, in one query: for a call that goes on to act in its name.
func (s *Service) AuthenticateSender(ctx context.Context, bearer, ip string) (Key, AccountProfile, error) {
	f, err := authenticate(ctx, s, bearer, ip, selectSender+goodKey, func(f keyAndProfile) Key { return f.Key })
	return f.Key, f.AccountProfile, err
}

// keyAndProfile is a row of selectSender.
type keyAndProfile struct {
	Key
	AccountProfile
}

// authenticate finds a good key, with what else query selects.
func authenticate[T any](ctx context.Context, s *Service, bearer, ip, query string, keyOf func(T) Key) (found T, err error) {
	var none T
	mode, ok := secretMode(bearer)
	if !ok {
		return none, ErrKey
	}
	hash := sha256.Sum256([]byte(bearer))
	rows, err := s.pool.Query(ctx, query, hash[:])
	if err != nil {
		return none, fmt.Errorf("identity: authenticate key: %w", err)
	}
	found, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[T])
	if errors.Is(err, pgx.ErrNoRows) {
		s.log.InfoContext(ctx, "unknown or revoked key", "ip", clean(ip, 64))
		return none, ErrKey
	}
	if err != nil {
		return none, fmt.Errorf("identity: authenticate key: %w", err)
	}
	k := keyOf(found)
	if k.Test != (mode == Test) {
		return none, ErrKey
	}
	s.used(ctx, k.ID)
	return found, nil
}

const keyColumns = `k.id, k.account_id,
       CASE WHEN a.kind = 'company' THEN a.name ELSE coalesce((
           SELECT p.given || ' ' || p.family FROM membership m JOIN person p ON p.id = m.person_id
            WHERE m.account_id = a.id ORDER BY m.created_at LIMIT 1), '') END,
       k.mode = 'test', k.name, k.created_at, k.last_used_at, k.revoked_at`

const selectKey = `SELECT ` + keyColumns + ` FROM api_key k JOIN account a ON a.id = k.account_id`

const selectSender = `SELECT ` + keyColumns + `, ` + profileColumns + ` FROM api_key k JOIN account a ON a.id = k.account_id` + profilePerson

const goodKey = ` WHERE k.secret_hash = $1 AND k.revoked_at IS NULL AND a.closed_at IS NULL AND a.suspended_at IS NULL`

const (
	alphabet   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	secretSize = 43 // characters: 256.03 bits
	checkSize  = 6  // characters: a CRC-32, to tell a typing error from an attack and to let scanners find leaked keys
)

// newSecret is bode_MODE_, 43 random characters, and a checksum over all that.
func newSecret(mode Mode) string {
	var b strings.Builder
	b.WriteString("bode_" + string(mode) + "_")
	size := big.NewInt(int64(len(alphabet)))
	for range secretSize {
		n, err := rand.Int(rand.Reader, size)
		if err != nil {
			panic(err) // crypto/rand never fails
		}
		b.WriteByte(alphabet[n.Int64()])
	}
	return b.String() + checksum(b.String())
}

// secretMode checks the shape of a secret.
func secretMode(s string) (Mode, bool) {
	for _, m := range []Mode{Test, Live} {
		rest, ok := strings.CutPrefix(s, "bode_"+string(m)+"_")
		if !ok || len(rest) != secretSize+checkSize || strings.Trim(rest, alphabet) != "" {
			continue
		}
		cut := len(s) - checkSize
		return m, subtle.ConstantTimeCompare([]byte(checksum(s[:cut])), []byte(s[cut:])) == 1
	}
	return "", false
}

func checksum(s string) string {
	n := crc32.ChecksumIEEE([]byte(s))
	out := make([]byte, checkSize)
	for i := range out {
		out[checkSize-1-i] = alphabet[n%62]
		n /= 62
	}
	return string(out)
}
