package wallet

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Config is what a Wallet needs. Origin, Key, Chain and Providers have no default.
type Config struct {
	Origin string // where wallets reach us: https://our.host, or http on a loopback address
	Scheme string // invokes a wallet: "openid4vp" (default), "haip-vp", or a wallet's own https address
	// Prefix of our client identifier: "x509_hash" (default, what HAIP asks) or
	// "x509_san_dns". Both name the access certificate.
	Prefix string

	Key   crypto.Signer       // P-256, of the access certificate
	Chain []*x509.Certificate // access certificate first, without the anchor

	VerifierInfo []VerifierInfo // registration certificate and the like
	Providers    []Provider     // whose PIDs are accepted
	Types        []string       // vct values accepted; default "urn:eudi:pid:1"
	// WithoutNumber leaves the personal administrative number out of what is
	// asked: for who has no legal ground to use it.
	WithoutNumber bool

	// StatusOrigins are where status lists may be fetched, as "https://host"; a
	// credential that names another place is refused.
	StatusOrigins []string
	// StatusOpen accepts a credential whose status list cannot be had, and writes
	// that down; by default nobody is identified then.
	StatusOpen bool
	// Unrevocable is how long a credential without status may be valid; 24 hours
	// when zero.
	Unrevocable time.Duration

	HTTPClient *http.Client // fetches status lists; default one with a Timeout of 10 s; never follows redirects
	Logger     *slog.Logger // default none
}

// Provider is an issuer of PIDs of one country.
type Provider struct {
	Name    string // as evidence names it
	Country string // two letters: a PID of this provider names this issuing_country, and no other
	Anchors []*x509.Certificate
}

// VerifierInfo is one attestation about us, sent with each request.
//
// OpenID4VP 1.0 §5.11
type VerifierInfo struct {
	Format string          `json:"format"` // "registration_cert", "jwt"
	Data   json.RawMessage `json:"data"`   // string or object
}

// Wallet identifies people by the person identification data of their wallet. It
// implements identity.Means and identity.Receiver. Safe for concurrent use.
type Wallet struct {
	cfg      Config
	clientID string
	client   *http.Client
	log      *slog.Logger
	lists    lists
}

// New checks cfg and returns a Wallet. It asks the network nothing.
func New(cfg Config) (*Wallet, error) {
	cfg.applyDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	w := &Wallet{cfg: cfg, log: cfg.Logger, client: bounded(cfg.HTTPClient)}
	w.lists.kept = map[string]kept{}
	if cfg.Prefix == prefixHash {
		sum := sha256.Sum256(cfg.Chain[0].Raw)
		w.clientID = prefixHash + ":" + toBase64(sum[:])
	} else {
		w.clientID = prefixDNS + ":" + hostname(cfg.Origin)
	}
	return w, nil
}

// The prefixes of a client identifier that names a certificate.
//
// OpenID4VP 1.0 §5.9.3
const (
	prefixHash = "x509_hash"
	prefixDNS  = "x509_san_dns"
)

func (c *Config) applyDefaults() {
	if c.Scheme == "" {
		c.Scheme = "openid4vp"
	}
	if c.Prefix == "" {
		c.Prefix = prefixHash
	}
	if len(c.Types) == 0 {
		c.Types = []string{"urn:eudi:pid:1"}
	}
	if c.Unrevocable == 0 {
		c.Unrevocable = 24 * time.Hour
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{Timeout: 10 * time.Second}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

func (c *Config) validate() error {
	if err := validOrigin(c.Origin); err != nil {
		return fmt.Errorf("Config.Origin: %w", err)
	}
	for _, o := range c.StatusOrigins {
		if err := validOrigin(o); err != nil {
			return fmt.Errorf("Config.StatusOrigins: %w", err)
		}
	}
	if err := validScheme(c.Scheme); err != nil {
		return fmt.Errorf("Config.Scheme: %w", err)
	}
	if c.Prefix != prefixHash && c.Prefix != prefixDNS {
		return errors.New("Config.Prefix is neither x509_hash nor x509_san_dns")
	}
	if err := c.validateAccess(); err != nil {
		return err
	}
	if len(c.Providers) == 0 {
		return errors.New("Config.Providers is empty: nobody could identify")
	}
	for _, p := range c.Providers {
		if p.Name == "" || !country.MatchString(p.Country) || len(p.Anchors) == 0 {
			return fmt.Errorf("Config.Providers: %q lacks a name, a country or anchors", p.Name)
		}
	}
	for _, t := range c.Types {
		if !strings.HasPrefix(t, "urn:eudi:pid:") {
			return fmt.Errorf("Config.Types: %q is no PID", t)
		}
	}
	return nil
}

// validateAccess holds the access certificate to HAIP: wallets refuse a request
// whose certificate is self-signed or brings its own anchor.
//
// HAIP 1.0 §5
func (c *Config) validateAccess() error {
	if c.Key == nil || len(c.Chain) == 0 {
		return errors.New("Config.Key or Config.Chain is missing")
	}
	public, ok := c.Key.Public().(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return errors.New("Config.Key is not on P-256")
	}
	if !public.Equal(c.Chain[0].PublicKey) {
		return errors.New("Config.Key is not the key of the access certificate")
	}
	for _, cert := range c.Chain {
		if bytes.Equal(cert.RawIssuer, cert.RawSubject) {
			return errors.New("Config.Chain holds a self-signed certificate")
		}
	}
	if c.Prefix == prefixDNS {
		if err := c.Chain[0].VerifyHostname(hostname(c.Origin)); err != nil {
			return errors.New("Config.Chain: access certificate does not name the host of Config.Origin")
		}
	}
	return nil
}

// validOrigin accepts https://host[:port], and http on a loopback address.
func validOrigin(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || s != u.Scheme+"://"+u.Host {
		return errors.New("not of the form https://host")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && (ip.IsLoopback() || u.Hostname() == "localhost") {
		return nil
	}
	if u.Scheme != "https" {
		return errors.New("not https")
	}
	return nil
}

// appScheme is how the apps that wallets are may be called: no scheme of these can
// run a script or open a file.
var appScheme = regexp.MustCompile(`^(?:openid4vp|haip-vp|haip|eudi-openid4vp|mdoc-openid4vp)$`)

// validScheme accepts the scheme of an app, and the address of a wallet on the web.
func validScheme(s string) error {
	if appScheme.MatchString(s) {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Fragment != "" {
		return errors.New("neither a scheme of wallets nor an address")
	}
	return validOrigin(u.Scheme + "://" + u.Host)
}

func hostname(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// bounded is a client that follows no redirect: an allowed host must not be able
// to send us to another one.
func bounded(c *http.Client) *http.Client {
	own := *c
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}
