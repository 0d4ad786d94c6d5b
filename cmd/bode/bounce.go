package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/bounce"
)

type bounceConfig struct {
	Domain     string `help:"Domain of the return paths. Its MX has to lead to --bounce-listen." env:"BODE_BOUNCE_DOMAIN" placeholder:"bounce.bode.example"`
	Listen     string `help:"Address on which reports about our mails come back (SMTP, the role of port 25); empty: they do not." env:"BODE_BOUNCE_LISTEN"`
	Complaints string `help:"Local part of the address at that domain at which mailbox providers report complaints." default:"complaints" env:"BODE_BOUNCE_COMPLAINTS"`
	Cert       string `help:"PEM file of the certificate there; without it STARTTLS is not offered." type:"path" env:"BODE_BOUNCE_CERT"`
	Key        string `help:"PEM file of its key." type:"path" env:"BODE_BOUNCE_KEY"`
}

func (c bounceConfig) tls() (*tls.Config, error) {
	if c.Cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("--bounce-cert: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

func (c bounceConfig) validate(need func(ok bool, setting, why string)) {
	need(c.Listen == "" || c.Domain != "", "bounce-domain", "reports are taken for return paths at this domain only")
	need((c.Cert == "") == (c.Key == ""), "bounce-cert", "a certificate and its key, --bounce-key, belong together")
}

// bounces takes what comes back on l until ctx ends.
func (a *app) bounces(ctx context.Context, l net.Listener, c bounceConfig) error {
	conf, err := c.tls()
	if err != nil {
		l.Close()
		return err
	}
	s, err := bounce.New(bounce.Config{Reporter: a.notices, Domain: c.Domain, Key: a.out.secrets.bounce, Complaints: c.Complaints, TLS: conf, Logger: a.log})
	if err != nil {
		l.Close()
		return err
	}
	return a.drained(ctx, func() error { return s.Serve(l) }, func(drain context.Context) {
		if err := s.Shutdown(drain); err != nil {
			a.log.WarnContext(ctx, "reports were cut off", "err", err)
		}
	})
}

// suppressions knows whom not to write to.
func (s secrets) suppressions(pool *pgxpool.Pool) (*notify.Suppressions, error) {
	key, err := hkdf.Key(sha256.New, s.digest, nil, "bode suppression", 32)
	if err != nil {
		return nil, err
	}
	return notify.NewSuppressions(notify.SuppressionsConfig{Pool: pool, Key: key})
}

// guarded are the transports, asked only for addresses that may be written to.
func guarded(all map[notify.Channel]notify.Transport, s *notify.Suppressions) map[notify.Channel]notify.Transport {
	out := map[notify.Channel]notify.Transport{}
	for ch, t := range all {
		out[ch] = s.Guard(t)
	}
	return out
}
