package flowmailer

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/bode-erds/bode/notify"
)

// ErrConfig: the configuration cannot work or would not be safe.
var ErrConfig = errors.New("flowmailer: bad configuration")

// Config of a Transport. Account, ClientID, ClientSecret and From are needed.
type Config struct {
	// Account is the id of the account, digits.
	Account string
	// ClientID and ClientSecret are those of a source of the account.
	ClientID, ClientSecret string
	// From is the sender: a name of at most 11 letters and digits, or a number.
	From string
	// Flow selects a flow of the account. Default: the account's rules.
	Flow string
	// API and Login are base addresses; https, or http to a loopback address.
	// Default: the provider's.
	API, Login string
	// TLS holds further settings, such as the roots. The provider is always
	// verified.
	TLS *tls.Config
	// CallTimeout bounds one call. Default: 30 seconds.
	CallTimeout time.Duration
	// Logger gets lines for operators: no numbers, no texts. Default: discards.
	Logger *slog.Logger
	// Now is the wall clock. Default: time.Now.
	Now func() time.Time
}

// Transport submits text messages and reads what became of them. Safe for
// concurrent use.
type Transport struct {
	cfg    Config
	base   string // with the account
	host   string
	client *http.Client
	token  token
}

var _ notify.Transport = (*Transport)(nil)

var (
	accountShape = regexp.MustCompile(`^[0-9]{1,12}$`)
	senderShape  = regexp.MustCompile(`^([A-Za-z0-9 ]{1,11}|\+?[0-9]{3,15})$`)
)

// New makes a Transport. It does not dial. Errors: ErrConfig.
func New(cfg Config) (*Transport, error) {
	if cfg.API == "" {
		cfg.API = "https://api.flowmailer.net"
	}
	if cfg.Login == "" {
		cfg.Login = "https://login.flowmailer.net"
	}
	switch {
	case !accountShape.MatchString(cfg.Account):
		return nil, fmt.Errorf("%w: the account is a number", ErrConfig)
	case cfg.ClientID == "" || cfg.ClientSecret == "":
		return nil, fmt.Errorf("%w: client id and secret are needed", ErrConfig)
	case !senderShape.MatchString(cfg.From):
		return nil, fmt.Errorf("%w: a sender is a number or at most 11 letters and digits", ErrConfig)
	case cfg.TLS != nil && cfg.TLS.InsecureSkipVerify:
		return nil, fmt.Errorf("%w: a provider that is not verified", ErrConfig)
	}
	for _, address := range []*string{&cfg.API, &cfg.Login} {
		*address = strings.TrimRight(*address, "/")
		if err := safe(*address); err != nil {
			return nil, err
		}
	}
	if cfg.CallTimeout <= 0 {
		cfg.CallTimeout = 30 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	u, err := url.Parse(cfg.API)
	if err != nil {
		return nil, fmt.Errorf("%w: address", ErrConfig)
	}
	return &Transport{cfg: cfg, base: cfg.API + "/" + cfg.Account, host: u.Host, client: &http.Client{
		Transport: &http.Transport{TLSClientConfig: cfg.TLS.Clone(), ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8,
			IdleConnTimeout: time.Minute, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// safe accepts https, and http to a loopback address.
func safe(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%w: address", ErrConfig)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && (u.Scheme != "http" || ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%w: %s to %s, which is not a loopback address", ErrConfig, u.Scheme, u.Hostname())
	}
	return nil
}
