package main

import (
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/bode-erds/bode/identity/wallet"
	"github.com/bode-erds/bode/identity/wallettest"
)

// demoWallet is a provider of PIDs, and a wallet as a web page on a host of its
// own: whoever opens it chooses who to be.
type demoWallet struct {
	means  *wallet.Wallet
	server *http.Server
	url    string // origin
}

// Where the stand-in has its page, and the status list of its PIDs.
const (
	demoWalletPath = "/demo-wallet"
	demoStatusPath = "/status"
)

// startDemoWallet registers the service at base with a register of its own, and
// starts the wallet's host on a free port of loopback.
func startDemoWallet(base string, log *slog.Logger) (w *demoWallet, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	w = &demoWallet{url: "http://" + l.Addr().String()}
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	access, err := wallettest.NewAccess("Bode demonstration", u.Hostname(), time.Now())
	if err != nil {
		return nil, err
	}
	issuer, err := wallettest.NewIssuer("BE", w.url+demoStatusPath, nil)
	if err != nil {
		return nil, err
	}
	page, err := wallettest.NewPage(wallettest.PageConfig{Issuer: issuer, Access: []*x509.Certificate{access.Anchor}, Path: demoWalletPath, Log: log})
	if err != nil {
		return nil, err
	}
	if w.means, err = wallet.New(wallet.Config{Origin: base, Scheme: w.url + demoWalletPath, Key: access.Key, Chain: access.Chain,
		Providers: []wallet.Provider{{Name: "Demo", Country: "BE", Anchors: []*x509.Certificate{issuer.Anchor()}}}, StatusOrigins: []string{w.url}, Logger: log}); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(demoWalletPath, page)
	mux.Handle(demoWalletPath+"/", page)
	mux.Handle(demoStatusPath, issuer.StatusHandler())
	w.server = &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go w.server.Serve(l)
	return w, nil
}

// Close stops the host.
func (w *demoWallet) Close() error { return w.server.Close() }
