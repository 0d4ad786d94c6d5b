package identitytest

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	claimPrefix = "http://itsme.services/v2/claim/"
	acrBasic    = claimPrefix + "acr_basic"
	acrAdvanced = claimPrefix + "acr_advanced"
	path        = "/v2"
	keyID       = "identitytest-1"

	encryptionKeyID = "identitytest-enc-1"
)

// Client is a relying party.
type Client struct {
	ID           string
	Services     []string // service codes it may ask; exactly one per request
	Approvals    []string // service codes for approving a text, only with a request object
	RedirectURLs []string // compared octet by octet
	JWKSURL      string   // its published keys, read at each token request
}

// Config is what the provider needs; every field may be left out.
type Config struct {
	Addr    string // default "127.0.0.1:0"
	Clients []Client
	People  []Person         // on the page; default People()
	Key     *rsa.PrivateKey  // signs tokens; default a fresh one
	Now     func() time.Time // default time.Now
	Log     *slog.Logger     // default none
}

// Provider is a running provider. Safe for concurrent use.
type Provider struct {
	cfg     Config
	issuer  string
	server  *http.Server
	http    *http.Client
	text    map[string]map[string]string
	done    chan struct{} // closed by Close: releases what hangs
	closing sync.Once

	open func() (*rsa.PrivateKey, error) // requests are encrypted to it; made when a client approves texts

	mu       sync.Mutex
	fault    Fault
	signing  signing
	foreign  signing // of OwnKeyNamed
	clients  map[string]Client
	requests map[string]*request // by the hidden field
	codes    map[string]*grant
	access   map[string]*grant // by access token
	jtis     map[string]time.Time
}

// Start listens and answers until Close.
func Start(cfg Config) (*Provider, error) {
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.People == nil {
		cfg.People = People()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	var err error
	if cfg.Key == nil {
		if cfg.Key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return nil, err
		}
	}
	p := &Provider{
		cfg: cfg, signing: signing{cfg.Key, keyID}, http: &http.Client{Timeout: 30 * time.Second}, done: make(chan struct{}),
		clients: map[string]Client{}, requests: map[string]*request{},
		codes: map[string]*grant{}, access: map[string]*grant{}, jtis: map[string]time.Time{},
	}
	p.open = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
	if p.text, err = readTexts(); err != nil {
		return nil, err
	}
	for _, c := range cfg.Clients {
		p.AddClient(c)
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("identitytest: %w", err)
	}
	p.issuer = "http://" + listener.Addr().String() + path
	p.server = &http.Server{
		Handler:           p.routes(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := p.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			cfg.Log.Error("identitytest stopped", "error", err)
		}
	}()
	return p, nil
}

func (p *Provider) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path+"/.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET "+path+"/jwks", p.keys)
	mux.HandleFunc("GET "+path+"/own-keys", p.ownKeys)
	mux.HandleFunc("GET "+path+"/authorization", p.authorize)
	mux.HandleFunc("POST "+path+"/answer", p.answer)
	mux.HandleFunc("POST "+path+"/token", p.token)
	mux.HandleFunc("GET "+path+"/userinfo", p.userInfo)
	mux.HandleFunc("GET "+path+"/style.css", p.style)
	return mux
}

// Issuer is the provider's name and the base of its addresses.
func (p *Provider) Issuer() string { return p.issuer }

// AddClient registers c, or replaces the client of that ID.
func (p *Provider) AddClient(c Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clients[c.ID] = c
}

// signing is the key that tokens are signed with.
type signing struct {
	key *rsa.PrivateKey
	kid string
}

// Rotate signs with another key from now on and publishes no other.
func (p *Provider) Rotate(key *rsa.PrivateKey, kid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signing = signing{key, kid}
}

func (p *Provider) signs() signing {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signing
}

// Close stops answering at once. Closing again does nothing.
func (p *Provider) Close() error {
	p.closing.Do(func() { close(p.done) })
	return p.server.Close()
}
