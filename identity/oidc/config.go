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

// Config is what one provider needs. Issuer, ClientID, RedirectURL and SigningKey
// have no default, nor has EncryptionKeys unless Plain is set.
type Config struct {
	Issuer          string // https, or http on a loopback address
	ClientID        string
	Service         string // itsme's service code; becomes the scope "service:CODE"; empty: not sent
	ApprovalService string // service code of type Confirmation; empty: no text can be approved
	RedirectURL     string // registered with the provider, compared there octet by octet
	Method          string // identity.MethodItsme (default), MethodFAS or MethodLuxTrust: whose dialect gives the next five

	ACR    string                    // asked of the provider; see the dialects
	Levels map[string]identity.Level // level per acr, "" for a token without acr; see the dialects
	Names  Names                     // claims that say who somebody is; see the dialects
	Claims []string                  // asked besides, and kept in Proof.Claims; see the dialects
	Scopes []string                  // asked besides openid and the service; see the dialects

	SigningKey       *rsa.PrivateKey  // signs our client assertions and request objects
	OtherSigningKeys []*rsa.PublicKey // published too: the next key before the switch, the last one after
	EncryptionKeys   []Key            // at least one that is in use
	KeyAlgorithms    []string         // JWE alg; default RSA-OAEP-256
	ContentAlgorithm []string         // JWE enc; default A128CBC-HS256

	// Plain says why this provider's contract lets tokens come signed but not
	// encrypted; it stands among the checks of every proof. Empty: what is not
	// encrypted is refused. Once set, what is encrypted is refused.
	Plain string

	AssertionAudience string // aud of our client assertions; default the token endpoint
	UserInfo          bool   // ask the identity data of the userinfo endpoint, not in the id_token

	HTTPClient *http.Client     // default: one with a Timeout of 10 s; never follows redirects, reads 1 MiB at most
	Now        func() time.Time // age of the discovery document and of request objects only; default time.Now
}

// Key is a private key tokens are encrypted to. One that is replaced is no longer
// published and opens tokens until then: a day later at least, because providers
// keep our key set for 24 hours.
type Key struct {
	Private *rsa.PrivateKey
	Until   time.Time // zero: in use
}

// Provider is one OpenID provider and our standing with it. Safe for concurrent
// use.
type Provider struct {
	cfg      Config
	life     context.Context
	client   *http.Client
	decrypt  map[string]Key // by kid
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
		decrypt: make(map[string]Key, len(cfg.EncryptionKeys)),
		looking: make(chan struct{}, 1),
		want:    cfg.Levels[strings.ToLower(cfg.ACR)],
	}
	for _, a := range cfg.KeyAlgorithms {
		p.keyAlgs = append(p.keyAlgs, jose.KeyAlgorithm(a))
	}
	for _, e := range cfg.ContentAlgorithm {
		p.encs = append(p.encs, jose.ContentEncryption(e))
	}
	for _, k := range cfg.EncryptionKeys {
		p.decrypt[KeyID(&k.Private.PublicKey)] = k
	}
	var err error
	p.jwks, err = publicKeys(cfg)
	return p, err
}

func (c *Config) applyDefaults() {
	if c.Method == "" {
		c.Method = identity.MethodItsme
	}
	c.speak(dialects()[c.Method])
	levels := make(map[string]identity.Level, len(c.Levels))
	for acr, level := range c.Levels {
		levels[strings.ToLower(acr)] = level
	}
	c.Levels = levels
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
	set := make(map[string]bool)
	for _, name := range append(c.Names.all(), c.Claims...) {
		if name != "" {
			set[name] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}
