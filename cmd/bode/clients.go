package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery/api"
)

// clientsConfig is where software with certificates comes. It has a host of its
// own: one that asks for certificates makes browsers with an identity card ask
// their people for it.
type clientsConfig struct {
	Listen string `help:"Address on which the API asks callers for a certificate (TLS); empty: it does not." env:"BODE_CLIENTS_LISTEN"`
	Cert   string `help:"PEM file of the certificate there." type:"path" env:"BODE_CLIENTS_CERT"`
	Key    string `help:"PEM file of its key." type:"path" env:"BODE_CLIENTS_KEY"`
	URL    string `help:"Public address there, without a slash at the end." env:"BODE_CLIENTS_URL" placeholder:"https://clients.bode.example"`
	Header string `help:"Header in which the proxies of --proxies forward the certificate that a caller showed them (RFC 9440, or escaped PEM). They must remove it from what comes in." env:"BODE_CLIENTS_HEADER" placeholder:"Client-Cert"`
}

func (c config) validateClients(need func(ok bool, setting, why string)) {
	k := c.Clients
	need(k.Listen == "" || k.Cert != "" && k.Key != "", "clients-cert", "callers show certificates in TLS only")
	need(k.URL == "" || strings.HasPrefix(k.URL, "https://") && !strings.HasSuffix(k.URL, "/"), "clients-url", "https, without a slash at the end")
	need(k.Header == "" || len(c.Proxies) > 0, "clients-header", "nobody is trusted with it: --proxies is empty")
}

// tls asks for a certificate and checks it against no authority: accounts register
// theirs. The handshake shows that the caller holds its private key.
//
// RFC 8705 §2
func (c clientsConfig) tls() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("--clients-cert: %w", err)
	}
	conf := answering(pair)
	conf.ClientAuth = tls.RequestClientCert
	return conf, nil
}

// withCertificates serves the API alone on l until ctx ends.
func (a *app) withCertificates(ctx context.Context, l net.Listener, conf *tls.Config) error {
	server := &http.Server{
		Handler: a.polite(a.software), TLSConfig: conf, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog:    slog.NewLogLogger(a.log.Handler(), slog.LevelDebug), // every scanner is a failed handshake
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	return a.drained(ctx, func() error {
		if err := server.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}, func(drain context.Context) {
		if err := server.Shutdown(drain); err != nil {
			server.Close()
		}
	})
}

// mountAPI puts what software asks for on mux, and keeps it for the host that asks
// for certificates.
func (a *app) mountAPI(mux *http.ServeMux, rest *api.API) {
	own := http.NewServeMux()
	for _, m := range []*http.ServeMux{mux, own} {
		m.Handle(api.Prefix+"/", rest.Handler())
		m.Handle("GET "+api.MetadataPath, rest.Metadata())
	}
	a.software = a.out.tracing.requests(a.careful(own))
}
