package oidc

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// ParseKey reads one RSA private key from PEM (PKCS #8 or PKCS #1).
func ParseKey(data []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("oidc: no PEM block")
	}
	if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return k, strong(k)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("oidc: not a PKCS #8 or PKCS #1 private key")
	}
	k, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("oidc: %T is not an RSA key", parsed)
	}
	return k, strong(k)
}

func strong(k *rsa.PrivateKey) error {
	if k == nil {
		return errors.New("no key")
	}
	if k.N.BitLen() < 2048 {
		return fmt.Errorf("RSA key of %d bits, want 2048 or more", k.N.BitLen())
	}
	return nil
}

// KeyID names a key by its RFC 7638 thumbprint, so that two processes with the
// same key publish the same name.
func KeyID(k *rsa.PublicKey) string {
	sum, err := (&jose.JSONWebKey{Key: k}).Thumbprint(crypto.SHA256)
	if err != nil {
		panic("oidc: thumbprint of an RSA key: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// publicKeys renders our key set. The encryption keys carry no alg: a provider
// that finds one there refuses to use the key with any other.
func publicKeys(cfg Config) ([]byte, error) {
	set := jose.JSONWebKeySet{}
	sig := append([]*rsa.PublicKey{&cfg.SigningKey.PublicKey}, cfg.OtherSigningKeys...)
	for _, k := range sig {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k, KeyID: KeyID(k), Use: "sig", Algorithm: string(jose.RS256)})
	}
	for _, k := range cfg.EncryptionKeys {
		if k.Until.IsZero() {
			pub := &k.Private.PublicKey
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: pub, KeyID: KeyID(pub), Use: "enc"})
		}
	}
	return json.Marshal(set)
}

// JWKSHandler publishes our public keys, from memory. Register its address with
// the provider; itsme wants an answer within a second and keeps it for 30
// minutes to 24 hours.
func (p *Provider) JWKSHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=1800")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(p.jwks)
	})
}

// assertion is who we are, signed, for one request to the token endpoint.
//
// RFC 7523 §3; OpenID Connect Core 1.0 §9
func (p *Provider) assertion(tokenURL string, at time.Time) (string, error) {
	aud := p.cfg.AssertionAudience
	if aud == "" {
		aud = tokenURL
	}
	signer, err := p.signer()
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(struct {
		Issuer   string           `json:"iss"`
		Subject  string           `json:"sub"`
		Audience string           `json:"aud"` // a string: not every provider reads an array
		ID       string           `json:"jti"`
		IssuedAt *jwt.NumericDate `json:"iat"`
		Expiry   *jwt.NumericDate `json:"exp"`
	}{
		p.cfg.ClientID, p.cfg.ClientID, aud, rand.Text(),
		jwt.NewNumericDate(at), jwt.NewNumericDate(at.Add(time.Minute)),
	}).Serialize()
}

func (p *Provider) signer() (jose.Signer, error) {
	key := jose.JSONWebKey{Key: p.cfg.SigningKey, KeyID: KeyID(&p.cfg.SigningKey.PublicKey)}
	return jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
}
