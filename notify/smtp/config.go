package smtp

import (
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
	// Hostname is what EHLO says. Default: the domain of From.
	Hostname string
	// SuccessReports also asks for a report when the mail was delivered, besides
	// delay and failure. Default: no, because every hop then sends one.
	SuccessReports bool
	// CommandTimeout bounds the wait for one reply and for one write.
	// Default: 30 seconds.
	CommandTimeout time.Duration
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
	if at < 1 || at == len(cfg.From.Address)-1 || strings.ContainsAny(cfg.From.Address+cfg.From.Name+cfg.ReturnPath+cfg.Hostname, "\r\n<>") {
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
	return t, nil
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

// Transport delivers mails. Safe for concurrent use; every mail has its own
// connection.
type Transport struct {
	cfg    Config
	host   string
	domain string // of From; names our Message-IDs
	tls    *tls.Config
}

var _ notify.Transport = (*Transport)(nil)
