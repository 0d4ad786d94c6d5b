package smpp

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// Config of a Transport. Name, Addr and SystemID are needed.
type Config struct {
	// Name is ours for the provider: it goes before its message ids, so that those
	// of two providers are never mixed up. Letters, digits and '-'.
	Name string
	// Addr is host:port of the message centre.
	Addr string
	// Plain leaves TLS away; to a loopback address only.
	Plain bool
	// TLS holds further settings, such as the roots. The message centre is always
	// verified.
	TLS *tls.Config
	// SystemID and Password bind us; at most 15 and 8 octets. SMPP 3.4 §4.1.5
	SystemID, Password string
	// SystemType is what some providers ask for; at most 12 octets.
	SystemType string
	// From is the sender: at most 11 letters and digits, a number, or a short code.
	// Networks may replace it. Default: the message centre's.
	From string
	// Numbering says how ids differ between answers and receipts. Default: not.
	Numbering Numbering
	// Window is how many messages may wait for their answer. Default: 10.
	Window int
	// Rate is how many messages may be submitted each second. Default: no limit.
	Rate float64
	// Idle is after how much silence we ask whether the other side is there.
	// Default: 30 seconds.
	Idle time.Duration
	// AnswerTimeout bounds the wait for any answer. Default: 15 seconds.
	AnswerTimeout time.Duration
	// BindTimeout bounds dialling and binding, and how long a message waits for a
	// connection. Default: 10 seconds.
	BindTimeout time.Duration
	// CodeLife and Life are how long the message centre tries. Default: 10 minutes
	// for codes, a day for anything else.
	CodeLife, Life time.Duration
	// Logger gets lines for operators: no numbers, no texts. Default: discards.
	Logger *slog.Logger
	// Now is the wall clock. Default: time.Now.
	Now func() time.Time
}

var nameShape = regexp.MustCompile(`^[a-z0-9-]{1,20}$`)

// validate fills in defaults. Errors: ErrConfig.
func (c *Config) validate() error {
	host, _, err := net.SplitHostPort(c.Addr)
	switch ip := net.ParseIP(host); {
	case !nameShape.MatchString(c.Name):
		return fmt.Errorf("%w: name of the provider", ErrConfig)
	case err != nil || host == "":
		return fmt.Errorf("%w: address of the message centre", ErrConfig)
	case c.Plain && (ip == nil || !ip.IsLoopback()):
		return fmt.Errorf("%w: in clear to %s, which is not a loopback address", ErrConfig, host)
	case c.TLS != nil && c.TLS.InsecureSkipVerify:
		return fmt.Errorf("%w: a message centre that is not verified", ErrConfig)
	case c.SystemID == "" || len(c.SystemID) > 15 || len(c.Password) > 8 || len(c.SystemType) > 12:
		return fmt.Errorf("%w: at most 15 octets of system id, 8 of password, 12 of system type", ErrConfig)
	case strings.ContainsRune(c.SystemID+c.Password+c.SystemType, 0):
		return fmt.Errorf("%w: a NUL in what signs us in", ErrConfig)
	case c.Numbering != Same && c.Numbering != HexThenDec && c.Numbering != DecThenHex:
		return fmt.Errorf("%w: numbering %q", ErrConfig, c.Numbering)
	case c.Window < 0 || c.Window > 1000 || c.Rate < 0:
		return fmt.Errorf("%w: window or rate", ErrConfig)
	}
	if c.Window == 0 {
		c.Window = 10
	}
	for _, d := range []struct {
		of    *time.Duration
		other time.Duration
	}{{&c.Idle, 30 * time.Second}, {&c.AnswerTimeout, 15 * time.Second}, {&c.BindTimeout, 10 * time.Second},
		{&c.CodeLife, 10 * time.Minute}, {&c.Life, 24 * time.Hour}} {
		if *d.of <= 0 {
			*d.of = d.other
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

// limit is the pace that Rate asks for.
func (c *Config) limit() *rate.Limiter {
	if c.Rate == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(c.Rate), max(1, int(c.Rate)))
}
