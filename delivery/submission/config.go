package submission

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// Config is what a Server is made of. Deliveries, Identity and Domain are
// required.
type Config struct {
	Addr           string // for ListenAndServe
	Deliveries     *delivery.Service
	Identity       *identity.Service
	TLS            *tls.Config      // nil only when it listens on a loopback address
	ImplicitTLS    bool             // TLS from the first octet (RFC 8314); else STARTTLS
	Domain         string           // what the greeting says
	Suffix         string           // that recipients may have behind their domain; default "r." and Domain
	MaxMessage     int64            // octets of a mail; default 50 MiB
	MaxRecipients  int              // of one mail; default 500
	IdleTimeout    time.Duration    // between two octets; default 5 min (RFC 5321 §4.5.3.2)
	MaxConnections int              // default 200; one address has at most a quarter, and at least 4
	Log            *slog.Logger     // default slog.Default; never gets content, addresses or keys
	Now            func() time.Time // when a key was shown; default time.Now

	wall   func() time.Time // for deadlines of sockets, which know no other time, and for pauses
	suffix suffix
}

// Bounds that are not for configuration.
const (
	signInTime      = 2 * time.Minute  // from the connection to a right key
	transactionTime = 30 * time.Minute // from MAIL to the answer to the content
	drainTime       = 5 * time.Second  // to swallow the rest of a mail that was refused for its form
	discardTime     = 2 * time.Minute  // to swallow the rest of one refused for anything else
	writeTime       = time.Minute
	submitTime      = time.Minute
	maxWrong        = 5       // wrong keys on one connection
	maxHeader       = 1 << 20 // octets of the header of a mail
	maxPartHeader   = 1 << 17 // of the header of a part, with what is read ahead
	maxParts        = 300
	maxDepth        = 8
	maxLine         = 2000 // octets; twice what RFC 5322 §2.1.1 allows
	maxReply        = 480  // octets of text; a reply line has 512 (RFC 5321 §4.5.3.1.5)
)

func (c *Config) validate() error {
	switch {
	case c.Deliveries == nil || c.Identity == nil:
		return errors.New("submission: Config lacks a part")
	case c.Domain == "":
		return errors.New("submission: Config.Domain is required")
	case c.MaxMessage < 0 || c.MaxRecipients < 0 || c.IdleTimeout < 0 || c.MaxConnections < 0:
		return errors.New("submission: Config has a negative bound")
	case c.ImplicitTLS && c.TLS == nil:
		return errors.New("submission: Config.ImplicitTLS without Config.TLS")
	}
	if host, _, err := net.SplitHostPort(c.Addr); c.TLS == nil && c.Addr != "" && (err != nil || !loopback(host)) {
		return errors.New("submission: keys in the clear are for loopback addresses only: Config.TLS is required")
	}
	if c.Suffix == "" && net.ParseIP(c.Domain) == nil {
		c.Suffix = "r." + c.Domain
	}
	var err error
	if c.suffix, err = newSuffix(c.Suffix); err != nil {
		return fmt.Errorf("submission: Config.Suffix: %w", err)
	}
	if c.MaxMessage == 0 {
		c.MaxMessage = 50 << 20
	}
	if c.MaxRecipients == 0 {
		c.MaxRecipients = 500
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = 5 * time.Minute
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 200
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.wall == nil {
		c.wall = time.Now
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
