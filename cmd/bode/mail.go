package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"net/url"
	"os"
	"strings"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/smtp"
)

// relays are what mails go to, by priority. bounce is the key of return paths.
func (c config) relays(bounce []byte) ([]smtp.Config, error) {
	common, err := c.mailConfig(bounce)
	if err != nil {
		return nil, err
	}
	first := common
	first.Addr, first.Security, first.Username = c.SMTP.Addr, smtp.Security(c.SMTP.Security), c.SMTP.User
	if first.Password, err = readSecret(c.SMTP.Password); err != nil {
		return nil, err
	}
	relays := []smtp.Config{first}
	for _, text := range c.SMTP.More {
		relay, err := parseRelay(text, common)
		if err != nil {
			return nil, fmt.Errorf("--smtp-more: %w", err)
		}
		relays = append(relays, relay)
	}
	return relays, nil
}

// openMail opens every relay, by priority. bounce is the key of return paths.
func (c config) openMail(bounce []byte) (notify.Transport, error) {
	relays, err := c.relays(bounce)
	if err != nil {
		return nil, err
	}
	var providers []notify.NamedTransport
	for _, r := range relays {
		t, err := smtp.New(r)
		if err != nil {
			return nil, err
		}
		providers = append(providers, notify.NamedTransport{Name: r.Addr, Transport: t})
	}
	return notify.NewRoute(notify.RouteConfig{Providers: providers})
}

// hangUp ends the connections that transports keep; nothing is sent any more.
func (a *app) hangUp() {
	for _, t := range a.out.transports {
		if c, ok := t.(io.Closer); ok {
			if err := c.Close(); err != nil {
				a.log.Warn("a connection did not end well", "err", err)
			}
		}
	}
}

// mailConfig is what all relays share.
func (c config) mailConfig(bounce []byte) (smtp.Config, error) {
	from, err := mail.ParseAddress(c.SMTP.From)
	if err != nil {
		return smtp.Config{}, err
	}
	conf := smtp.Config{From: *from, ReturnPath: c.SMTP.Return, BounceDomain: c.Bounce.Domain, SuccessReports: c.Bounce.Listen != "", Connections: c.SMTP.Connections, PerDomain: c.SMTP.PerDomain}
	if conf.BounceDomain != "" {
		conf.BounceKey = bounce
	}
	if c.SMTP.CA != "" {
		text, err := os.ReadFile(c.SMTP.CA)
		if err != nil {
			return smtp.Config{}, err
		}
		conf.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
		if !conf.TLS.RootCAs.AppendCertsFromPEM(text) {
			return smtp.Config{}, fmt.Errorf("--smtp-ca: no certificate in %s", c.SMTP.CA)
		}
	}
	conf.DKIM, err = c.dkimKeys()
	return conf, err
}

func (c config) dkimKeys() (keys []smtp.DKIMKey, err error) {
	for _, text := range c.SMTP.DKIM {
		selector, file, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("--smtp-dkim: %q is not SELECTOR=FILE", text)
		}
		k, err := smtp.LoadDKIMKey(selector, file)
		if err != nil {
			return nil, fmt.Errorf("--smtp-dkim: %w", err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

var errRelay = errors.New("not smtps://USER@HOST:PORT?password=FILE")

// parseRelay reads a further relay; what it does not say is as in common.
func parseRelay(text string, common smtp.Config) (smtp.Config, error) {
	u, err := url.Parse(text)
	if err != nil || u.Port() == "" || u.Path != "" || u.Fragment != "" {
		return smtp.Config{}, fmt.Errorf("%w: %q", errRelay, text)
	}
	if _, there := u.User.Password(); there {
		return smtp.Config{}, fmt.Errorf("%w: a password belongs into a file", errRelay)
	}
	relay := common
	relay.Addr, relay.Username = u.Host, u.User.Username()
	switch u.Scheme {
	case "smtps":
		relay.Security = smtp.ImplicitTLS
	case "smtp":
		relay.Security = smtp.StartTLS
	case "smtp+plain":
		relay.Security = smtp.Plain
	default:
		return smtp.Config{}, fmt.Errorf("%w: %q", errRelay, text)
	}
	relay.Password, err = readSecret(u.Query().Get("password"))
	return relay, err
}

// sayMail prints the DNS records that have to be published for mails to be
// believed, as far as the configuration tells.
func (c config) sayMail(w io.Writer) error {
	from, err := mail.ParseAddress(c.SMTP.From)
	if err != nil {
		return nil // said already
	}
	domain := from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	keys, err := c.dkimKeys()
	for _, k := range keys {
		name, value := k.Record(domain)
		fmt.Fprintf(w, "publish  %s. TXT %s\n", name, quoted(value))
	}
	fmt.Fprintf(w, "publish  _dmarc.%s. TXT \"v=DMARC1; p=reject; adkim=s; aspf=r\"\n", domain)
	if c.Bounce.Domain != "" {
		fmt.Fprintf(w, "publish  %s. TXT \"v=spf1 … -all\", naming the relay's addresses, and MX, leading to --bounce-listen\n", c.Bounce.Domain)
	}
	if len(keys) == 0 {
		fmt.Fprintln(w, "note     no DKIM keys: unless the relay signs, mails are easily forged")
	}
	return err
}

// quoted is a TXT value in strings of at most 255 octets (RFC 1035 §3.3.14).
func quoted(value string) string {
	var parts []string
	for len(value) > 255 {
		parts = append(parts, `"`+value[:255]+`"`)
		value = value[255:]
	}
	return strings.Join(append(parts, `"`+value+`"`), " ")
}
