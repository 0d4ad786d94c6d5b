package notifytest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// Config of a Catcher; the zero value works.
type Config struct {
	// SMTPAddr and HTTPAddr are where it listens. Default: a free port of
	// 127.0.0.1. It has no sign-in for readers: keep it on loopback.
	SMTPAddr, HTTPAddr string
	// TLS holds the certificate of the SMTP server, which then offers STARTTLS.
	TLS *tls.Config
	// ImplicitTLS speaks TLS from the first octet instead; needs TLS.
	ImplicitTLS bool
	// Username and Password are demanded of mail clients when set.
	Username, Password string
	// SMSToken is demanded of SMS clients when set.
	SMSToken string
	// Keep is how many messages are kept; the oldest go first. Default: 10 000.
	Keep int
	// Now dates what arrives. Default: the wall clock.
	Now func() time.Time
	// Logger gets the server's troubles. Default: discards.
	Logger *slog.Logger
}

// Message is one that arrived.
type Message struct {
	ID         string            `json:"id"`
	Channel    string            `json:"channel"` // "email" or "sms"
	Kind       string            `json:"kind"`    // of the notice, as the sender labelled it
	To         string            `json:"to"`
	From       string            `json:"from"`
	Subject    string            `json:"subject"`
	Text       string            `json:"text"`
	HTML       string            `json:"html"`
	ReceivedAt time.Time         `json:"received_at"`
	Headers    map[string]string `json:"headers"`  // decoded; an SMS has its tag
	Envelope   map[string]string `json:"envelope"` // of a mail: return_path, envid, notify, orcpt, tls
	Raw        []byte            `json:"-"`        // of a mail: the octets between DATA and the final dot
}

// Catcher catches. Safe for concurrent use.
type Catcher struct {
	cfg      Config
	mail     *gosmtp.Server
	mailAddr string
	web      *http.Server
	webAddr  string

	mu       sync.Mutex
	messages []Message
	next     int
	tries    map[string]int      // per address: how often it was tried
	tags     map[string]smsState // per SMS tag
	arrived  chan struct{}       // closed and replaced whenever something arrives
}

// StartCatcher listens and serves until Close.
func StartCatcher(cfg Config) (*Catcher, error) {
	if cfg.ImplicitTLS && cfg.TLS == nil {
		return nil, errors.New("notifytest: implicit TLS needs a certificate")
	}
	if cfg.Keep <= 0 {
		cfg.Keep = 10_000
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Catcher{cfg: cfg, tries: make(map[string]int), tags: make(map[string]smsState), arrived: make(chan struct{})}
	mail, err := listen(cfg.SMTPAddr)
	if err != nil {
		return nil, err
	}
	web, err := listen(cfg.HTTPAddr)
	if err != nil {
		mail.Close()
		return nil, err
	}
	c.mailAddr, c.webAddr = mail.Addr().String(), web.Addr().String()
	if cfg.ImplicitTLS {
		mail = tls.NewListener(mail, cfg.TLS)
	}
	c.mail = c.mailServer()
	c.web = &http.Server{Handler: c.routes(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		if err := c.mail.Serve(mail); err != nil && !errors.Is(err, gosmtp.ErrServerClosed) {
			cfg.Logger.Error("catcher: smtp ended", "err", err)
		}
	}()
	go func() {
		if err := c.web.Serve(web); err != nil && !errors.Is(err, http.ErrServerClosed) {
			cfg.Logger.Error("catcher: http ended", "err", err)
		}
	}()
	return c, nil
}

func listen(addr string) (net.Listener, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("notifytest: %w", err)
	}
	return l, nil
}

// SMTPAddr is host:port of the mail server.
func (c *Catcher) SMTPAddr() string { return c.mailAddr }

// SMSURL is the base address of the SMS gateway.
func (c *Catcher) SMSURL() string { return "http://" + c.webAddr + "/sms" }

// URL is the page that lists what arrived; messages.json lies beside it.
func (c *Catcher) URL() string { return "http://" + c.webAddr }

// Close ends both servers and their connections.
func (c *Catcher) Close() error { return errors.Join(c.mail.Close(), c.web.Close()) }

// Messages returns what arrived, newest last.
func (c *Catcher) Messages() []Message { return c.to("") }

// to returns what arrived at one address, or everything.
func (c *Catcher) to(address string) []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := []Message{}
	for _, m := range c.messages {
		if address == "" || strings.EqualFold(m.To, address) {
			found = append(found, m)
		}
	}
	return found
}

// Wait returns the messages that match, as soon as there are n of them.
func (c *Catcher) Wait(ctx context.Context, n int, match func(Message) bool) ([]Message, error) {
	for {
		c.mu.Lock()
		changed := c.arrived
		c.mu.Unlock()
		var found []Message
		for _, m := range c.Messages() {
			if match(m) {
				found = append(found, m)
			}
		}
		if len(found) >= n {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return found, fmt.Errorf("notifytest: %d of %d messages: %w", len(found), n, ctx.Err())
		}
	}
}

// store keeps m under a new id, which it returns.
func (c *Catcher) store(m Message) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	m.ID, m.ReceivedAt = strconv.Itoa(c.next), c.cfg.Now().UTC()
	c.messages = append(c.messages, m)
	if over := len(c.messages) - c.cfg.Keep; over > 0 {
		c.messages = append([]Message(nil), c.messages[over:]...)
	}
	close(c.arrived)
	c.arrived = make(chan struct{})
	return m.ID
}

// try counts the tries of an address and returns how many there were before.
func (c *Catcher) try(address string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries[address]++
	return c.tries[address] - 1
}
