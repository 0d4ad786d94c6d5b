package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/collect"
	"github.com/bode-erds/bode/delivery/identify"
	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// keySet serves our public keys for a provider.
type keySet interface{ JWKSHandler() http.Handler }

// jwksPath is where itsme finds our keys.
const jwksPath = "/.well-known/bode-jwks.json"

// keySetPath is where a provider finds our keys.
func keySetPath(method string) string {
	if method == identity.MethodItsme {
		return jwksPath
	}
	return "/.well-known/bode-jwks-" + method + ".json"
}

// identifying mounts the face on which people show who they are. Each errand
// goes back to the face that began it.
func (a *app) identifying(e *echo.Echo, pages *web.Web, senders *portal.Portal, recipients *collect.Collect) error {
	face, err := identify.New(identify.Config{Web: pages, Identity: a.identity, Means: a.out.means, Account: senders.SessionToken,
		Owners: map[string]identify.Owner{
			collect.Errand:         {Purpose: identity.RecipientProofing, Take: recipients.Identified},
			portal.BindErrand:      {Purpose: identity.SenderProofing, Take: senders.Bind},
			portal.RecoverErrand:   {Purpose: identity.SenderProofing, Take: senders.Recover},
			identity.ErrandMandate: {Purpose: identity.Authentication, Take: senders.GrantMandate},
		}, Log: a.log})
	if err != nil {
		return err
	}
	return face.Register(e)
}

// walletPath is where wallets fetch our requests and post their answers.
const walletPath = "/wallet/"

// receive mounts what others than people's browsers ask for: our key sets, and
// where wallets come.
func (a *app) receive(mux *http.ServeMux) {
	for path, keys := range a.out.keySets {
		mux.Handle("GET "+path, keys.JWKSHandler())
	}
	for _, m := range a.out.means {
		if w, ok := m.(identity.Receiver); ok && m.Method() == identity.MethodWallet {
			mux.Handle(walletPath, w.Receive(a.identity.Mailbox(w, identify.BackPath)))
		}
	}
}

// cards serves the host on which browsers show identity cards, until ctx ends.
func (a *app) cards(ctx context.Context, l net.Listener, own *tls.Config) error {
	server := a.out.card.Server(own, a.identity.Mailbox(a.out.card, identify.BackPath))
	server.Handler = a.polite(a.careful(server.Handler))
	server.ErrorLog = slog.NewLogLogger(a.log.Handler(), slog.LevelDebug) // every browser without a card is a failed handshake
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
