package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	skew     = time.Minute      // our clock against the provider's
	maxAge   = 10 * time.Minute // from the person's act to our check
	maxToken = 64 << 10         // octets; a photo would be more, and none is asked
)

// token is a token that was decrypted and whose signature holds.
type token struct {
	id     *gooidc.IDToken // nil for user information
	claims claims
	jws    string
}

// open takes a signed token out of its encryption. Anything that is not encrypted
// to one of our keys with an algorithm of the list is refused before its content
// is looked at; so is what was compressed, which no honest token needs to be.
//
// RFC 7516 §5.2; RFC 7519 §5.2
func (p *Provider) open(raw string, at time.Time) (string, error) {
	raw = strings.TrimSpace(raw)
	if len(raw) > maxToken {
		return "", fmt.Errorf("%w: %d octets", ErrToken, len(raw))
	}
	if p.cfg.Plain != "" {
		return signedOnly(raw)
	}
	if strings.Count(raw, ".") != 4 {
		return "", fmt.Errorf("%w: not encrypted", ErrToken)
	}
	jwe, err := jose.ParseEncryptedCompact(raw, p.keyAlgs, p.encs)
	if err != nil {
		return "", fmt.Errorf("%w: encryption: %w", ErrToken, err)
	}
	if compressed(raw) {
		return "", fmt.Errorf("%w: compressed", ErrToken)
	}
	key, known := p.decrypt[jwe.Header.KeyID]
	if !known || !key.Until.IsZero() && !at.Before(key.Until) {
		return "", fmt.Errorf("%w: encrypted to unknown key %.64q", ErrToken, jwe.Header.KeyID)
	}
	jws, err := jwe.Decrypt(key.Private)
	if err != nil {
		return "", fmt.Errorf("%w: does not decrypt", ErrToken)
	}
	return signedOnly(string(jws))
}

// signedOnly refuses what is not a JWS of ours to check: go-oidc tries every key
// when a token names none; itsme always names one.
func signedOnly(jws string) (string, error) {
	signed, err := jose.ParseSignedCompact(jws, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || signed.Signatures[0].Header.KeyID == "" {
		return "", fmt.Errorf("%w: inside is no RS256 signature with a kid", ErrToken)
	}
	return jws, nil
}

// compressed reports whether a JWE says so in its header, or has none to read.
func compressed(jwe string) bool {
	head, _, _ := strings.Cut(jwe, ".")
	plain, err := base64.RawURLEncoding.DecodeString(head)
	var said map[string]any
	if err != nil || json.Unmarshal(plain, &said) != nil {
		return true
	}
	_, zip := said["zip"]
	return zip
}

// readToken opens an id_token and checks signature, iss, aud and exp.
func (p *Provider) readToken(ctx context.Context, d *discovered, raw string, at time.Time) (*token, error) {
	jws, err := p.open(raw, at)
	if err != nil {
		return nil, err
	}
	keys := &watchedKeys{KeySet: d.keys}
	id, err := gooidc.NewVerifier(p.cfg.Issuer, keys, &gooidc.Config{
		ClientID:             p.cfg.ClientID,
		SupportedSigningAlgs: []string{gooidc.RS256},
		Now:                  func() time.Time { return at },
	}).Verify(ctx, jws)
	if err != nil {
		return nil, keys.explain(err)
	}
	t := &token{id: id, jws: jws}
	if err := id.Claims(&t.claims); err != nil {
		return nil, fmt.Errorf("%w: claims: %w", ErrToken, err)
	}
	return t, nil
}

// checkToken checks what go-oidc leaves to us.
//
// OpenID Connect Core 1.0 §3.1.3.7 steps 3–5, 9–12; §3.1.3.8
func (p *Provider) checkToken(t *token, nonce, accessToken string, at time.Time) error {
	var wrong string
	authTime, err := t.claims.seconds("auth_time")
	azp, _ := t.claims.text("azp")
	switch {
	case err != nil:
		wrong = "auth_time is not a number"
	case subtle.ConstantTimeCompare([]byte(t.id.Nonce), []byte(nonce)) != 1:
		wrong = "nonce differs"
	case len(t.id.Audience) != 1:
		wrong = "meant for others too"
	case azp != "" && azp != p.cfg.ClientID:
		wrong = "azp is somebody else"
	case t.id.Subject == "" || len(t.id.Subject) > 255:
		wrong = "no sub, or too long"
	case t.id.IssuedAt.After(at.Add(skew)):
		wrong = "issued in the future"
	case at.Sub(t.id.IssuedAt) > maxAge:
		wrong = "issued too long ago"
	case authTime != 0 && at.Sub(time.Unix(int64(authTime), 0)) > maxAge:
		wrong = "person identified too long ago"
	case t.id.AccessTokenHash != "" && t.id.VerifyAccessToken(accessToken) != nil:
		wrong = "at_hash differs"
	default:
		return nil
	}
	return fmt.Errorf("%w: %s", ErrToken, wrong)
}

// readUserInfo opens user information, which must be about subject. Names come
// from here only when they stand under the provider's signature.
func (p *Provider) readUserInfo(ctx context.Context, d *discovered, raw, subject string, at time.Time) (*token, error) {
	jws, err := p.open(raw, at)
	if err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	keys := &watchedKeys{KeySet: d.keys}
	payload, err := keys.VerifySignature(ctx, jws)
	if err != nil {
		return nil, keys.explain(err)
	}
	var own struct {
		Issuer   string   `json:"iss"`
		Audience audience `json:"aud"`
		Subject  string   `json:"sub"`
	}
	t := &token{jws: jws}
	if err := errors.Join(json.Unmarshal(payload, &own), json.Unmarshal(payload, &t.claims)); err != nil {
		return nil, fmt.Errorf("%w: userinfo: %w", ErrToken, err)
	}
	switch {
	case own.Subject != subject:
		return nil, fmt.Errorf("%w: userinfo is about somebody else", ErrToken)
	case own.Issuer != "" && own.Issuer != p.cfg.Issuer:
		return nil, fmt.Errorf("%w: userinfo by somebody else", ErrToken)
	case len(own.Audience) > 0 && !slices.Equal(own.Audience, audience{p.cfg.ClientID}):
		return nil, fmt.Errorf("%w: userinfo for somebody else", ErrToken)
	}
	return t, nil
}

// audience is one string or an array of them.
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// watchedKeys remembers why a key set failed, which go-oidc turns into text: not
// reaching the keys is an outage, not a forgery.
type watchedKeys struct {
	gooidc.KeySet
	err error
}

func (w *watchedKeys) VerifySignature(ctx context.Context, jws string) ([]byte, error) {
	payload, err := w.KeySet.VerifySignature(ctx, jws)
	w.err = err
	return payload, err
}

func (w *watchedKeys) explain(err error) error {
	if w.err != nil && strings.HasPrefix(w.err.Error(), "fetching keys") {
		return fmt.Errorf("%w: the provider's keys: %.200q", ErrUnavailable, w.err.Error())
	}
	return fmt.Errorf("%w: %.300q", ErrToken, err.Error())
}
