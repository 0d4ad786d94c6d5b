package wallet

import (
	"crypto/ecdsa"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	maxPresentation = 192 << 10 // octets of one presentation
	maxDisclosures  = 200
	skew            = time.Minute      // between a wallet's clock and ours
	bindingLife     = 16 * time.Minute // a person takes 15 at most: see identity.Challenge
)

// session is what a presentation has to answer: our request, as the wallet saw it.
type session struct {
	Nonce       string
	ClientID    string // with its prefix
	ResponseURI string
	Thumbprint  []byte // of the key the answer was encrypted to
}

// sdjwt is an SD-JWT with key binding, taken apart.
type sdjwt struct {
	issued      jws
	disclosures []string
	binding     jws
	bound       string // the part that the holder signed for
}

// parseSDJWT takes the compact form apart: issued~disclosure~…~binding. Without
// the binding it is a copy that anybody may hold, and is refused.
//
// RFC 9901 §4; HAIP 1.0 §6.1.1.1
func parseSDJWT(s string) (c sdjwt, err error) {
	if len(s) > maxPresentation {
		return sdjwt{}, errors.New("SD-JWT is too long")
	}
	parts := strings.Split(s, "~")
	if len(parts) < 2 || len(parts) > maxDisclosures+2 {
		return sdjwt{}, errors.New("not an SD-JWT with key binding")
	}
	last := parts[len(parts)-1]
	if last == "" {
		return sdjwt{}, errors.New("key binding is missing")
	}
	if c.issued, err = parseJWS(parts[0], "dc+sd-jwt"); err != nil {
		return sdjwt{}, fmt.Errorf("issued part: %w", err)
	}
	if c.binding, err = parseJWS(last, "kb+jwt"); err != nil {
		return sdjwt{}, fmt.Errorf("key binding: %w", err)
	}
	c.disclosures, c.bound = parts[1:len(parts)-1], s[:len(s)-len(last)]
	return c, nil
}

// open verifies the issuer's signature and gives the signed payload, and the
// claims with those disclosed in place. The two differ on purpose: what decides
// about the credential itself is read from the payload.
func (c sdjwt) open(issuer *ecdsa.PublicKey) (payload, claims map[string]any, err error) {
	if err := c.issued.verify(issuer); err != nil {
		return nil, nil, err
	}
	if payload, err = parseObject(c.issued.payload); err != nil {
		return nil, nil, err
	}
	claims, err = disclose(payload, c.disclosures)
	return payload, claims, err
}

// checkBinding verifies that whoever holds the credential's key answered our
// request with exactly what was presented, just now. It gives the holder's key.
//
// RFC 9901 §4.3, §7.3; OpenID4VP 1.0 §B.3.6, §14.10
func (c sdjwt) checkBinding(payload map[string]any, s session, at time.Time) (*ecdsa.PublicKey, error) {
	confirmation, _ := payload["cnf"].(map[string]any)
	holder, err := parseJWK(confirmation["jwk"])
	if err != nil {
		return nil, fmt.Errorf("%w: cnf: %w", ErrPresentation, err)
	}
	if err := c.binding.verify(holder); err != nil {
		return nil, fmt.Errorf("%w: key binding: %w", ErrPresentation, err)
	}
	claims, err := parseObject(c.binding.payload)
	if err != nil {
		return nil, fmt.Errorf("%w: key binding: %w", ErrPresentation, err)
	}
	hash, err := digestAlgorithm(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPresentation, err)
	}
	switch {
	case !same(text(claims, "sd_hash"), digest(hash, c.bound)):
		return nil, fmt.Errorf("%w: sd_hash is of something else", ErrPresentation)
	case s.Nonce == "" || !same(text(claims, "nonce"), s.Nonce):
		return nil, fmt.Errorf("%w: nonce", ErrSession)
	case s.ClientID == "" || !same(text(claims, "aud"), s.ClientID):
		return nil, fmt.Errorf("%w: aud", ErrSession)
	}
	made, ok := numericDate(claims["iat"])
	if !ok || made.After(at.Add(skew)) || made.Before(at.Add(-bindingLife-skew)) {
		return nil, fmt.Errorf("%w: key binding is not of now", ErrSession)
	}
	if until, given := claims["exp"]; given {
		if t, ok := numericDate(until); !ok || !at.Before(t.Add(skew)) {
			return nil, fmt.Errorf("%w: key binding expired", ErrSession)
		}
	}
	return holder, nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// verifySDJWT verifies a PID presented as SD-JWT VC, except for its status.
//
// OpenID4VP 1.0 §8.6, §B.3; HAIP 1.0 §6.1, §6.1.1
func (w *Wallet) verifySDJWT(presentation string, s session, at time.Time) (credential, error) {
	c, err := parseSDJWT(presentation)
	if err != nil {
		return credential{}, fmt.Errorf("%w: %w", ErrPresentation, err)
	}
	chain, err := headerChain(c.issued.header)
	if err != nil {
		return credential{}, fmt.Errorf("%w: %w", ErrPresentation, err)
	}
	by, issuer, err := w.issuer(chain, at)
	if err != nil {
		return credential{}, err
	}
	payload, claims, err := c.open(issuer)
	if err != nil {
		return credential{}, fmt.Errorf("%w: %w", ErrPresentation, err)
	}
	holder, err := c.checkBinding(payload, s, at)
	if err != nil {
		return credential{}, err
	}
	v := credential{artefact: artefactSDJWT, kind: text(payload, "vct"), provider: by, certificate: chain[0]}
	if !slices.Contains(w.cfg.Types, v.kind) {
		return credential{}, fmt.Errorf("%w: type %.80q", ErrCredential, v.kind)
	}
	if v.short, err = w.checkTimes(payload, at); err != nil {
		return credential{}, err
	}
	if v.status, err = statusOf(payload["status"]); err != nil {
		return credential{}, err
	}
	if v.holder, err = thumbprint(holder); err != nil {
		return credential{}, err
	}
	v.person, err = readPerson(func(name string) any { return claims[name] }, names{"birthdate", "date_of_expiry"})
	return v, err
}

// checkTimes holds a payload to its times. short reports that it is valid so
// briefly that nobody has to revoke it.
func (w *Wallet) checkTimes(payload map[string]any, at time.Time) (short bool, err error) {
	when := map[string]time.Time{}
	for _, name := range []string{"iat", "nbf", "exp"} {
		v, given := payload[name]
		if !given {
			continue
		}
		t, ok := numericDate(v)
		if !ok {
			return false, fmt.Errorf("%w: %s is no time", ErrPresentation, name)
		}
		when[name] = t
	}
	return w.checkValidity(when["iat"], when["nbf"], when["exp"], at)
}
