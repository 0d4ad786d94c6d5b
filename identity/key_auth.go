package identity

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Presented is what a caller shows: a secret or token, and the certificate of its
// connection, whose private key the caller has shown to hold.
type Presented struct {
	Bearer      string
	IP          string
	Certificate *x509.Certificate // nil: none
}

// AuthenticateKey finds the key of a bearer token. What is not of our shape is
// refused without asking the database; the rest costs one indexed query. The
// token has 256 random bits and is looked up by its SHA-256, so that the time it
// takes tells nothing about other tokens.
//
// Errors: ErrKey, which also covers an account that is closed or suspended and a
// key that is blocked or ended; ErrCertificate.
func (s *Service) AuthenticateKey(ctx context.Context, bearer, ip string) (Key, error) {
	return s.Authenticate(ctx, Presented{Bearer: bearer, IP: ip})
}

// AuthenticateSender is AuthenticateKey and the [Service.Profile] of the key's
// account, in one query: for a call that goes on to act in its name.
func (s *Service) AuthenticateSender(ctx context.Context, bearer, ip string) (Key, AccountProfile, error) {
	return s.AuthenticateAs(ctx, Presented{Bearer: bearer, IP: ip})
}

// Authenticate is AuthenticateKey for a caller that may have a certificate.
//
// REQ-QERDS-5.2.2-04
func (s *Service) Authenticate(ctx context.Context, p Presented) (Key, error) {
	return authenticate(ctx, s, p, "", func(k Key) Key { return k })
}

// AuthenticateAs is AuthenticateSender for a caller that may have a certificate.
func (s *Service) AuthenticateAs(ctx context.Context, p Presented) (Key, AccountProfile, error) {
	f, err := authenticate(ctx, s, p, ", "+profileColumns, func(f keyAndProfile) Key { return f.Key })
	return f.Key, f.AccountProfile, err
}

// keyAndProfile is a key with what its account is.
type keyAndProfile struct {
	Key
	AccountProfile
}

// authenticate finds a good key, with more columns where the caller wants them.
func authenticate[T any](ctx context.Context, s *Service, p Presented, more string, keyOf func(T) Key) (found T, err error) {
	var none T
	mode, ok := secretMode(p.Bearer)
	if !ok {
		return none, ErrKey
	}
	query := `SELECT ` + keyColumns + ownScopes + more + keyTables
	good := ` WHERE k.secret_hash = $1`
	if mode == access {
		query = `SELECT ` + keyColumns + tokenScopes + more + keyTables + ` JOIN access_token t ON t.key_id = k.id`
		good = ` WHERE t.token_hash = $1 AND t.expires_at > $2`
	}
	if more != "" {
		query += profilePerson
	}
	hash := sha256.Sum256([]byte(p.Bearer))
	rows, err := s.pool.Query(ctx, query+good+goodKey, hash[:], s.now())
	if err != nil {
		return none, fmt.Errorf("identity: authenticate key: %w", err)
	}
	found, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[T])
	if errors.Is(err, pgx.ErrNoRows) {
		s.log.InfoContext(ctx, "unknown or revoked key", "ip", clean(p.IP, 64))
		return none, ErrKey
	}
	if err != nil {
		return none, fmt.Errorf("identity: authenticate key: %w", err)
	}
	k := keyOf(found)
	if mode != access && k.Mode != mode {
		return none, ErrKey
	}
	if err := s.checkCertificate(ctx, k, p.Certificate); err != nil {
		return none, err
	}
	s.used(ctx, k.ID, p.IP)
	return found, nil
}

const keyColumns = `k.id, k.account_id,
       CASE WHEN a.kind = 'company' THEN a.name ELSE coalesce((
           SELECT p.given || ' ' || p.family FROM membership m JOIN person p ON p.id = m.person_id
            WHERE m.account_id = a.id ORDER BY m.created_at LIMIT 1), '') END,
       k.kind, k.mode, k.mode = 'test', k.name, k.created_at, k.expires_at, k.last_used_at, k.last_used_ip, k.blocked_at, k.revoked_at,
       a.certificate_since IS NOT NULL, `

// What follows keyColumns: the scopes of a key, or those of a token.
const (
	ownScopes   = `k.scopes, NULL::bytea`
	tokenScopes = `t.scopes, t.x5t`
)

const keyTables = ` FROM api_key k JOIN account a ON a.id = k.account_id`

const selectKey = `SELECT ` + keyColumns + ownScopes + keyTables

const goodKey = ` AND k.revoked_at IS NULL AND k.blocked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)
   AND a.closed_at IS NULL AND a.suspended_at IS NULL`
