package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/jackc/pgx/v5"
)

// NewClient is what registering a client takes: a key without a secret, and the
// public keys it signs assertions with, either here or at an address.
type NewClient struct {
	NewKey
	JWKS    string // a JSON Web Key Set (RFC 7517 §5)
	JWKSURL string // https
}

// maxKeySet bounds a key set, in octets; maxKeys its keys.
const (
	maxKeySet = 64 << 10
	maxKeys   = 10
)

// ed25519Only is what EdDSA with this curve is called since RFC 9864 §2.2.
const ed25519Only jose.SignatureAlgorithm = "Ed25519"

// clientAlgorithms are those that assertions may be signed with.
func clientAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.EdDSA, ed25519Only}
}

// MakeClient registers a client of an account; its id is the client_id. Only
// administrators may, and the system. Errors: as [Service.MakeKey].
//
// RFC 7523 §2.2
func (s *Service) MakeClient(ctx context.Context, by Actor, account string, n NewClient) (Key, error) {
	bad := n.check()
	n.JWKS, n.JWKSURL = strings.TrimSpace(n.JWKS), strings.TrimSpace(n.JWKSURL)
	switch {
	case (n.JWKS == "") == (n.JWKSURL == ""):
		bad = append(bad, FieldError{"jwks", "missing"})
	case n.JWKS != "":
		if _, err := readKeySet([]byte(n.JWKS)); err != nil {
			bad = append(bad, FieldError{"jwks", "malformed"})
		}
	case !keySetAddress(n.JWKSURL):
		bad = append(bad, FieldError{"jwks_url", "malformed"})
	}
	if err := bad.orNil(); err != nil {
		return Key{}, err
	}
	end := s.now().Add(n.Life)
	var k Key
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
		if k, err = s.insertKey(ctx, tx, by, account, n.NewKey, KindClient, nil, &end); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO api_client (key_id, jwks, jwks_url) VALUES ($1, $2::jsonb, $3)`, k.ID, orNull(n.JWKS), orNull(n.JWKSURL))
		if err != nil {
			return fmt.Errorf("identity: make client: %w", err)
		}
		return nil
	})
	return k, err
}

// keySetAddress reports whether keys may be fetched there: https, a name, and
// nothing that hides another address.
func keySetAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 500 && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Fragment == "" && u.Opaque == ""
}

// readKeySet reads public keys that sign: P-256, RSA of 2048 bits or more, or
// Ed25519. A set that holds anything secret is refused: whoever sent it should
// make new keys.
func readKeySet(b []byte) (set jose.JSONWebKeySet, err error) {
	if len(b) > maxKeySet {
		return set, errors.New("identity: key set is too large")
	}
	if err := json.Unmarshal(b, &set); err != nil {
		return set, fmt.Errorf("identity: key set: %w", err)
	}
	if len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return set, errors.New("identity: key set has no keys, or too many")
	}
	for _, k := range set.Keys {
		if !k.IsPublic() || !k.Valid() || k.Use != "" && k.Use != "sig" || algorithmOf(k) == "" || k.Algorithm != "" && !signs(k, k.Algorithm) {
			return set, errors.New("identity: key set has a key that cannot sign assertions")
		}
	}
	return set, nil
}

// client is what a grant needs to know.
type client struct {
	Key
	jwks    []byte
	jwksURL string
}

// client finds a client that may get tokens. Errors: ErrKey.
func (s *Service) client(ctx context.Context, id string) (c client, err error) {
	if !isID(id) {
		return c, ErrKey
	}
	rows, err := s.pool.Query(ctx, selectKey+` WHERE k.id = $1 AND k.kind = 'client'`+goodKey, id, s.now())
	if err != nil {
		return c, fmt.Errorf("identity: client: %w", err)
	}
	c.Key, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Key])
	if errors.Is(err, pgx.ErrNoRows) {
		return c, ErrKey
	}
	if err != nil {
		return c, fmt.Errorf("identity: client: %w", err)
	}
	err = s.pool.QueryRow(ctx, `SELECT coalesce(jwks::text, ''), coalesce(jwks_url, '') FROM api_client WHERE key_id = $1`, id).Scan(&c.jwks, &c.jwksURL)
	if err != nil {
		return c, fmt.Errorf("identity: client: %w", err)
	}
	return c, nil
}
