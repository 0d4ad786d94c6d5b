package eid

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/bode-erds/bode/identity"
)

// deposit is what Receive leaves for Finish: the card that was shown, or why it
// was refused, which the person is told on the main host.
type deposit struct {
	Shown   artefact `json:"shown,omitzero"`
	Failure string   `json:"failure,omitempty"`
}

// failures are the refusals that a deposit names.
func failures() map[string]error {
	return map[string]error{
		"purpose": ErrPurpose, "signing": ErrSigningCertificate, "policy": ErrPolicy, "early": ErrNotYetValid, "expired": ErrExpired,
		"issuer": ErrIssuer, "person": ErrPerson, "revoked": ErrRevoked, "responder": ErrResponder, "response": ErrResponse,
	}
}

func failureOf(code string) error {
	if err := failures()[code]; err != nil {
		return err
	}
	return ErrDeposit
}

// Receive implements [identity.Receiver]: the one path of the host for cards. It
// takes a POST of "key" from a page of the main host, over a connection of
// [Card.Server], and sends the browser back.
func (c *Card) Receive(box identity.Mailbox) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Connection", "close") // the next person shows a card again
		if status := c.refuse(r); status != 0 {
			http.Error(w, http.StatusText(status), status)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		if err := r.ParseForm(); err != nil || len(r.PostForm["key"]) != 1 {
			http.Error(w, http.StatusText(http.StatusBadRequest), http.StatusBadRequest)
			return
		}
		key := r.PostForm.Get("key")
		path, err := c.take(r.Context(), box, key, r.TLS.PeerCertificates[0])
		switch {
		case errors.Is(err, identity.ErrLoginStale):
			path = "/" // nothing waits: the person begins again
		case err != nil:
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, c.main+path, http.StatusSeeOther)
	})
}

// refuse is the status of a request that is not from our page with a card; 0
// when it is. Headers that claim a certificate are no certificate.
func (c *Card) refuse(r *http.Request) int {
	switch {
	case r.Host != c.address.Host:
		return http.StatusMisdirectedRequest
	case r.URL.Path != c.address.Path:
		return http.StatusNotFound
	case r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed
	case len(r.Header["Origin"]) != 1 || r.Header.Get("Origin") != c.main:
		return http.StatusForbidden
	case r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || r.TLS.DidResume:
		return http.StatusForbidden
	}
	return 0
}

// take judges the card for whoever waits under key, and leaves what was found.
// Nobody is asked about the card of somebody for whom nothing waits.
func (c *Card) take(ctx context.Context, box identity.Mailbox, key string, leaf *x509.Certificate) (path string, err error) {
	if _, err := box.Saved(ctx, key); err != nil {
		return "", err
	}
	d, err := c.judge(ctx, leaf)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	return box.Deposit(ctx, key, b)
}

// judge makes the deposit. Only what is not a refusal is an error.
func (c *Card) judge(ctx context.Context, leaf *x509.Certificate) (deposit, error) {
	at := c.now().UTC()
	h, _, err := c.v.shown(leaf, at)
	var s status
	if err == nil {
		s, err = c.v.status(ctx, h, at)
	}
	if err == nil {
		return deposit{Shown: artefact{Kind: artefactX509, Origin: "https://" + c.address.Host, At: at,
			Chain: [][]byte{h.leaf.Raw, h.anchor.issuer.Raw, h.anchor.root.Raw}, OCSP: s.der, Asked: s.nonce}}, nil
	}
	for code, refusal := range failures() {
		if errors.Is(err, refusal) {
			return deposit{Failure: code}, nil
		}
	}
	return deposit{}, err
}
