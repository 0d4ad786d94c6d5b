package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/mail"
	"os"
	"path/filepath"
	"time"

	"github.com/bode-erds/bode/delivery/identify"
	"github.com/bode-erds/bode/delivery/post"
	"github.com/bode-erds/bode/delivery/vault"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/tsp"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/identitytest"
	"github.com/bode-erds/bode/identity/oidc"
	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/notifytest"
	"github.com/bode-erds/bode/notify/sms"
	"github.com/bode-erds/bode/notify/smtp"
)

const (
	demoClient   = "bode-demo"
	demoService  = "BODE_DEMO"
	demoApproval = "BODE_APPROVE" // to approve a text
	demoPartner  = "Demo Print"
	demoLog      = "demo.bode.example/log"
)

// standIns is the outside of a demonstration: a mail and SMS catcher, an
// itsme-like provider, a wallet with a provider of PIDs, a trust world with a
// time-stamp authority, a printer.
type standIns struct {
	catcher   *notifytest.Catcher
	provider  *identitytest.Provider
	authority *evidencetest.Authority
	trust     evidence.Trust
	tsa       *http.Server
	tsaURL    string
	login     *oidc.Provider
	stopLogin context.CancelFunc
	wallet    *demoWallet
	printer   post.StandIn
	till      *demoTill
	hook      *demoHook
}

// startStandIns starts them on free ports of loopback. base is where the
// service will answer.
func startStandIns(dir, base string, log *slog.Logger) (s *standIns, err error) {
	s = &standIns{printer: post.StandIn{Dir: filepath.Join(dir, "post")}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.catcher, err = notifytest.StartCatcher(notifytest.Config{Logger: log}); err != nil {
		return s, err
	}
	if err = s.startTrust(dir, log); err != nil {
		return s, err
	}
	if s.wallet, err = startDemoWallet(base, log); err != nil {
		return s, err
	}
	if s.till, err = startTill(log); err != nil {
		return s, err
	}
	if s.hook, err = startHook(log); err != nil {
		return s, err
	}
	redirect := base + identify.CallbackPath(identity.MethodItsme)
	if s.provider, err = identitytest.Start(identitytest.Config{Log: log, Clients: []identitytest.Client{{
		ID: demoClient, Services: []string{demoService}, Approvals: []string{demoApproval}, RedirectURLs: []string{redirect}, JWKSURL: base + jwksPath}}}); err != nil {
		return s, err
	}
	sign, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return s, err
	}
	open, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return s, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stopLogin = cancel
	s.login, err = oidc.New(ctx, oidc.Config{Issuer: s.provider.Issuer(), ClientID: demoClient, Service: demoService, ApprovalService: demoApproval,
		RedirectURL: redirect, SigningKey: sign, EncryptionKeys: []oidc.Key{{Private: open}}})
	return s, err
}

