package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
	"github.com/bode-erds/bode/delivery/vault/token"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/asic"
	"github.com/bode-erds/bode/evidence/ledger"
	"github.com/bode-erds/bode/evidence/logweb"
	"github.com/bode-erds/bode/evidence/ltv"
	"github.com/bode-erds/bode/evidence/pades"
	"github.com/bode-erds/bode/evidence/tlog"
	"github.com/bode-erds/bode/evidence/tsp"
	"github.com/bode-erds/bode/evidence/xades"
	"github.com/bode-erds/bode/notify"
)

// outside opens everything that cfg names. ctx ends what the parts do by
// themselves.
func (c config) outside(ctx context.Context, log *slog.Logger) (o outside, err error) {
	if err = c.validate(); err != nil {
		return o, err
	}
	o = outside{baseURL: c.BaseURL, service: c.Service, issuer: c.issuer(), proxies: c.Proxies, clients: c.Clients, pace: production, lead: c.Drain}
	for _, part := range []struct {
		name string
		open func() error
	}{
		{"secrets", func() (err error) { o.secrets, err = loadSecrets(c.secretsDir(), false); return err }},
		{"keys", func() (err error) { o.keyring, err = openKeyring(c.Keys, c.KeysToken); return err }},
		{"content", func() (err error) { o.vault, err = c.openVault(o.keyring); return err }},
		{"clamd", func() (err error) { o.scanner, err = c.openScanner(ctx); return err }},
		{"seal", func() error { return c.openSeal(&o, log) }},
		{"notify", func() (err error) { o.transports, err = c.openTransports(&o, log); return err }},
		{"login", func() error { return c.openMeans(ctx, &o, log) }},
		{"assurance", func() (err error) { o.assurance, err = readAssurance(c.Assurance); return err }},
		{"post", func() error { return c.openPost(&o, log) }},
		{"credits", func() (err error) { o.credits, err = c.Credits.open(); return err }},
		{"poppler", func() error { return c.openViewer(ctx, &o) }},
		{"about", func() (err error) { o.about, err = c.about(); return err }},
		{"trace", func() (err error) { o.tracing, err = c.Trace.open(ctx, c.Proxies, log); return err }},
	} {
		if err := part.open(); err != nil {
			return o, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return o, nil
}

// openKeyring opens the keys of content, which a device guards when file names one.
// It stays connected as long as the program runs.
func openKeyring(dir, file string) (*vault.Keyring, error) {
	if file == "" {
		return vault.OpenKeyring(dir, time.Now)
	}
	cfg, err := token.ReadConfig(file)
	if err != nil {
		return nil, err
	}
	key, err := token.Open(cfg)
	if err != nil {
		return nil, err
	}
	return vault.OpenKeyringUnder(key, dir, time.Now)
}

func (c config) openVault(keys *vault.Keyring) (delivery.Vault, error) {
	if c.Content.Dir != "" {
		return vault.NewDir(vault.DirConfig{Dir: c.Content.Dir, Keys: keys})
	}
	s3, err := c.Content.s3()
	if err != nil {
		return nil, err
	}
	s3.Keys = keys
	return vault.NewS3(s3)
}

func (c config) openSeal(o *outside, log *slog.Logger) error {
	trust, err := evidence.ReadTrust(c.Seal.Trust)
	if err != nil {
		return err
	}
	keys, err := c.Seal.openKeys(trust, log)
	if err != nil {
		return err
	}
	o.sealKeys = keys
	var authorities []tsp.Authority
	for _, u := range c.Seal.TSA {
		authorities = append(authorities, tsp.Authority{Name: origin(u), URL: u})
	}
	stamper, err := tsp.New(tsp.Config{Authorities: authorities, Trust: trust, Log: log})
	if err != nil {
		return err
	}
	if o.log.key, err = tlog.LoadKey(c.Seal.LogKey); err != nil {
		return err
	}
	if o.witnesses, err = c.openWitnesses(); err != nil {
		return err
	}
	if len(c.Seal.Each) > 0 {
		o.own = func(n evidence.Name) bool { return slices.Contains(c.Seal.Each, string(n)) }
	}
	if err = o.validate(c.Seal.Trust); err != nil {
		return err
	}
	return o.seal(keys, stamper, trust)
}

// validate lets evidence be completed with what the issuers under the anchors in
// dir publish.
func (o *outside) validate(dir string) error {
	o.trustDir = dir
	for _, name := range []string{evidence.SealAnchors, evidence.TSAAnchors} {
		certs, err := readCertificates(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		o.anchors = append(o.anchors, certs...)
	}
	collector, err := ltv.New(ltv.Config{Roots: o.anchors})
	o.validator = validator{collector}
	return err
}

// openWitnesses reads who watches the log, each as KEY=URL.
func (c config) openWitnesses() (list []ledger.Witness, err error) {
	for _, w := range c.Seal.Witnesses {
		i := strings.Index(w, "=http")
		if i < 0 {
			return nil, fmt.Errorf("--seal-witnesses: %q is not KEY=URL", w)
		}
		key, err := tlog.Cosigner(w[:i])
		if err != nil {
			return nil, fmt.Errorf("--seal-witnesses: %w", err)
		}
		asked, err := logweb.NewWitness(logweb.WitnessConfig{URL: w[i+1:], Key: key})
		if err != nil {
			return nil, fmt.Errorf("--seal-witnesses: %w", err)
		}
		list = append(list, witness{asked})
	}
	return list, nil
}

var errLogKey = errors.New("log.pub among the anchors is not the key of the log")

// seal puts together what makes evidence and dossiers.
func (o *outside) seal(keys sealKeys, stamper evidence.Stamper, trust evidence.Trust) error {
	x, err := xades.New(xades.Config{Key: keys.Key, Stamper: stamper})
	if err != nil {
		return err
	}
	p, err := pades.New(pades.Config{Key: keys.Key, Stamper: stamper})
	if err != nil {
		return err
	}
	// What we issue ourselves is not held against witnesses, who may be late.
	switch own := o.log.key.Public(); trust.Log {
	case own, "":
		trust.Log, trust.Quorum = own, 0
	default:
		return errLogKey
	}
	xml := xades.Remembering(xmlChecker()) // alone, and again inside the PDF
	pdf := pades.Checker{XML: xml}
	o.sealKeys, o.stamper = keys, stamper
	o.engine = evidence.Engine{XML: x, XMLChecker: xml, PDF: p, PDFChecker: pdf, Trust: trust}
	o.letters = func(ctx context.Context, pdf []byte, number string, at time.Time) ([]byte, error) {
		return p.SealFile(ctx, pdf, o.issuer.Name, number, at)
	}
	o.dossiers, err = asic.New(asic.Config{Key: keys.Key, Stamper: stamper})
	return err
}

func (c config) openTransports(o *outside, log *slog.Logger) (map[notify.Channel]notify.Transport, error) {
	mailer, err := c.openMail(o.secrets.bounce)
	if err != nil {
		return nil, err
	}
	texter, err := c.openTexting(log)
	o.texting = texter
	return map[notify.Channel]notify.Transport{notify.Email: mailer, notify.SMS: texter.transport}, err
}
