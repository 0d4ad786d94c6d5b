package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// Config of a Sender.
type Config struct {
	Resolver Resolver         // default net.DefaultResolver
	Loopback bool             // loopback may be pushed to, and in clear: demonstrations and tests only
	Roots    *x509.CertPool   // whose certificates count; default the system's
	Timeout  time.Duration    // of one push, from looking the name up to the end of the answer; default 15 s
	Now      func() time.Time // default time.Now
}

// Sender pushes. Safe for concurrent use.
type Sender struct {
	cfg    Config
	client *http.Client
}

var _ delivery.Hooks = (*Sender)(nil)

// maxAnswer is how much of an answer is read.
const maxAnswer = 4 << 10

// New makes a Sender.
func New(cfg Config) (*Sender, error) {
	if cfg.Timeout < 0 {
		return nil, errors.New("webhook: negative timeout")
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 15*time.Second)
	if cfg.Resolver == nil {
		cfg.Resolver = net.DefaultResolver
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	transport := &http.Transport{
		Proxy:                  nil, // what the environment says does not count
		DialContext:            dialer{cfg.Resolver, cfg.Loopback}.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.Roots},
		DisableKeepAlives:      true, // each push is checked anew
		DisableCompression:     true,
		MaxResponseHeaderBytes: 16 << 10,
	}
	return &Sender{cfg, &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Check implements delivery.Hooks: it reads the address and looks nothing up.
func (s *Sender) Check(raw string) error {
	_, err := target(raw, s.cfg.Loopback)
	return err
}

// Send implements delivery.Hooks. It returns within Timeout.
func (s *Sender) Send(ctx context.Context, c delivery.HookCall) (a delivery.HookAnswer) {
	began := s.cfg.Now()
	defer func() { a.Took = max(0, s.cfg.Now().Sub(began)) }()
	u, err := target(c.URL, s.cfg.Loopback)
	if err != nil {
		return delivery.HookAnswer{Fault: fault(err)}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(c.Body))
	if err != nil {
		return delivery.HookAnswer{Fault: delivery.FaultAddress}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Bode-Webhook/1")
	r.Header.Set("webhook-id", c.ID)
	r.Header.Set("webhook-timestamp", stamp(c.At))
	r.Header.Set("webhook-signature", signatures(c.ID, c.At, c.Body, c.Keys))
	if c.Trace != "" {
		r.Header.Set("traceparent", c.Trace) // W3C Trace Context §3.2
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return delivery.HookAnswer{Fault: fault(err)}
	}
	defer answer.Body.Close()
	a = delivery.HookAnswer{Status: answer.StatusCode, RetryAfter: later(answer.Header.Get("Retry-After"))}
	if a.Status >= 300 && a.Status < 400 {
		a.Fault = delivery.FaultRedirect
		return a
	}
	if a.Status < 200 || a.Status > 299 {
		a.Fault = delivery.FaultStatus
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if a.Answer = body; err != nil && a.Fault == "" { // the status came, and the connection broke: it may or may not have been taken
		a.Fault = fault(err)
	}
	return a
}

// later reads Retry-After in its form of seconds; the other is passed over.
// RFC 9110 §10.2.3
func later(s string) time.Duration {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 24*60*60 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// fault says in one word why there is no answer.
func fault(err error) string {
	var timeout net.Error
	var alert *net.OpError
	var record tls.RecordHeaderError
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.Is(err, ErrPrivate):
		return delivery.FaultPrivate
	case errors.Is(err, ErrURL):
		return delivery.FaultAddress
	case errors.Is(err, ErrName):
		return delivery.FaultName
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return delivery.FaultTimeout
	case errors.As(err, &alert) && (alert.Op == "remote error" || alert.Op == "local error"), errors.As(err, &record), errors.As(err, &unverified):
		return delivery.FaultTLS
	}
	return delivery.FaultConnection
}
