package oidc

import (
	"context"
	"crypto/rsa"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bode-erds/bode/identity"
)

// How itsme names what it did. Compared without regard to case.
const (
	ACRBasic    = "http://itsme.services/v2/claim/acr_basic"    // biometric or code
	ACRAdvanced = "http://itsme.services/v2/claim/acr_advanced" // the itsme code, always
)

// Config is what one provider needs. Issuer, ClientID, RedirectURL, SigningKey
// and EncryptionKeys have no default.
type Config struct {
	Issuer      string // https, or http on a loopback address
	ClientID    string
	Service     string // itsme's service code; becomes the scope "service:CODE"; empty: not sent
	RedirectURL string // registered with the provider, compared there octet by octet
	Method      string // name of this means in a Proof; default "itsme"

	ACR    string                    // asked of the provider; default ACRAdvanced
	Levels map[string]identity.Level // level per acr, "" for a token without acr; default: advanced high, basic and none substantial

	SigningKey       *rsa.PrivateKey  // signs our client assertions
	OtherSigningKeys []*rsa.PublicKey // published too: the next key before the switch, the last one after
	EncryptionKeys   []Key            // at least one that is not retired
	KeyAlgorithms    []string         // JWE alg; default RSA-OAEP-256
	ContentAlgorithm []string         // JWE enc; default A128CBC-HS256

	AssertionAudience string   // aud of our client assertions; default the token endpoint
	UserInfo          bool     // ask the identity data of the userinfo endpoint, not in the id_token
	Claims            []string // asked besides names, birth date and national number
	Scopes            []string // asked besides openid and the service

	HTTPClient *http.Client     // default: one with a Timeout of 10 s; never follows redirects, reads 1 MiB at most
	Now        func() time.Time // age of the discovery document only; default time.Now
}

// Key is a private key tokens are encrypted to. A retired one is no longer
// published but still opens tokens: providers keep our key set for 24 hours.
type Key struct {
	Private *rsa.PrivateKey
	Retired bool
}

// Provider is one OpenID provider and our standing with it. Safe for concurrent
// use.
type Provider struct {
	cfg      Config
	life     context.Context
	client   *http.Client
	decrypt  map[string]*rsa.PrivateKey // by kid
	keyAlgs  []jose.KeyAlgorithm
	encs     []jose.ContentEncryption
	want     identity.Level
	jwks     []byte
	found    atomic.Pointer[discovered]
	looking  chan struct{} // holds one token while somebody asks for the discovery document
	retryAt  time.Time     // guarded by looking
	failures int           // guarded by looking
}

// New checks cfg and returns a Provider. It asks the network nothing: a provider
// that is down must not keep us from starting. ctx ends what the Provider does
// by itself; cancel it at shutdown.
func New(ctx context.Context, cfg Config) (*Provider, error) {
	cfg.applyDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	p := &Provider{
		cfg: cfg, life: ctx, client: boundedClient(cfg.HTTPClient),
		decrypt: make(map[string]*rsa.PrivateKey, len(cfg.EncryptionKeys)),
		looking: make(chan struct{}, 1),
		want:    cfg.Levels[cfg.ACR],
	}
	for _, a := range cfg.KeyAlgorithms {
		p.keyAlgs = append(p.keyAlgs, jose.KeyAlgorithm(a))
	}
	for _, e := range cfg.ContentAlgorithm {
		p.encs = append(p.encs, jose.ContentEncryption(e))
	}
	for _, k := range cfg.EncryptionKeys {
		p.decrypt[KeyID(&k.Private.PublicKey)] = k.Private
	}
	var err error
	p.jwks, err = publicKeys(cfg)
	return p, err
}

func (c *Config) applyDefaults() {
	if c.Method == "" {
		c.Method = "itsme"
	}
	if c.ACR == "" {
		c.ACR = ACRAdvanced
	}
	if c.Levels == nil {
		c.Levels = map[string]identity.Level{
			ACRAdvanced: identity.LevelHigh,
			ACRBasic:    identity.LevelSubstantial,
			"":          identity.LevelSubstantial,
		}
	}
	levels := make(map[string]identity.Level, len(c.Levels))
	for acr, level := range c.Levels {
		levels[strings.ToLower(acr)] = level
	}
	c.Levels, c.ACR = levels, strings.ToLower(c.ACR)
	if len(c.KeyAlgorithms) == 0 {
		c.KeyAlgorithms = []string{string(jose.RSA_OAEP_256)}
	}
	if len(c.ContentAlgorithm) == 0 {
		c.ContentAlgorithm = []string{string(jose.A128CBC_HS256)}
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{Timeout: 10 * time.Second}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// wantedClaims lists what is asked about the person, sorted.
func (c *Config) wantedClaims() []string {
	set := map[string]bool{
		"given_name": true, "family_name": true, "birthdate": true,
		claimBirthText: true, claimNationalNumber: true,
	}
	for _, name := range c.Claims {
		set[name] = true
	}
	return slices.Sorted(maps.Keys(set))
}
