package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/flowmailer"
	"github.com/bode-erds/bode/notify/smpp"
	"github.com/bode-erds/bode/notify/sms"
)

// smsConfig is one provider of text messages. What a setting means depends on
// Kind.
type smsConfig struct {
	Kind       string  `help:"How the provider is reached: http (the default when there is an address), flowmailer, or smpp." env:"KIND"`
	URL        string  `name:"url" help:"HTTP gateway, or Flowmailer's API when it is not at its usual address; HOST:PORT of an SMPP message centre." env:"URL"`
	Login      string  `help:"Flowmailer's sign-in when it is not at its usual address." env:"LOGIN"`
	Account    string  `help:"Number of the Flowmailer account." env:"ACCOUNT"`
	User       string  `help:"Client id of Flowmailer, or system id of SMPP." env:"USER"`
	Token      string  `help:"File with the gateway's token, Flowmailer's client secret, or the password of SMPP." type:"path" env:"TOKEN"`
	From       string  `help:"Sender id, at most 11 letters and digits, or a number." env:"FROM"`
	Flow       string  `help:"Flow of the Flowmailer account." env:"FLOW"`
	SystemType string  `help:"System type of SMPP." env:"SYSTEM_TYPE"`
	Numbering  string  `help:"How SMPP receipts write message ids: empty for as answered, hex-then-dec or dec-then-hex." env:"NUMBERING"`
	CA         string  `help:"PEM file of the roots that the provider is verified with; empty: those of the system." type:"path" env:"CA"`
	Plain      bool    `help:"Speak SMPP without TLS; loopback only." env:"PLAIN"`
	Window     int     `help:"Unanswered SMPP messages at most." default:"10" env:"WINDOW"`
	Rate       float64 `help:"SMPP messages per second at most; 0: no limit." default:"0" env:"RATE"`
}

// kind is empty when there is no such provider.
func (c smsConfig) kind() string {
	if c.Kind == "" && c.URL != "" {
		return "http"
	}
	return c.Kind
}

// validate says what is missing. prefix is that of the settings.
func (c smsConfig) validate(prefix string, need func(ok bool, setting, why string)) {
	switch c.kind() {
	case "":
		need(c.Account == "" && c.User == "" && c.Token == "", prefix+"kind", "which kind of provider the other settings are for")
	case "http":
		need(c.URL != "", prefix+"url", "address of the gateway")
	case "flowmailer":
		need(c.Account != "", prefix+"account", "the account that sends")
		need(c.User != "", prefix+"user", "client id of a source of the account")
		need(c.Token != "", prefix+"token", "file with its client secret")
		need(c.From != "", prefix+"from", "who the messages are from")
	case "smpp":
		_, _, err := net.SplitHostPort(c.URL)
		need(err == nil, prefix+"url", "HOST:PORT of the message centre")
		need(c.User != "", prefix+"user", "system id at the message centre")
		need(c.Token != "", prefix+"token", "file with the password")
	default:
		need(false, prefix+"kind", strconv.Quote(c.Kind)+" is not http, flowmailer or smpp")
	}
}

// texting is what SMS needs beside its transport.
type texting struct {
	transport notify.Transport
	centres   []*smpp.Transport
	polled    map[string]*flowmailer.Transport // by cursor
	quiet     *notify.Quiet
}

// openTexting opens the providers: the second one is for when the first fails.
func (c config) openTexting(log *slog.Logger) (t texting, err error) {
	t.polled = map[string]*flowmailer.Transport{}
	var providers []notify.NamedTransport
	for _, p := range []struct {
		name string
		conf smsConfig
	}{{"sms", c.SMS}, {"sms2", c.SMS2}} {
		if p.conf.kind() == "" {
			continue
		}
		transport, err := t.open(p.name, p.conf, log)
		if err != nil {
			return t, fmt.Errorf("--%s-…: %w", p.name, err)
		}
		providers = append(providers, notify.NamedTransport{Name: p.name, Transport: transport})
	}
	if t.transport, err = notify.NewRoute(notify.RouteConfig{Providers: providers, Next: nextTexter}); err != nil {
		return t, err
	}
	if c.Quiet != "none" {
		t.quiet, err = notify.ParseQuiet(c.Quiet, "Europe/Brussels")
	}
	return t, err
}

