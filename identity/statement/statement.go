package statement

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bode-erds/bode/identity"
)

var _ identity.Approver = (*Statement)(nil)

const (
	life = 15 * time.Minute
	skew = 5 * time.Minute // other clocks against ours
)

// Revocation asks whether a certificate is good at a time, which is now. answer is
// what proves it later. nil means good. Errors: ErrRevoked, ErrStatus; any other
// is taken for ErrStatus.
type Revocation func(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (answer []byte, err error)

// Config is what a [Statement] needs. Service, Anchors and Revocation have no
// default.
type Config struct {
	Service    string // name of the service, on the page
	Anchors    *Anchors
	Revocation Revocation
	Now        func() time.Time // when a statement is made; default time.Now
}

// Statement identifies people by a signature with a qualified certificate. Safe
// for concurrent use.
type Statement struct{ cfg Config }

// New returns a Statement.
func New(cfg Config) (*Statement, error) {
	switch {
	case strings.TrimSpace(cfg.Service) == "":
		return nil, errors.New("statement: no name of the service")
	case cfg.Anchors == nil:
		return nil, errors.New("statement: no anchors")
	case cfg.Revocation == nil:
		return nil, errors.New("statement: nobody to ask about revocation")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Statement{cfg}, nil
}

// kept is a statement that was begun.
type kept struct {
	Nonce    string         `json:"nonce"`
	Begun    time.Time      `json:"begun"`
	Level    identity.Level `json:"level"`
	Text     string         `json:"text"`
	Document []byte         `json:"document"`
}

// Method implements [identity.Means].
func (*Statement) Method() string { return identity.MethodStatement }

// Approves implements [identity.Approver]: the text fits on the page, in letters
// that it has.
func (*Statement) Approves(text string) bool {
	return strings.TrimSpace(text) != "" && fits(text)
}

// Begin implements [identity.Means]: it makes the page that is to be signed.
// Errors: ErrChanged for a text that [Statement.Approves] does not approve.
func (s *Statement) Begin(_ context.Context, a identity.Ask) (identity.Challenge, error) {
	if a.Text != "" && !s.Approves(a.Text) {
		return identity.Challenge{}, fmt.Errorf("%w: this text cannot be shown", ErrChanged)
	}
	k := kept{Nonce: rand.Text(), Begun: s.cfg.Now().UTC(), Level: a.Level, Text: a.Text}
	var err error
	if k.Document, err = draw(page{language: a.Language, service: s.cfg.Service, nonce: k.Nonce, at: k.Begun, text: a.Text}); err != nil {
		return identity.Challenge{}, err
	}
	saved, err := json.Marshal(k)
	if err != nil {
		return identity.Challenge{}, fmt.Errorf("statement: begin: %w", err)
	}
	return identity.Challenge{Form: identity.FormDocument, Document: k.Document, Saved: saved, Life: life}, nil
}

// Finish implements [identity.Means]: the answer's document is the page with one
// signature. Proof.Token is that document; the answer about the certificate
// stands with it in Proof.Claims.
//
// Errors: ErrStale, ErrChanged, ErrUnsigned, ErrSignature, ErrCertificate,
// ErrRevoked, ErrStatus, ErrLevel.
//
// CIR (EU) 2025/1944 annex I REQ-QERDS-5.2.1.1-01 (c), REQ-QERDS-5.2.1.1-01A (d)
func (s *Statement) Finish(ctx context.Context, saved []byte, a identity.Answer, at time.Time) (identity.Proof, error) {
	var k kept
	if err := json.Unmarshal(saved, &k); err != nil || len(k.Document) == 0 {
		return identity.Proof{}, fmt.Errorf("%w: nothing was begun", ErrStale)
	}
	if at.Before(k.Begun.Add(-skew)) || at.After(k.Begun.Add(life+skew)) {
		return identity.Proof{}, fmt.Errorf("%w: begun at %s", ErrStale, k.Begun.Format(time.RFC3339))
	}
	f, err := s.judge(ctx, k.Document, a.Document, at)
	if err != nil {
		return identity.Proof{}, err
	}
	if !f.claimed.IsZero() && (f.claimed.Before(k.Begun.Add(-skew)) || f.claimed.After(at.Add(skew))) {
		return identity.Proof{}, fmt.Errorf("%w: signed at %s", ErrStale, f.claimed.Format(time.RFC3339))
	}
	if !f.level.AtLeast(k.Level) {
		return identity.Proof{}, ErrLevel
	}
	return identity.Proof{
		Method: identity.MethodStatement, Provider: f.issuer, Subject: f.subject, Given: f.given, Family: f.family,
		BirthDate: f.birth, NationalNumber: f.number, Level: f.level, At: at.UTC(),
		Token: a.Document, Artefact: "pdf", Checks: f.checks(), Claims: f.claims(), Approved: k.Text,
	}, nil
}

var _ identity.Signatures = (*Statement)(nil)

// Check implements [identity.Signatures] for a document of ours that is no
// statement, as of at. What a signature shows of itself must stand in the lowest
// 36 % of a page, which such a document leaves empty.
func (s *Statement) Check(ctx context.Context, ours, pdf []byte, at time.Time) (identity.SignedBy, error) {
	f, err := s.judge(ctx, ours, pdf, at)
	if errors.Is(err, identity.ErrLoginDocument) {
		return identity.SignedBy{}, fmt.Errorf("%w: %w", identity.ErrNotSigned, err)
	}
	if err != nil {
		return identity.SignedBy{}, err
	}
	return identity.SignedBy{Given: f.given, Family: f.family, Organisation: f.organisation, Issuer: f.issuer,
		Qualified: f.level.AtLeast(identity.LevelHigh), At: f.claimed}, nil
}

// finding is a signature that holds, and whom its certificate names.
type finding struct {
	holder
	chain   []*x509.Certificate
	answers [][]byte // about the certificates of chain but the last
	claimed time.Time
}

// judge says who signed ours.
func (s *Statement) judge(ctx context.Context, ours, pdf []byte, at time.Time) (f finding, err error) {
	file, err := openSigned(ours, pdf)
	if err != nil {
		return finding{}, err
	}
	c, err := verify(file.field.container, file.field.covered)
	if err != nil {
		return finding{}, err
	}
	if f.claimed = c.claimed; f.claimed.IsZero() {
		f.claimed = file.field.claimed
	}
	if f.holder, err = readHolder(c.signer); err != nil {
		return finding{}, err
	}
	if f.chain, err = s.cfg.Anchors.chain(c.signer, c.others, at); err != nil {
		return finding{}, err
	}
	for i, one := range f.chain[:len(f.chain)-1] {
		answer, err := s.cfg.Revocation(ctx, one, f.chain[i+1], at)
		if err != nil && !errors.Is(err, ErrRevoked) && !errors.Is(err, ErrStatus) {
			err = fmt.Errorf("%w: %w", ErrStatus, err)
		}
		if err != nil {
			return finding{}, err
		}
		f.answers = append(f.answers, answer)
	}
	return f, nil
}

// checks lists what was checked, in order.
func (f finding) checks() []identity.Check {
	list := []identity.Check{{Name: "document", Result: "ok"}, {Name: "signature", Result: "ok"}, {Name: "qualified certificate", Result: "ok"},
		{Name: "qualified device", Result: "ok"}, {Name: "chain", Result: "ok"}, {Name: "revocation", Result: "ok"}, {Name: "time of signing", Result: "ok"}}
	if !f.level.AtLeast(identity.LevelHigh) {
		list[3].Result = "not stated"
	}
	if f.claimed.IsZero() {
		list[6].Result = "not given"
	}
	return list
}

// claims is what an auditor needs besides the document.
func (f finding) claims() map[string]string {
	m := map[string]string{
		"certificate": fmt.Sprintf("%x", sum(hashOf("2.16.840.1.101.3.4.2.1"), f.chain[0].Raw)),
		"serial":      f.chain[0].SerialNumber.Text(16),
	}
	for i, a := range f.answers {
		m[fmt.Sprintf("ocsp_%d", i)] = base64.StdEncoding.EncodeToString(a)
		m[fmt.Sprintf("issuer_%d", i)] = base64.StdEncoding.EncodeToString(f.chain[i+1].Raw)
	}
	if f.organisation != "" {
		m["organisation"] = f.organisation
	}
	return m
}