// startTrust makes a throw-away trust world and lets its time-stamp authority
// answer over HTTP. A demonstration that goes on in the same directory still
// trusts what the earlier worlds sealed.
func (s *standIns) startTrust(dir string, log *slog.Logger) (err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.tsaURL = "http://" + l.Addr().String()
	if s.authority, err = evidencetest.New(evidencetest.Config{Organisation: "Bode demo", URL: s.tsaURL, ListsOnly: true}); err != nil {
		return errors.Join(err, l.Close())
	}
	s.tsa = &http.Server{Handler: s.authority, ReadTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go s.tsa.Serve(l)
	anchors := filepath.Join(dir, "trust")
	if err := appendAnchors(s.authority, anchors); err != nil {
		return err
	}
	s.trust, err = evidence.ReadTrust(anchors)
	return err
}

// outside puts the stand-ins where the real things would be.
func (s *standIns) outside(dir, base string, log *slog.Logger) (o outside, err error) {
	o = outside{baseURL: base, service: "Bode", means: []identity.Means{s.login, s.wallet.means}, hosts: []string{origin(s.provider.Issuer())}, keySets: map[string]keySet{jwksPath: s.login},
		issuer: demoIssuer(base), pace: pace{sweep: time.Second, post: time.Second, retain: time.Minute, mend: time.Minute,
			batch: 100 * time.Millisecond, complete: 200 * time.Millisecond, renew: time.Hour, watch: time.Minute}}
	if o.secrets, err = loadSecrets(filepath.Join(dir, "secrets"), true); err != nil {
		return o, err
	}
	o.viewer = demoViewer(log)
	if o.about, err = demoAbout(); err != nil {
		return o, err
	}
	if o.log.key, err = logKey(filepath.Join(dir, "secrets"), demoLog, true); err != nil {
		return o, err
	}
	if err := o.writeLogAnchor(filepath.Join(dir, "trust")); err != nil {
		return o, err
	}
	if o.keyring, err = vault.OpenKeyring(filepath.Join(dir, "keys"), time.Now); err != nil {
		return o, err
	}
	if o.vault, err = vault.NewDir(vault.DirConfig{Dir: filepath.Join(dir, "content"), Keys: o.keyring}); err != nil {
		return o, err
	}
	stamper, err := tsp.New(tsp.Config{Authorities: []tsp.Authority{{Name: "demo", URL: s.tsaURL}}, Trust: s.trust, Log: log})
	if err != nil {
		return o, err
	}
	if err = o.validate(filepath.Join(dir, "trust")); err != nil {
		return o, err
	}
	if err = o.seal(oneKey{s.authority.SealKey()}, stamper, s.trust); err != nil {
		return o, err
	}
	mailer, err := smtp.New(smtp.Config{Addr: s.catcher.SMTPAddr(), Security: smtp.Plain,
		From: mail.Address{Name: "Bode", Address: "bode@bode.example"}})
	if err != nil {
		return o, err
	}
	texter, err := sms.New(sms.Config{URL: s.catcher.SMSURL(), From: "Bode"})
	if err != nil {
		return o, err
	}
	o.transports = map[notify.Channel]notify.Transport{notify.Email: mailer, notify.SMS: texter}
	if err := os.MkdirAll(s.printer.Dir, 0o755); err != nil {
		return o, err
	}
	letters := post.Config{Dir: s.printer.Dir, Partner: demoPartner, Seal: o.letters, Logger: log, Converter: demoConverter(log)}
	if o.post, err = post.NewHotFolder(letters); err != nil {
		return o, err
	}
	if o.credits, err = s.till.credits(filepath.Join(dir, "invoices")); err != nil {
		return o, err
	}
	tariff, err := post.ExampleTariff()
	if err != nil {
		return o, err
	}
	if o.previews, err = post.NewPreviewer(letters, tariff); err != nil {
		return o, err
	}
	return o, o.openPush(pushConfig{Loopback: true, Leave: true}, letters)
}

// demoIssuer names nobody real and claims nothing.
func demoIssuer(base string) evidence.Issuer {
	return evidence.Issuer{Name: "Bode demonstration", Identifier: evidence.Identifier{Scheme: "bode", Value: "demo"},
		Country: "BE", PolicyOIDs: []string{"1.3.6.1.4.1.99999.2.1"}, ServiceName: "Bode", VerifyURL: base + "/verify"}
}

// Close stops what runs, in any state of being started.
func (s *standIns) Close() error {
	var errs []error
	if s.stopLogin != nil {
		s.stopLogin()
	}
	if s.wallet != nil {
		errs = append(errs, s.wallet.Close())
	}
	if s.provider != nil {
		errs = append(errs, s.provider.Close())
	}
	if s.hook != nil {
		errs = append(errs, s.hook.server.Close())
	}
	if s.till != nil {
		errs = append(errs, s.till.server.Close())
	}
	if s.tsa != nil {
		errs = append(errs, s.tsa.Close())
	}
	if s.catcher != nil {
		errs = append(errs, s.catcher.Close())
	}
	return errors.Join(errs...)
}
