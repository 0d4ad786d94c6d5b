package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery/identify"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eid"
	"github.com/bode-erds/bode/identity/oidc"
	qes "github.com/bode-erds/bode/identity/statement"
	"github.com/bode-erds/bode/identity/wallet"
)

// openMeans opens the means of identifying that are configured, in the order in
// which people are offered them.
func (c config) openMeans(ctx context.Context, o *outside, log *slog.Logger) error {
	for _, open := range []func() error{
		func() error { return c.openLogin(ctx, o) },
		func() error { return c.openCards(o) },
		func() error { return c.openWallet(o, log) },
		func() error { return c.openStatement(o) },
		func() error { return c.openProvider(ctx, o, identity.MethodFAS, c.FAS) },
		func() error { return c.openProvider(ctx, o, identity.MethodLuxTrust, c.LuxTrust) },
	} {
		if err := open(); err != nil {
			return err
		}
	}
	return nil
}

// openLogin opens itsme.
func (c config) openLogin(ctx context.Context, o *outside) error {
	if c.Login.Issuer == "" {
		return nil
	}
	keys, err := c.Login.keys()
	if err != nil {
		return err
	}
	keys.Issuer, keys.ClientID, keys.Service, keys.ApprovalService = c.Login.Issuer, c.Login.Client, c.Login.Code, c.Login.Approval
	return o.addProvider(ctx, identity.MethodItsme, keys)
}

// openProvider opens another provider, with the same keys of ours.
func (c config) openProvider(ctx context.Context, o *outside, method string, p providerConfig) error {
	if p.Issuer == "" {
		return nil
	}
	keys, err := c.Login.keys()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	keys.Issuer, keys.ClientID, keys.ACR, keys.UserInfo = p.Issuer, p.Client, p.ACR, p.UserInfo
	if keys.Plain = p.Plain; p.Plain != "" {
		keys.EncryptionKeys = nil
	}
	for _, l := range p.Levels {
		acr, level, ok := cutLast(l, "=")
		if !ok {
			return fmt.Errorf("--%s-levels: %q is not CLASS=LEVEL", method, l)
		}
		if keys.Levels == nil {
			keys.Levels = map[string]identity.Level{}
		}
		keys.Levels[acr] = identity.Level(level)
	}
	return o.addProvider(ctx, method, keys)
}

// addProvider adds an OpenID provider, with a way back and a key set of its own.
func (o *outside) addProvider(ctx context.Context, method string, cfg oidc.Config) error {
	cfg.Method, cfg.RedirectURL = method, o.baseURL+identify.CallbackPath(method)
	p, err := oidc.New(ctx, cfg)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	o.means, o.hosts = append(o.means, p), append(o.hosts, origin(cfg.Issuer))
	if o.keySets == nil {
		o.keySets = map[string]keySet{}
	}
	o.keySets[keySetPath(method)] = p
	return nil
}

// keys are our keys as OpenID providers know them.
func (c loginConfig) keys() (cfg oidc.Config, err error) {
	if cfg.SigningKey, err = readRSA(c.Sign); err != nil {
		return cfg, err
	}
	for _, path := range c.Decrypt {
		k, err := readRSA(path)
		if err != nil {
			return cfg, err
		}
		cfg.EncryptionKeys = append(cfg.EncryptionKeys, oidc.Key{Private: k})
	}
	for _, r := range c.Retired {
		path, at, ok := cutLast(r, "=")
		until, err := time.Parse(time.RFC3339, at)
		if !ok || err != nil {
			return cfg, fmt.Errorf("--login-retired: %q is not FILE=TIME", r)
		}
		k, err := readRSA(path)
		if err != nil {
			return cfg, err
		}
		cfg.EncryptionKeys = append(cfg.EncryptionKeys, oidc.Key{Private: k, Until: until})
	}
	for _, path := range c.Next {
		k, err := readPublicRSA(path)
		if err != nil {
			return cfg, err
		}
		cfg.OtherSigningKeys = append(cfg.OtherSigningKeys, k)
	}
	return cfg, nil
}

// cutLast cuts s at the last sep.
func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// openCards opens both ways of showing a Belgian identity card.
func (c config) openCards(o *outside) error {
	if c.EID.Anchors == "" {
		return nil
	}
	anchors, err := eid.ReadAnchors(c.EID.Anchors)
	if err != nil {
		return err
	}
	v, err := eid.New(eid.Config{Anchors: anchors, Responders: c.EID.Responders, WithoutNonce: c.EID.WithoutNonce})
	if err != nil {
		return err
	}
	extension, err := eid.NewWebEID(v, c.BaseURL)
	if err != nil {
		return err
	}
	o.means = append(o.means, extension)
	if c.EID.CardURL == "" {
		return nil
	}
	if o.card, err = eid.NewCard(v, eid.CardConfig{Address: c.EID.CardURL, Main: c.BaseURL}); err != nil {
		return err
	}
	o.means, o.hosts = append(o.means, o.card), append(o.hosts, origin(c.EID.CardURL))
	return nil
}

// tls is the certificate of the card's host.
func (c eidConfig) tls() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.CardCert, c.CardKey)
	if err != nil {
		return nil, fmt.Errorf("--eid-card-cert: %w", err)
	}
	return answering(pair), nil
}

func (c config) openWallet(o *outside, log *slog.Logger) (err error) {
	if c.Wallet.Cert == "" {
		return nil
	}
	w := c.Wallet
	cfg := wallet.Config{Origin: c.BaseURL, Scheme: w.Scheme, Prefix: w.Prefix, Types: w.Types, StatusOrigins: w.Status,
		WithoutNumber: w.WithoutNumber, Logger: log}
	if cfg.Chain, err = readCertificates(w.Cert); err != nil {
		return err
	}
	if cfg.Key, err = readSigner(w.Key); err != nil {
		return err
	}
	if w.Registration != "" {
		b, err := os.ReadFile(w.Registration)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, &cfg.VerifierInfo); err != nil {
			return fmt.Errorf("--wallet-registration: %w", err)
		}
	}
	for _, p := range w.Providers {
		parts := strings.SplitN(p, "=", 3)
		if len(parts) != 3 {
			return fmt.Errorf("--wallet-providers: %q is not COUNTRY=NAME=FILE", p)
		}
		anchors, err := readCertificates(parts[2])
		if err != nil {
			return err
		}
		cfg.Providers = append(cfg.Providers, wallet.Provider{Country: parts[0], Name: parts[1], Anchors: anchors})
	}
	m, err := wallet.New(cfg)
	if err != nil {
		return err
	}
	o.means = append(o.means, m)
	return nil
}

// openStatement opens signed statements.
func (c config) openStatement(o *outside) error {
	if c.Statement.Anchors == "" {
		return nil
	}
	anchors, err := qes.ReadAnchors(c.Statement.Anchors)
	if err != nil {
		return err
	}
	asked, err := qes.NewOCSP(qes.OCSPConfig{Hosts: c.Statement.Responders})
	if err != nil {
		return err
	}
	m, err := qes.New(qes.Config{Service: c.Service, Anchors: anchors, Revocation: asked.Status})
	if err != nil {
		return err
	}
	o.means = append(o.means, m)
	return nil
}

// readAssurance reads a policy; the zero one, which is our own, without a file.
func readAssurance(path string) (identity.Assurance, error) {
	if path == "" {
		return identity.Assurance{}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return identity.Assurance{}, err
	}
	defer f.Close()
	return identity.ReadAssurance(f)
}
