package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Bounds of an assertion.
const (
	maxAssertion     = 16 << 10 // octets
	assertionLife    = 10 * time.Minute
	assertionLeeway  = 30 * time.Second
	maxAssertionName = 200 // octets of jti
)

// errAssertion says that an assertion proves nothing; why stands in the log only.
var errAssertion = fmt.Errorf("%w: assertion refused", ErrKey)

// proveClient takes a client's signed assertion: who it is from, that it is for one
// of audiences, and that it was not used before.
//
// RFC 7523 §3
func (s *Service) proveClient(ctx context.Context, assertion string, audiences []string) (client, error) {
	if len(assertion) > maxAssertion {
		return client{}, errAssertion
	}
	t, err := jwt.ParseSigned(assertion, clientAlgorithms())
	if err != nil || len(t.Headers) != 1 {
		return client{}, errAssertion
	}
	var unsure jwt.Claims // nothing is believed of it but whose keys to look for
	if err := t.UnsafeClaimsWithoutVerification(&unsure); err != nil || unsure.Issuer != unsure.Subject {
		return client{}, errAssertion
	}
	c, err := s.client(ctx, unsure.Issuer)
	if err != nil {
		return client{}, err
	}
	key, err := s.keyOf(ctx, c, t.Headers[0])
	if err != nil {
		return client{}, err
	}
	var claims jwt.Claims
	if err := t.Claims(key, &claims); err != nil {
		return client{}, errAssertion
	}
	if !s.timely(claims) || claims.Issuer != c.ID || claims.Subject != c.ID ||
		len(claims.Audience) != 1 || !slices.Contains(audiences, claims.Audience[0]) {
		return client{}, errAssertion
	}
	return c, s.useOnce(ctx, c.ID, claims)
}

// timely reports whether an assertion holds now, and not for longer than one needs.
func (s *Service) timely(c jwt.Claims) bool {
	at := s.now()
	if c.Expiry == nil || !at.Before(c.Expiry.Time().Add(assertionLeeway)) || c.Expiry.Time().After(at.Add(assertionLife+assertionLeeway)) {
		return false
	}
	if c.NotBefore != nil && c.NotBefore.Time().After(at.Add(assertionLeeway)) {
		return false
	}
	return c.IssuedAt == nil || !c.IssuedAt.Time().After(at.Add(assertionLeeway))
}

// useOnce writes an assertion down as used: of any number of callers at once one
// comes through.
func (s *Service) useOnce(ctx context.Context, client string, c jwt.Claims) error {
	if c.ID == "" || len(c.ID) > maxAssertionName {
		return errAssertion
	}
	sum := sha256.Sum256([]byte(c.ID))
	tag, err := s.pool.Exec(ctx, `INSERT INTO client_assertion (key_id, digest, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		client, sum[:], c.Expiry.Time().Add(2*assertionLeeway))
	if err != nil {
		return fmt.Errorf("identity: client assertion: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return errAssertion
	}
	return nil
}

// keyOf finds the client's key that an assertion names; without a name, the only
// one that its algorithm fits.
func (s *Service) keyOf(ctx context.Context, c client, h jose.Header) (any, error) {
	for _, again := range []bool{false, true} {
		set, err := s.keySet(ctx, c, again)
		if err != nil {
			return nil, err
		}
		var fit []jose.JSONWebKey
		for _, k := range set.Keys {
			if signs(k, h.Algorithm) && (h.KeyID == "" || k.KeyID == h.KeyID) {
				fit = append(fit, k)
			}
		}
		if len(fit) == 1 {
			if key, ok := fit[0].Key.(ed25519.PublicKey); ok {
				return edwards(key), nil
			}
			return fit[0].Key, nil
		}
		if c.jwksURL == "" {
			break
		}
	}
	return nil, errAssertion
}

// keySet is the client's keys; again asks the address anew where that is allowed.
func (s *Service) keySet(ctx context.Context, c client, again bool) (jose.JSONWebKeySet, error) {
	if c.jwksURL == "" {
		return readKeySet(c.jwks)
	}
	set, err := s.keySets.get(ctx, c.jwksURL, s.now(), again)
	if err != nil {
		s.log.WarnContext(ctx, "keys of a client cannot be fetched", "client", c.ID, "error", err)
		return set, errors.Join(errAssertion, err)
	}
	return set, nil
}

// algorithmOf is the one algorithm that a key of ours signs with; "" for others.
func algorithmOf(k jose.JSONWebKey) jose.SignatureAlgorithm {
	switch key := k.Key.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return jose.ES256
		}
	case *rsa.PublicKey:
		if key.N.BitLen() >= 2048 && key.N.BitLen() <= 8192 {
			return jose.PS256
		}
	case ed25519.PublicKey:
		return jose.EdDSA
	}
	return ""
}

// signs reports whether a key signs with an algorithm of this name.
func signs(k jose.JSONWebKey, name string) bool {
	own := algorithmOf(k)
	return own != "" && (name == string(own) || own == jose.EdDSA && name == string(ed25519Only))
}

// edwards verifies under both names of its algorithm.
type edwards ed25519.PublicKey

// VerifyPayload implements [jose.OpaqueVerifier].
func (e edwards) VerifyPayload(payload, signature []byte, alg jose.SignatureAlgorithm) error {
	if alg != jose.EdDSA && alg != ed25519Only || !ed25519.Verify(ed25519.PublicKey(e), payload, signature) {
		return errAssertion
	}
	return nil
}
