package eid

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bode-erds/bode/identity"
)

// shownFor is how long a card that was shown may wait for its person to go on.
const shownFor = 10 * time.Minute

// CardConfig is what a [Card] needs; nothing but Now has a default.
type CardConfig struct {
	Address string           // absolute address of a path on a host of its own, "https://eid.example/card"
	Main    string           // origin of the host where people are identified, "https://example"
	Now     func() time.Time // true time; default time.Now
}

// Card is the Belgian card as TLS client certificate, without any extension in
// the browser. It implements identity.Means and identity.Receiver. Safe for
// concurrent use.
//
// Its host is [Card.Server] and nothing else, and speaks TLS itself: behind a
// proxy that ends TLS nobody ever gets in, since what a header says of a
// certificate is not looked at.
//
// The page of the main host that posts the key here has to send
// "Referrer-Policy: strict-origin" or a laxer one: under same-origin a browser
// says "Origin: null", which is refused. Without that check a stranger's page
// could post the stranger's key from the browser of somebody with a card.
type Card struct {
	v       *Verifier
	address *url.URL
	main    string
	now     func() time.Time
}

// NewCard checks cfg and returns a Card.
func NewCard(v *Verifier, cfg CardConfig) (*Card, error) {
	if err := checkOrigin(cfg.Main); err != nil {
		return nil, fmt.Errorf("eid: main host: %w", err)
	}
	u, err := url.Parse(cfg.Address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") {
		return nil, errors.New("eid: address of the host for cards is not https://host/path")
	}
	if u.Scheme+"://"+u.Host == cfg.Main {
		return nil, errors.New("eid: the host for cards is the main host")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Card{v, u, cfg.Main, cfg.Now}, nil
}

// Method implements [identity.Means].
func (*Card) Method() string { return identity.MethodCard }

// Begin implements [identity.Means]. It asks the network nothing.
func (c *Card) Begin(context.Context, identity.Ask) (identity.Challenge, error) {
	raw := make([]byte, nonceSize)
	rand.Read(raw)
	return identity.Challenge{Form: identity.FormCertificate, URL: c.address.String(), Key: base64.RawURLEncoding.EncodeToString(raw),
		Saved: []byte(artefactX509), Life: shownFor}, nil
}

// Server is the server of that host, to be started with ServeTLS: base brings
// its own certificate, box is where cards are left. Every client has to show a
// certificate by one of our CAs and to prove, in this very connection, that it
// holds the key. Nothing is resumed, and one connection serves one request.
//
// RFC 8446 §4.3.2
func (c *Card) Server(base *tls.Config, box identity.Mailbox) *http.Server {
	t := base.Clone()
	t.ClientAuth = tls.RequireAndVerifyClientCert
	t.ClientCAs = c.v.anchors.pool()
	t.Time = c.now
	t.SessionTicketsDisabled = true
	t.MinVersion = tls.VersionTLS12
	t.NextProtos = nil
	t.GetConfigForClient, t.VerifyConnection, t.VerifyPeerCertificate = nil, nil, nil
	var one http.Protocols // HTTP/2 would share connections between pages
	one.SetHTTP1(true)
	return &http.Server{
		Handler: c.Receive(box), TLSConfig: t, Protocols: &one,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
	}
}

// Finish implements [identity.Means]. It trusts the deposit for one thing only,
// that the certificate's key was proven to us; the rest is judged again.
func (c *Card) Finish(_ context.Context, _ []byte, a identity.Answer, at time.Time) (identity.Proof, error) {
	if a.Direct == nil {
		return identity.Proof{}, fmt.Errorf("%w: none", ErrDeposit)
	}
	var d deposit
	if err := json.Unmarshal(a.Direct, &d); err != nil {
		return identity.Proof{}, fmt.Errorf("%w: %w", ErrDeposit, err)
	}
	if d.Failure != "" {
		return identity.Proof{}, failureOf(d.Failure)
	}
	if d.Shown.Kind != artefactX509 || at.Sub(d.Shown.At) > shownFor || d.Shown.At.Sub(at) > c.v.strict.Skew {
		return identity.Proof{}, fmt.Errorf("%w: of another time, or another kind", ErrDeposit)
	}
	return c.v.again(d.Shown, d.Shown.At)
}

// shown judges a certificate whose key was proven to be there.
func (v *Verifier) shown(leaf *x509.Certificate, at time.Time) (h holder, checks []identity.Check, err error) {
	if h, err = v.certificate(leaf, at); err != nil {
		return holder{}, nil, err
	}
	if err := h.person(); err != nil {
		return holder{}, nil, err
	}
	return h, []identity.Check{{Name: "policy", Result: h.policy}, {Name: "purpose", Result: "ok"}, {Name: "validity", Result: "ok"},
		{Name: "chain", Result: "ok"}, {Name: "tls", Result: "ok"}, {Name: "person", Result: "ok"}}, nil
}
