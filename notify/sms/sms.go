package sms

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bode-erds/bode/notify"
)

// ErrConfig: the configuration cannot work or would not be safe.
var ErrConfig = errors.New("sms: bad configuration")

// Config of a Transport. URL is needed.
type Config struct {
	// URL is the base address of the gateway; https, or http to a loopback
	// address.
	URL string
	// Token signs us in. Default: no sign-in.
	Token string
	// From is the sender id: at most 11 letters and digits, or a number.
	// Operators may replace it. Default: the gateway's.
	From string
	// TLS holds further settings, such as the roots. The gateway is always
	// verified.
	TLS *tls.Config
	// CallTimeout bounds one call. Default: 30 seconds.
	CallTimeout time.Duration
}

// Transport sends text messages. Safe for concurrent use.
type Transport struct {
	base    string
	host    string
	token   string
	from    string
	client  *http.Client
	timeout time.Duration
}

var _ notify.Transport = (*Transport)(nil)

// New makes a Transport. It does not dial. Errors: ErrConfig.
func New(cfg Config) (*Transport, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w: gateway address", ErrConfig)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && (u.Scheme != "http" || ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%w: %s to %s, which is not a loopback address", ErrConfig, u.Scheme, u.Hostname())
	}
	if strings.ContainsAny(cfg.Token+cfg.From, "\r\n") {
		return nil, fmt.Errorf("%w: a line break in the token or the sender", ErrConfig)
	}
	if cfg.TLS != nil && cfg.TLS.InsecureSkipVerify {
		return nil, fmt.Errorf("%w: a gateway that is not verified", ErrConfig)
	}
	if cfg.CallTimeout <= 0 {
		cfg.CallTimeout = 30 * time.Second
	}
	return &Transport{
		base: strings.TrimRight(cfg.URL, "/"), host: u.Host, token: cfg.Token, from: cfg.From, timeout: cfg.CallTimeout,
		client: &http.Client{
			Transport: &http.Transport{
				TLSClientConfig: cfg.TLS.Clone(), ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
				// A reused connection may be dead; net/http would then send a POST
				// again by itself only if nothing was written, which is safe.
				DisableCompression: true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// order is the body of POST /messages.
type order struct {
	To   string      `json:"to"`
	From string      `json:"from,omitempty"`
	Text string      `json:"text"`
	Tag  string      `json:"tag"`
	Kind notify.Kind `json:"kind"`
}

// Deliver gives the message to the gateway; the tag is the id of the notice. The
// digest is of the JSON body.
func (t *Transport) Deliver(ctx context.Context, m notify.Message) (notify.Result, string) {
	body, err := json.Marshal(order{To: m.Notice.To, From: t.from, Text: m.Text, Tag: m.Notice.ID, Kind: m.Notice.Kind})
	if err != nil {
		return notify.Result{Outcome: notify.Technical, Reply: unsaid(err)}, ""
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	if m.Attempt > 1 {
		if r, settled := t.lookUp(ctx, m.Notice.ID); settled {
			return r, digest
		}
	}
	a := t.call(ctx, http.MethodPost, t.base+"/messages", body)
	return a.sent(), digest
}

// lookUp asks whether the gateway already has the message. Only a clear no lets
// it be sent.
func (t *Transport) lookUp(ctx context.Context, tag string) (notify.Result, bool) {
	a := t.call(ctx, http.MethodGet, t.base+"/status?tag="+url.QueryEscape(tag), nil)
	switch {
	case a.httpStatus == http.StatusNotFound && a.Code == "unknown_tag":
		return notify.Result{}, false
	case a.httpStatus == http.StatusOK && a.Status == "failed":
		return a.result(notify.Permanent), true
	case a.httpStatus == http.StatusOK && a.ID != "":
		return a.result(notify.Sent), true
	case a.httpStatus/100 == 4 && a.httpStatus != http.StatusTooManyRequests && a.httpStatus != http.StatusRequestTimeout:
		return a.result(notify.Technical), true
	}
	r := a.result(notify.Temporary)
	r.Unreached = a.httpStatus == 0 && !a.dialled
	return r, true
}
