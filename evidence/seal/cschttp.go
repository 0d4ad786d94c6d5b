package seal

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxReply bounds what is read of an answer, in octets.
	maxReply = 1 << 20
	// tokenLife is how long a token lasts that does not say so, and the longest
	// that we believe.
	tokenLife = time.Hour
	// tokenSpare is how long before its end a token is replaced.
	tokenSpare = 30 * time.Second
)

// Marks on errors, for those who think of repeating a call.
var (
	errUntouched = errors.New("nothing was signed")
	errToken     = errors.New("access token not accepted")
)

// cscClient speaks to one service for one credential. Safe for concurrent use.
type cscClient struct {
	cfg    RemoteConfig
	secret string
	auth   []authObject
	http   *http.Client
	now    func() time.Time
	log    *slog.Logger
	barred atomic.Bool // the service refused our means of authorization

	mu     sync.Mutex // held while a token is fetched: one is enough for all
	token  string
	expiry time.Time
}

func newCSCClient(cfg RemoteConfig, now func() time.Time, log *slog.Logger) (*cscClient, error) {
	secret, err := readSecret(cfg.SecretFile)
	if err != nil {
		return nil, err
	}
	auth, err := readAuth(cfg.AuthFiles)
	if err != nil {
		return nil, err
	}
	var roots *x509.CertPool
	if cfg.RootsFile != "" {
		certs, err := readCertificates(cfg.RootsFile)
		if err != nil {
			return nil, err
		}
		roots = x509.NewCertPool()
		for _, c := range certs {
			roots.AddCert(c)
		}
	}
	return &cscClient{cfg: cfg, secret: secret, auth: auth, now: now, log: log, http: &http.Client{
		Timeout: time.Duration(cfg.Timeout),
		Transport: &http.Transport{
			Proxy:           http.ProxyFromEnvironment,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			MaxConnsPerHost: cfg.MaxCalls + 1, MaxIdleConnsPerHost: cfg.MaxCalls + 1, IdleConnTimeout: time.Minute,
			ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
		},
		// Secrets go where the configuration says and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// call makes one request of the API. Errors: [ErrRefused], [ErrUnavailable], both
// marked errUntouched where the service cannot have signed anything.
func (c *cscClient) call(ctx context.Context, method string, in, out any) error {
	token, err := c.access(ctx)
	if err != nil {
		return fmt.Errorf("%w (%w)", err, errUntouched)
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL+"/"+method, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	err = c.do(req, out)
	if errors.Is(err, errToken) {
		c.forget(token)
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, method)
	}
	return nil
}

// do sends req and reads a JSON answer into out.
func (c *cscClient) do(req *http.Request, out any) error {
	resp, err := c.http.Do(req)
	if err != nil {
		if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
			return fmt.Errorf("%w: %w (%w)", ErrUnavailable, err, errUntouched)
		}
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if len(b) > maxReply {
		return fmt.Errorf("%w: an answer of more than %d octets", ErrUnavailable, maxReply)
	}
	if resp.StatusCode != http.StatusOK {
		return failure(resp.StatusCode, b)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%w: not the JSON that was expected", ErrUnavailable)
	}
	return nil
}

// failure tells a refusal, which the service gives before it begins, from a
// breakdown, after which nobody knows.
func failure(status int, body []byte) error {
	var v struct {
		Error string `json:"error"`
	}
	said := json.Unmarshal(body, &v) == nil && v.Error != ""
	switch {
	case status == http.StatusUnauthorized:
		return fmt.Errorf("%w: status 401 (%w, %w)", ErrRefused, errToken, errUntouched)
	case said && slices.Contains([]string{"invalid_pin", "invalid_otp", "pin_locked"}, v.Error):
		return fmt.Errorf("%w: %s", ErrPIN, v.Error)
	case status == http.StatusTooManyRequests:
		return fmt.Errorf("%w: status 429 (%w)", ErrUnavailable, errUntouched)
	case said && status >= 400 && status < 500:
		return fmt.Errorf("%w: status %d %s (%w)", ErrRefused, status, plain(v.Error), errUntouched)
	}
	return fmt.Errorf("%w: status %d", ErrUnavailable, status)
}

// plain keeps a foreign word short and harmless for a log.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return -1
	}, s[:min(len(s), 40)])
}

// access gives the access token, fetched anew when it is about to end. RFC 6749 §4.4
func (c *cscClient) access(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" && c.now().Before(c.expiry) {
		return c.token, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.cfg.ClientID}, "client_secret": {c.secret}, "scope": {c.cfg.Scope}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrConfig, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var out struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int64  `json:"expires_in"`
	}
	err = c.do(req, &out)
	if errors.Is(err, ErrRefused) {
		return "", fmt.Errorf("%w: no access token: %v", ErrRefused, err) // final: the mark of a token that ran out goes
	}
	if err != nil {
		return "", fmt.Errorf("%w: access token", err)
	}
	if out.Token == "" || !strings.EqualFold(out.Type, "Bearer") {
		return "", fmt.Errorf("%w: no bearer token", ErrUnavailable)
	}
	life := tokenLife
	if out.Expires > 0 && out.Expires < int64(tokenLife/time.Second) {
		life = time.Duration(out.Expires) * time.Second
	}
	c.token, c.expiry = out.Token, c.now().Add(life-min(tokenSpare, life/2))
	return c.token, nil
}

// forget drops a token that was not accepted, unless another took its place.
func (c *cscClient) forget(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == token {
		c.token = ""
	}
}
