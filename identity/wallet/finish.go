package wallet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bode-erds/bode/identity"
)

// Finish implements identity.Means. The answer counts only in the browser that
// was redirected by the wallet: it brings the value "response_code", which nobody
// else was given.
//
// Errors: ErrSession, ErrRefused, ErrPresentation, ErrCredential, ErrStatus,
// ErrRequest.
//
// OpenID4VP 1.0 §8.6, §13.3, §14.3; HAIP 1.0 §5.1
func (w *Wallet) Finish(ctx context.Context, saved []byte, a identity.Answer, at time.Time) (identity.Proof, error) {
	b, err := readBegun(saved)
	if err != nil {
		return identity.Proof{}, err
	}
	var d deposit
	if err := json.Unmarshal(a.Direct, &d); err != nil || d.Code == "" {
		return identity.Proof{}, fmt.Errorf("%w: no wallet answered", ErrSession)
	}
	if codes := a.Values["response_code"]; len(codes) != 1 || !same(codes[0], d.Code) {
		return identity.Proof{}, fmt.Errorf("%w: not the browser that the wallet sent here", ErrSession)
	}
	if d.Error != "" {
		return identity.Proof{}, walletError(d.Error)
	}
	s, err := b.session()
	if err != nil {
		return identity.Proof{}, err
	}
	t := token{Query: d.Query, Presentation: d.Token, session: s}
	c, err := w.verify(t, at)
	if err != nil {
		return identity.Proof{}, err
	}
	status := "ok"
	t.Status, err = w.checkStatus(ctx, c, at)
	switch {
	case err != nil && errors.Is(err, ErrStatus) && w.cfg.StatusOpen:
		status = "unavailable"
	case err != nil:
		return identity.Proof{}, err
	case c.status == (reference{}):
		status = "short-lived"
	}
	p, err := c.proof(t, at, identity.Check{Name: "status", Result: status})
	p.Checks = slices.Insert(p.Checks, 0, identity.Check{Name: "response_code", Result: "ok"})
	return p, err
}

// token is what an auditor needs to verify a presentation again: Proof.Token.
type token struct {
	Query        string
	Presentation string
	session
	Status string `json:",omitempty"` // status list token; empty when there was none, or it was too long to keep
}

// maxKeptStatus bounds a status list token that is kept with a proof: those of
// whole countries are long, and each proof has its own.
const maxKeptStatus = 64 << 10

// verify verifies a presentation, except for its status.
func (w *Wallet) verify(t token, at time.Time) (c credential, err error) {
	switch t.Query {
	case querySDJWT:
		c, err = w.verifySDJWT(t.Presentation, t.session, at)
	case queryMDoc:
		c, err = w.verifyMDoc(t.Presentation, t.session, at)
	default:
		return credential{}, fmt.Errorf("%w: answers nothing we asked", ErrPresentation)
	}
	if err != nil {
		return credential{}, err
	}
	// A provider speaks for its own country: no other may give out its numbers.
	if c.person.country != c.provider.Country {
		return credential{}, fmt.Errorf("%w: issuing_country is not the provider's", ErrCredential)
	}
	return c, nil
}

// proof is what the credential proves. A number is a Belgian national number only
// in a Belgian PID, and only when its check digits fit.
func (c credential) proof(t token, at time.Time, status identity.Check) (identity.Proof, error) {
	if len(t.Status) > maxKeptStatus {
		t.Status = ""
	}
	kept, err := json.Marshal(t)
	if err != nil {
		return identity.Proof{}, fmt.Errorf("wallet: keep presentation: %w", err)
	}
	p := identity.Proof{
		Method: identity.MethodWallet, Provider: c.provider.Name, Subject: c.subject(), Level: identity.LevelHigh, At: at.UTC(),
		Given: c.person.given, Family: c.person.family, BirthDate: c.person.birth, DocumentExpires: c.person.expires,
		Token: kept, Artefact: c.artefact,
		Checks: []identity.Check{{Name: "issuer", Result: "ok"}, {Name: "holder", Result: "ok"}, {Name: "validity", Result: "ok"}, status},
		Claims: map[string]string{"type": c.kind, "issuing_country": c.person.country},
	}
	sum := sha256.Sum256(c.certificate.Raw)
	p.Claims["certificate_sha256"] = hex.EncodeToString(sum[:])
	if c.person.authority != "" {
		p.Claims["issuing_authority"] = c.person.authority
	}
	if c.person.country == "BE" && c.person.number != "" {
		result := "ok"
		if p.NationalNumber = nationalNumber(c.person.number); p.NationalNumber == "" {
			result = "malformed"
		}
		p.Checks = append(p.Checks, identity.Check{Name: "national_number", Result: result})
	}
	return p, nil
}

// subject stays the same for one person while the PID carries an administrative
// number. Without one only the holder's key tells two people of one name and
// birth date apart, and a new PID makes a new subject.
func (c credential) subject() string {
	sum := sha256.Sum256([]byte(c.person.country + "\x00" + c.person.number))
	if c.person.number == "" {
		sum = sha256.Sum256(append([]byte("holder\x00"), c.holder...))
	}
	return hex.EncodeToString(sum[:])
}

// nationalNumber is the eleven digits of a Belgian number, "" when it is none.
func nationalNumber(s string) string {
	if !identity.ValidNationalNumber(s) {
		return ""
	}
	var digits []byte
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			digits = append(digits, s[i])
		}
	}
	return string(digits)
}
