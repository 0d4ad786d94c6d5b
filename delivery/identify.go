package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// basisMandate is what a match rests on where a company is the addressee.
const basisMandate = "mandate"

// Identify compares who identified on an errand with the addressee, or with the
// delegate whose link it is, and records the outcome; a match is noted on the
// session. The errand ends with it: of any number of calls one records. Errors:
// ErrMismatch (recorded), ErrUnidentified, ErrNotOpen, ErrWindowClosed,
// ErrWithdrawn, ErrDecided, identity.ErrNoMandate, identity.ErrLoginStale.
func (s *Service) Identify(ctx context.Context, c Collecting, l identity.Login, p identity.Proof, ip, userAgent string) error {
	if !c.Codes() {
		return ErrUnidentified
	}
	return s.afterWindow(ctx, c.Delivery, func() error { return s.identify(ctx, c, l, p, ip, userAgent) })
}

func (s *Service) identify(ctx context.Context, c Collecting, l identity.Login, p identity.Proof, ip, userAgent string) error {
	matched := false
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := s.Identities.EndLogin(ctx, tx, l); err != nil {
			return err
		}
		kept, err := s.Identities.SaveIdentification(ctx, tx, p,
			identity.Occasion{Purpose: identity.RecipientProofing, Delivery: string(c.Delivery), IP: ip, UserAgent: userAgent})
		if err != nil {
			return err
		}
		a := identity.Actor{Kind: identity.ActorRecipient, Subject: kept.Record, Record: kept.Record, Given: p.Given, Family: p.Family,
			Method: p.Method, Provider: p.Provider, Level: kept.Level, IP: ip, UserAgent: userAgent}
		_, err = s.moveTx(ctx, tx, c.Delivery, func(d Delivery, at time.Time) (Move, error) {
			a.ProvenAt = at
			d, match, err := s.match(ctx, tx, d, c, p, kept.Record, at)
			if err != nil {
				return Move{}, err
			}
			if matched = match.OK; matched && d.Delegate != nil {
				a.Mandate = d.Delegate.ID
			}
			m, err := d.Identify(a, match, at)
			if err == nil {
				m.Event.Details = append(m.Event.Details,
					evidence.Detail{Key: "email_code_at", Value: c.EmailAt.Format(time.RFC3339)},
					evidence.Detail{Key: "sms_code_at", Value: c.SMSAt.Format(time.RFC3339)})
			}
			return m, err
		})
		if err != nil || !matched {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE collect_session SET actor = $2 WHERE token_hash = $1`, c.hash, a)
		return err
	})
	if err == nil && !matched {
		err = ErrMismatch
	}
	return err
}

// match compares who was proven with whom the session is for, and reads d with
// the delegate that follows from it. A company is matched by nobody but a person
// who holds its mandate to receive.
func (s *Service) match(ctx context.Context, tx pgx.Tx, d Delivery, c Collecting, p identity.Proof, record string, at time.Time) (Delivery, identity.MatchResult, error) {
	d, err := s.withDelegate(ctx, tx, d, orNull(c.Delegate))
	if err != nil {
		return d, identity.MatchResult{}, err
	}
	want := identity.Expected{Given: d.Recipient.Given, Family: d.Recipient.Family, BirthDate: d.Recipient.BirthDate, NationalNumber: d.Recipient.NationalNumber}
	switch {
	case d.Delegate != nil:
		want = d.Delegate.expected()
	case d.Recipient.Organisation != nil:
		return s.matchCompany(ctx, tx, d, p, record, at)
	}
	return d, identity.Match(want, p, s.Identities.NationalNumberDigest), nil
}

// matchCompany finds the account holder whom p proves among those who may
// receive for the company that d is addressed to.
func (s *Service) matchCompany(ctx context.Context, tx pgx.Tx, d Delivery, p identity.Proof, record string, at time.Time) (Delivery, identity.MatchResult, error) {
	r, err := s.Identities.Collector(ctx, tx, d.Recipient.Organisation.EnterpriseNumber, p, d.Message.Policy.Class, s.Now())
	if errors.Is(err, identity.ErrNoMandate) {
		return d, identity.MatchResult{Basis: basisMandate, Why: "no_mandate"}, nil
	}
	if err != nil {
		return d, identity.MatchResult{}, err
	}
	g := Delegate{Given: p.Given, Family: p.Family, Email: d.Recipient.Email, Mobile: d.Recipient.Mobile, Language: d.Recipient.Language,
		NationalNumber: s.Identities.NationalNumberDigest(p.NationalNumber), Person: r.Mandate.Person, Mandate: r.Mandate.ID,
		NamedAt: at, Record: record, under: mandateOf(r.Mandate)}
	if g, err = s.reuseDelegate(ctx, tx, d.ID, g); err != nil {
		return d, identity.MatchResult{}, err
	}
	d.Delegate = &g
	if r.ProvenAt != nil {
		d.Identified = companyProof(identity.AccountProfile{ProvenBy: r.ProvenBy, ProvenAt: r.ProvenAt})
	}
	return d, identity.MatchResult{OK: true, Basis: basisMandate}, nil
}
