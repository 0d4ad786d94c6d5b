package identity

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// TokenLife is how long a token of a client is good.
const TokenLife = 10 * time.Minute

// ErrScope says that a client asked for what it may not do.
var ErrScope = errors.New("identity: client does not have this scope")

// Grant is what a client asks a token for.
type Grant struct {
	Assertion   string            // a signed JWT
	Audiences   []string          // what we are called, any of which it may be for
	Scopes      string            // separated by blanks; empty: all that the client has
	Certificate *x509.Certificate // of the connection; the token is bound to it. nil: none
	IP          string
}

// Token is what a client gets. Secret exists nowhere else.
type Token struct {
	Secret string
	Scopes []Scope
	Life   time.Duration
}

// GrantToken gives a client a token for what it may do, for ten minutes. With a
// certificate the token is good with that certificate only.
//
// Errors: ErrKey when the assertion proves nothing, ErrCertificate when the
// account demands a registered one, ErrScope.
//
// RFC 6749 §4.4, RFC 7523 §2.2, RFC 8705 §3
func (s *Service) GrantToken(ctx context.Context, g Grant) (Token, error) {
	c, err := s.proveClient(ctx, g.Assertion, g.Audiences)
	if err != nil {
		return Token{}, err
	}
	if err := s.checkCertificate(ctx, c.Key, g.Certificate); err != nil {
		return Token{}, err
	}
	scopes, err := narrowed(c.Scopes, g.Scopes)
	if err != nil {
		return Token{}, err
	}
	secret := newSecret(access)
	hash := sha256.Sum256([]byte(secret))
	var bound []byte
	if g.Certificate != nil {
		sum := sha256.Sum256(g.Certificate.Raw)
		bound = sum[:]
	}
	at := s.now()
	_, err = s.pool.Exec(ctx, `INSERT INTO access_token (token_hash, key_id, scopes, x5t, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		hash[:], c.ID, scopes, bound, at, at.Add(TokenLife))
	if err != nil {
		return Token{}, fmt.Errorf("identity: grant token: %w", err)
	}
	s.used(ctx, c.ID, g.IP)
	return Token{Secret: secret, Scopes: scopes, Life: TokenLife}, nil
}

// narrowed is what was asked for, of what there is.
func narrowed(have []Scope, asked string) ([]Scope, error) {
	names := strings.Fields(asked)
	if len(names) == 0 {
		return have, nil
	}
	var out []Scope
	for _, n := range names {
		if !slices.Contains(have, Scope(n)) {
			return nil, ErrScope
		}
		if !slices.Contains(out, Scope(n)) {
			out = append(out, Scope(n))
		}
	}
	return out, nil
}