func (t *texting) open(name string, c smsConfig, log *slog.Logger) (notify.Transport, error) {
	secret, err := readSecret(c.Token)
	if err != nil {
		return nil, err
	}
	verify, err := c.roots()
	if err != nil {
		return nil, err
	}
	switch c.kind() {
	case "flowmailer":
		f, err := flowmailer.New(flowmailer.Config{Account: c.Account, ClientID: c.User, ClientSecret: secret, From: c.From, Flow: c.Flow,
			API: c.URL, Login: c.Login, TLS: verify, Logger: log})
		if err == nil {
			t.polled["flowmailer-"+c.Account] = f
		}
		return f, err
	case "smpp":
		s, err := smpp.New(smpp.Config{Name: name, Addr: c.URL, Plain: c.Plain, TLS: verify, SystemID: c.User, Password: secret, SystemType: c.SystemType,
			From: c.From, Numbering: smpp.Numbering(c.Numbering), Window: c.Window, Rate: c.Rate, Logger: log})
		if err == nil {
			t.centres = append(t.centres, s)
		}
		return s, err
	}
	return sms.New(sms.Config{URL: c.URL, Token: secret, From: c.From, TLS: verify})
}

// roots are those that the provider is verified with; nil: the system's.
func (c smsConfig) roots() (*tls.Config, error) {
	if c.CA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate in %s", c.CA)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// checked adds to parts what a doctor can ask.
func (t texting) checked(parts map[string]any) {
	for i, c := range t.centres {
		parts[fmt.Sprintf("message centre %d of SMS lets us in", i+1)] = c
	}
	for source, f := range t.polled {
		parts["SMS provider "+source+" takes our credentials"] = f
	}
}

// patientTries is how many attempts of what can wait a provider gets that cannot
// be reached, before the next one is asked. If one of them is in doubt, it may then
// come twice, which is better than not at all.
const patientTries = 2

// nextTexter says whether the next provider is asked: for a code at once, because
// somebody waits for it, unless it may be on its way already.
func nextTexter(m notify.Message, r notify.Result) bool {
	if k := m.Notice.Kind; k == notify.Code || k == notify.ContactCode {
		return r.Outcome == notify.Temporary || r.Outcome == notify.Technical
	}
	return r.Unreached && m.Attempt > patientTries
}

const (
	// settlePace and pollPace are how often early receipts and events of providers
	// are looked at.
	settlePace, pollPace = 5 * time.Second, 15 * time.Second
	// settleBatch is how many early receipts are looked at together.
	settleBatch = 500
)

// text keeps the connections of message centres, and takes what providers say
// later, until ctx ends.
func (a *app) text(ctx context.Context) error {
	t := a.out.texting
	if len(t.centres) == 0 && len(t.polled) == 0 {
		<-ctx.Done()
		return nil
	}
	receipts, err := notify.NewReceipts(notify.ReceiptsConfig{Pool: a.pool, Reporter: a.notices, Logger: a.log})
	if err != nil {
		return err
	}
	var parts sync.WaitGroup
	for _, c := range t.centres {
		parts.Go(func() {
			if err := c.Run(ctx, receipts); err != nil {
				a.log.ErrorContext(ctx, "message centre given up", "err", err)
			}
		})
	}
	parts.Go(func() {
		a.every(ctx, "early receipts", settlePace, func(ctx context.Context) error {
			_, err := receipts.Settle(ctx, settleBatch)
			return err
		})
	})
	for source, f := range t.polled {
		cursor := notify.Cursor{Pool: a.pool, Source: source, Now: time.Now}
		parts.Go(func() {
			a.every(ctx, "events of "+source, pollPace, func(ctx context.Context) error { return f.Poll(ctx, cursor, receipts) })
		})
	}
	parts.Wait()
	return nil
}

// texts runs text beside the jobs. The function it returns ends it: last of all,
// so that what a job still submits gets its answer.
func (a *app) texts(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	over := make(chan struct{})
	go func() {
		defer close(over)
		if err := a.text(ctx); err != nil {
			a.log.ErrorContext(ctx, "receipts of text messages", "err", err)
		}
	}()
	return func() { cancel(); <-over }
}
