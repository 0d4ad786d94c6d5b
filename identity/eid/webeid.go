package eid

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/bode-erds/bode/identity"
)

// nonceLife is how long a person has to find the card and type its code.
const nonceLife = 5 * time.Minute

// WebEID is the Belgian card through the browser's Web eID extension. It
// implements identity.Means. Safe for concurrent use.
//
// The page's script hands the nonce to the extension and posts the token that
// comes back as the value "token". What the extension says instead of a token
// the script tells the person itself.
type WebEID struct {
	v      *Verifier
	origin string
}

// NewWebEID makes the means for pages of one origin, "https://host" or
// "https://host:port". The card signs the origin that the browser shows, so a
// page elsewhere gets signatures that are worth nothing here.
func NewWebEID(v *Verifier, origin string) (*WebEID, error) {
	if err := checkOrigin(origin); err != nil {
		return nil, fmt.Errorf("eid: origin: %w", err)
	}
	return &WebEID{v, origin}, nil
}

// checkOrigin accepts an origin as browsers write it. Web eID works on secure
// pages only; of plain HTTP that is a loopback host.
func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	switch {
	case err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin || bareHost(u) != u.Host:
		return errors.New("not of the form https://host")
	case u.Scheme == "https", u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1"):
		return nil
	}
	return errors.New("not https")
}

// Method implements [identity.Means].
func (*WebEID) Method() string { return identity.MethodWebEID }

// Begin implements [identity.Means]. It asks the network nothing.
func (*WebEID) Begin(context.Context, identity.Ask) (identity.Challenge, error) {
	raw := make([]byte, nonceSize)
	rand.Read(raw)
	nonce := base64.StdEncoding.EncodeToString(raw) // padded; the extension wants 44 characters or more
	return identity.Challenge{Form: identity.FormScript, Nonce: nonce, Saved: []byte(nonce), Life: nonceLife}, nil
}

// Finish implements [identity.Means]. The signature is checked before anybody is
// asked about the certificate, so that only who holds the card makes us ask.
func (w *WebEID) Finish(ctx context.Context, saved []byte, a identity.Answer, at time.Time) (identity.Proof, error) {
	if len(a.Values["token"]) != 1 {
		return identity.Proof{}, fmt.Errorf("%w: none, or several", ErrToken)
	}
	kept := artefact{Kind: artefactWebEID, Token: a.Values.Get("token"), Nonce: string(saved), Origin: w.origin}
	h, checks, err := w.v.signed(kept, at)
	if err != nil {
		return identity.Proof{}, err
	}
	s, err := w.v.status(ctx, h, at)
	if err != nil {
		return identity.Proof{}, err
	}
	return kept.prove(h, s, checks, at)
}

// signed judges a token and the certificate in it.
func (v *Verifier) signed(a artefact, at time.Time) (h holder, checks []identity.Check, err error) {
	if raw, err := base64.StdEncoding.Strict().DecodeString(a.Nonce); err != nil || len(raw) != nonceSize {
		return holder{}, nil, fmt.Errorf("%w: no challenge", ErrToken)
	}
	t, err := parseToken(a.Token)
	if err != nil {
		return holder{}, nil, err
	}
	if h, err = v.token(t, a.Origin, a.Nonce, at); err != nil {
		return holder{}, nil, err
	}
	if err := h.person(); err != nil {
		return holder{}, nil, err
	}
	return h, []identity.Check{{Name: "format", Result: t.format}, {Name: "policy", Result: h.policy}, {Name: "purpose", Result: "ok"},
		{Name: "validity", Result: "ok"}, {Name: "chain", Result: "ok"}, {Name: "signature", Result: t.algorithm}, {Name: "person", Result: "ok"}}, nil
}

// token judges a token whoever it speaks of.
func (v *Verifier) token(t webToken, origin, nonce string, at time.Time) (holder, error) {
	h, err := v.certificate(t.certificate, at)
	if err != nil {
		return holder{}, err
	}
	return h, t.verify(origin, nonce)
}
