package smtp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"time"

	"github.com/bode-erds/bode/notify"
)

// ErrConfig: the configuration cannot work or would not be safe.
var ErrConfig = errors.New("smtp: bad configuration")

// Security says how the connection to the relay is protected.
type Security string

const (
	ImplicitTLS Security = "tls"      // TLS from the first octet, port 465
	StartTLS    Security = "starttls" // STARTTLS, refused when not offered, port 587
	Plain       Security = "plain"    // in clear; loopback addresses only
)

// Config of a Transport. Addr and From are needed.
type Config struct {
	// Addr is host:port of the relay.
	Addr string
	// Security. Default: ImplicitTLS.
	Security Security
	// TLS holds further settings, such as the roots. The server is always
	// verified, by the host of Addr unless ServerName says otherwise.
	TLS *tls.Config
	// Username and Password sign in with AUTH PLAIN. Default: no sign-in.
	Username, Password string
	// From is the address, and name, that the mails come from.
	From mail.Address
	// ReturnPath is where reports go. Default: the address of From.
	ReturnPath string
	// BounceDomain, with BounceKey, gives every attempt a return path of its own
	// (notify.ReturnPath) instead. Default: none.
	BounceDomain string
	BounceKey    []byte
	// DKIM keys sign every mail, each for itself, for the domain of From. Default:
	// no signature; the relay may sign.
	DKIM []DKIMKey
	// Hostname is what EHLO says. Default: the domain of From.
	Hostname string
	// SuccessReports also asks for a report when the mail was delivered, besides
	// delay and failure. Default: no, because every hop then sends one.
	SuccessReports bool
	// CommandTimeout bounds the wait for one reply and for one write.
	// Default: 30 seconds.
	CommandTimeout time.Duration
	// Connections bounds the connections to the relay. Default: 8.
	Connections int
	// PerDomain bounds the mails to one domain that are under way at once. Default: 4.
	PerDomain int
	// MailsPerConnection bounds what is sent over one connection. Default: 50.
	MailsPerConnection int
	// Idle is how long a connection is kept without a mail. Default: 60 seconds.
	Idle time.Duration
	// Now dates the mails. Default: the wall clock.
	Now func() time.Time
}

// New makes a Transport. It does not dial. Errors: ErrConfig.
func New(cfg Config) (*Transport, error) {
	host, _, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("%w: address %q: %w", ErrConfig, cfg.Addr, err)
	}
	at := strings.LastIndexByte(cfg.From.Address, '@')
	if at < 1 || at == len(cfg.From.Address)-1 || strings.ContainsAny(cfg.From.Address+cfg.From.Name+cfg.ReturnPath+cfg.BounceDomain+cfg.Hostname, "\r\n<>") {
		return nil, fmt.Errorf("%w: sender address", ErrConfig)
	}
	t := &Transport{cfg: cfg, host: host, domain: cfg.From.Address[at+1:]}
	if cfg.Security == "" {
		t.cfg.Security = ImplicitTLS
	}
	switch t.cfg.Security {
	case ImplicitTLS, StartTLS:
		t.tls = t.tlsConfig()
		if t.tls.InsecureSkipVerify {
			return nil, fmt.Errorf("%w: a relay that is not verified", ErrConfig)
		}
	case Plain:
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			return nil, fmt.Errorf("%w: plain SMTP to %s, which is not a loopback address", ErrConfig, host)
		}
	default:
		return nil, fmt.Errorf("%w: security %q", ErrConfig, cfg.Security)
	}
	if cfg.ReturnPath == "" {
		t.cfg.ReturnPath = cfg.From.Address
	}
	if cfg.Hostname == "" {
		t.cfg.Hostname = t.domain
	}
	if cfg.CommandTimeout <= 0 {
		t.cfg.CommandTimeout = 30 * time.Second
	}
	if cfg.Now == nil {
		t.cfg.Now = time.Now
	}
	if err := t.limits(); err != nil {
		return nil, err
	}
	return t, nil
}

// limits checks what comes in numbers and keys, and sets defaults.
func (t *Transport) limits() error {
	c := &t.cfg
	if c.BounceDomain != "" && len(c.BounceKey) < 16 {
		return fmt.Errorf("%w: a bounce domain without a key", ErrConfig)
	}
	for _, k := range c.DKIM {
		if err := k.validate(); err != nil {
			return err
		}
	}
	if c.Connections < 0 || c.PerDomain < 0 || c.MailsPerConnection < 0 || c.Idle < 0 {
		return fmt.Errorf("%w: a negative limit", ErrConfig)
	}
	c.Connections, c.PerDomain = cmp.Or(c.Connections, 8), cmp.Or(c.PerDomain, 4)
	c.MailsPerConnection, c.Idle = cmp.Or(c.MailsPerConnection, 50), cmp.Or(c.Idle, time.Minute)
	t.pool.room.max = c.Connections
	t.domains = gates{max: c.PerDomain, open: make(map[string]*usedGate)}
	return nil
}

// submissionTimeout leaves the wait for the final reply to the context; a peer
// may be passing the mail on meanwhile (RFC 5321 §4.5.3.2.6).
func (t *Transport) submissionTimeout(ctx context.Context) time.Duration {
	if _, bounded := ctx.Deadline(); bounded {
		return 12 * time.Minute
	}
	return t.cfg.CommandTimeout
}

func (t *Transport) tlsConfig() *tls.Config {
	c := t.cfg.TLS.Clone()
	if c == nil {
		c = &tls.Config{}
	}
	if c.ServerName == "" {
		c.ServerName = t.host
	}
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	return c
}

// Transport delivers mails over connections that it keeps. Safe for concurrent
// use.
type Transport struct {
	cfg     Config
	host    string
	domain  string // of From; names our Message-IDs and signs
	tls     *tls.Config
	pool    pool
	domains gates
}

var _ notify.Transport = (*Transport)(nil)
