package wallet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/bode-erds/bode/identity"
)

// begun is one request of ours: a secret, kept sealed until it is answered.
type begun struct {
	Nonce       string
	State       string // names the request, in both its addresses too
	ClientID    string
	ResponseURI string
	Key         []byte // P-256 scalar; the answer is encrypted to it and to no other
}

// Method implements identity.Means.
func (w *Wallet) Method() string { return identity.MethodWallet }

// Begin implements identity.Means: a fresh nonce, state and encryption key, and
// the link that opens a wallet on the same device. A PID signs nothing but its
// own presentation, so there is no text to approve.
//
// OpenID4VP 1.0 §5.2, §5.7; HAIP 1.0 §5, §5.1
func (w *Wallet) Begin(_ context.Context, a identity.Ask) (identity.Challenge, error) {
	if a.Text != "" {
		return identity.Challenge{}, fmt.Errorf("%w: a PID approves no text", ErrRequest)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity.Challenge{}, fmt.Errorf("wallet: begin: %w", err)
	}
	scalar, err := key.Bytes()
	if err != nil {
		return identity.Challenge{}, fmt.Errorf("wallet: begin: %w", err)
	}
	state := rand.Text() + rand.Text()
	b := begun{Nonce: rand.Text() + rand.Text(), State: state, ClientID: w.clientID, ResponseURI: w.cfg.Origin + pathResponse + state, Key: scalar}
	saved, err := json.Marshal(b)
	if err != nil {
		return identity.Challenge{}, fmt.Errorf("wallet: begin: %w", err)
	}
	return identity.Challenge{Form: identity.FormWallet, URL: w.link(b), Key: state, Saved: saved}, nil
}

// link is what a wallet opens. It carries no secret but the state.
func (w *Wallet) link(b begun) string {
	q := url.Values{"client_id": {b.ClientID}, "request_uri": {w.cfg.Origin + pathRequest + b.State}, "request_uri_method": {"post"}}
	if !strings.Contains(w.cfg.Scheme, "://") {
		return w.cfg.Scheme + "://?" + q.Encode()
	}
	if strings.Contains(w.cfg.Scheme, "?") {
		return w.cfg.Scheme + "&" + q.Encode()
	}
	return w.cfg.Scheme + "?" + q.Encode()
}

func readBegun(saved []byte) (b begun, err error) {
	if err := json.Unmarshal(saved, &b); err != nil || b.Nonce == "" || b.State == "" || len(b.Key) == 0 {
		return begun{}, fmt.Errorf("%w: nothing was begun", ErrSession)
	}
	return b, nil
}

// private is the key that answers are encrypted to.
func (b begun) private() (*ecdsa.PrivateKey, error) {
	return ecdsa.ParseRawPrivateKey(elliptic.P256(), b.Key)
}

// session is what a presentation has to answer.
func (b begun) session() (session, error) {
	private, err := b.private()
	if err != nil {
		return session{}, fmt.Errorf("wallet: %w", err)
	}
	sum, err := thumbprint(&private.PublicKey)
	return session{b.Nonce, b.ClientID, b.ResponseURI, sum}, err
}
