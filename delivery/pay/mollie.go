package pay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// Config is what an adapter is made of.
type Config struct {
	Key    string       // "live_…" or "test_…"
	API    string       // default https://api.mollie.com
	Client *http.Client // default one that waits 20 s
}

// Mollie is a delivery.PaymentProvider. Safe for concurrent use.
type Mollie struct{ cfg Config }

var _ delivery.PaymentProvider = (*Mollie)(nil)

// maxAnswer bounds what an answer may be, in octets.
const maxAnswer = 1 << 20

// New checks cfg and returns an adapter.
func New(cfg Config) (*Mollie, error) {
	if !strings.HasPrefix(cfg.Key, "live_") && !strings.HasPrefix(cfg.Key, "test_") {
		return nil, errors.New("pay: the key of Mollie begins with live_ or test_")
	}
	if cfg.API == "" {
		cfg.API = "https://api.mollie.com"
	}
	u, err := url.Parse(cfg.API)
	if err != nil || u.Scheme != "https" && u.Hostname() != "127.0.0.1" {
		return nil, fmt.Errorf("pay: %q: https, or loopback", cfg.API)
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &Mollie{cfg}, nil
}

// Name implements delivery.PaymentProvider.
func (*Mollie) Name() string { return "mollie" }

var refForm = regexp.MustCompile(`^tr_[A-Za-z0-9]{4,40}$`)

// IsRef reports whether s can be the id of a payment.
func IsRef(s string) bool { return refForm.MatchString(s) }

type money struct {
	Currency string `json:"currency"`
	Value    string `json:"value"` // with two decimals
}

type order struct {
	Amount      money             `json:"amount"`
	Description string            `json:"description"`
	RedirectURL string            `json:"redirectUrl"`
	WebhookURL  string            `json:"webhookUrl"`
	Locale      string            `json:"locale,omitempty"`
	Metadata    map[string]string `json:"metadata"`
}

type payment struct {
	Resource          string          `json:"resource"`
	ID                string          `json:"id"`
	Mode              string          `json:"mode"`
	Status            string          `json:"status"`
	Amount            money           `json:"amount"`
	AmountRefunded    *money          `json:"amountRefunded"`
	AmountChargedBack *money          `json:"amountChargedBack"`
	Metadata          json.RawMessage `json:"metadata"`
	Links             struct {
		Checkout struct {
			Href string `json:"href"`
		} `json:"checkout"`
	} `json:"_links"`
}

// locales are Mollie's names of our languages.
var locales = map[string]string{"nl": "nl_BE", "fr": "fr_BE", "de": "de_DE", "en": "en_GB"}

// Create implements delivery.PaymentProvider: Mollie answers the same key of
// idempotency with the same payment.
//
// Mollie API v2, Create payment; API idempotency
func (m *Mollie) Create(ctx context.Context, o delivery.PaymentOrder) (delivery.PaymentView, error) {
	body, err := json.Marshal(order{Amount: money{"EUR", value(o.Amount)}, Description: o.Description, RedirectURL: o.Back, WebhookURL: o.Hook,
		Locale: locales[o.Language], Metadata: map[string]string{"order": o.ID}})
	if err != nil {
		return delivery.PaymentView{}, err
	}
	return m.ask(ctx, http.MethodPost, "/v2/payments", body, o.ID)
}

// Get implements delivery.PaymentProvider.
//
// Mollie API v2, Get payment
func (m *Mollie) Get(ctx context.Context, ref string) (delivery.PaymentView, error) {
	if !IsRef(ref) {
		return delivery.PaymentView{}, delivery.ErrNotFound
	}
	v, err := m.ask(ctx, http.MethodGet, "/v2/payments/"+ref, nil, "")
	if err == nil && v.Ref != ref {
		err = fmt.Errorf("pay: asked for %s, told of %s", ref, v.Ref)
	}
	return v, err
}

func (m *Mollie) ask(ctx context.Context, method, path string, body []byte, once string) (v delivery.PaymentView, err error) {
	req, err := http.NewRequestWithContext(ctx, method, m.cfg.API+path, bytes.NewReader(body))
	if err != nil {
		return v, err
	}
	req.Header.Set("Authorization", "Bearer "+m.cfg.Key)
	req.Header.Set("Accept", "application/hal+json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", once)
	}
	res, err := m.cfg.Client.Do(req)
	if err != nil {
		return v, fmt.Errorf("pay: %w", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case err != nil:
		return v, fmt.Errorf("pay: %w", err)
	case res.StatusCode == http.StatusNotFound && method == http.MethodGet:
		return v, delivery.ErrNotFound
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated:
		var said struct {
			Title, Field string
		}
		_ = json.Unmarshal(b, &said) // the detail may repeat what we sent
		return v, fmt.Errorf("pay: Mollie answers %d %s %s", res.StatusCode, said.Title, said.Field)
	}
	var p payment
	if err := json.Unmarshal(b, &p); err != nil {
		return v, fmt.Errorf("pay: %w", err)
	}
	return m.view(p)
}

// view reads a payment, and refuses one that is not of the kind of our key.
func (m *Mollie) view(p payment) (v delivery.PaymentView, err error) {
	if p.Resource != "payment" || !IsRef(p.ID) || p.Mode != "" && !strings.HasPrefix(m.cfg.Key, p.Mode+"_") {
		return v, fmt.Errorf("pay: no payment of ours: %q of mode %q", p.ID, p.Mode)
	}
	v = delivery.PaymentView{Ref: p.ID, Status: delivery.PaymentStatus(p.Status), Currency: p.Amount.Currency, Checkout: p.Links.Checkout.Href}
	switch v.Status {
	case delivery.PaymentOpen, delivery.PaymentPending, delivery.PaymentAuthorized, delivery.PaymentPaid, delivery.PaymentFailed,
		delivery.PaymentExpired, delivery.PaymentCanceled:
	default:
		return v, fmt.Errorf("pay: payment %s is %q", p.ID, p.Status)
	}
	var meta struct {
		Order string `json:"order"`
	}
	if err := json.Unmarshal(p.Metadata, &meta); err == nil {
		v.Order = meta.Order
	}
	if v.Amount, err = cents(p.Amount, "EUR"); err != nil {
		return v, err
	}
	for _, back := range []*money{p.AmountRefunded, p.AmountChargedBack} {
		if back == nil {
			continue
		}
		n, err := cents(*back, p.Amount.Currency)
		if err != nil {
			return v, err
		}
		v.Back += n
	}
	if u, err := url.Parse(v.Checkout); v.Checkout != "" && (err != nil || u.Scheme != "https" && u.Hostname() != "127.0.0.1") {
		return v, fmt.Errorf("pay: page of payment %s is not safe", p.ID)
	}
	return v, nil
}

func value(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }

var valueForm = regexp.MustCompile(`^[0-9]{1,12}\.[0-9]{2}$`)

// cents reads an amount, without floating point.
func cents(m money, currency string) (n int64, err error) {
	if m.Currency != currency || !valueForm.MatchString(m.Value) {
		return 0, fmt.Errorf("pay: amount %q %q", m.Value, m.Currency)
	}
	for _, c := range m.Value {
		if c != '.' {
			n = 10*n + int64(c-'0')
		}
	}
	return n, nil
}
