package bounce

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bode-erds/bode/notify"
)

// ErrConfig: the configuration lacks something.
var ErrConfig = errors.New("bounce: incomplete configuration")

// Config of a Server. Reporter, Domain and Key are needed.
type Config struct {
	Reporter notify.Reporter
	Domain   string // of the return paths, and what the greeting says
	Key      []byte // of the return paths, see notify.ReturnPath
	// Complaints is the local part of the address at which mailbox providers
	// report complaints; empty: complaints come to return paths only.
	Complaints string
	TLS        *tls.Config // offers STARTTLS; nil: it is not offered
	// MaxConnections at once, a quarter of it from one peer. Default: 64.
	MaxConnections int
	// PerMinute is how many mails one peer may bring in a minute. Default: 600.
	PerMinute int
	// IdleTimeout is how long a peer may be silent. Default: five minutes
	// (RFC 5321 §4.5.3.2.7).
	IdleTimeout time.Duration
	// Patience is how long a report waits for its attempt to end, before the peer
	// is asked to come again. Default: ten seconds.
	Patience time.Duration
	// Logger gets lines for operators: ids and what was reported, no addresses.
	// Default: discards.
	Logger *slog.Logger
	// Now is the wall clock, for deadlines of sockets and rates. Default: time.Now.
	Now func() time.Time
}

// Bounds that are not for configuration.
const (
	maxMessage    = 4 << 20 // octets
	maxDepth      = 5       // of parts in parts
	maxParts      = 100     // of one multipart
	maxFields     = 1000    // of one header or group
	maxValue      = 2000    // octets of one field, after which nothing is added to it
	maxRecipients = 1000    // of one report
	maxWrong      = 10      // recipients that do not exist, on one connection
	mailTime      = 10 * time.Minute
	writeTime     = time.Minute
	storeTime     = 30 * time.Second
	closingTime   = time.Second
)

func (c *Config) validate() error {
	switch {
	case c.Reporter == nil, c.Domain == "":
		return fmt.Errorf("%w: Reporter and Domain are needed", ErrConfig)
	case len(c.Key) < 32:
		return fmt.Errorf("%w: a Key of 32 octets is needed", ErrConfig)
	case c.MaxConnections < 0 || c.PerMinute < 0 || c.IdleTimeout < 0 || c.Patience < 0:
		return fmt.Errorf("%w: negative bound", ErrConfig)
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 64
	}
	if c.PerMinute == 0 {
		c.PerMinute = 600
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = 5 * time.Minute
	}
	if c.Patience == 0 {
		c.Patience = 10 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}
