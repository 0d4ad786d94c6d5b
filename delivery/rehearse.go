package delivery

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// MethodSimulated is how a recipient of the sandbox identifies. The policy of
// assurance grants it nothing, so that no live delivery opens by it.
const MethodSimulated = "simulated"

const sqlRehearsed = `UPDATE deadline SET done_at = $3 WHERE delivery_id = $1 AND kind = 'rehearse' AND due_at = $2 AND done_at IS NULL`

// rehearse lets the sandbox do what it does next: through the same rules, with
// the same events, as a real recipient or partner. Each step is a transaction of
// its own; who dies between two goes on where the delivery stands. The row is
// settled last, unless a step has set the next one.
func (s *Service) rehearse(ctx context.Context, x due) error {
	d, err := s.load(ctx, x.delivery)
	if err != nil {
		return err
	}
	sc, ok := d.scene()
	if ok {
		switch {
		case d.State == Notified || d.Collected():
			err = s.play(ctx, d, sc.act)
		case (d.State == Posting || d.State == Posted) && sc.act == late:
			err = s.play(ctx, d, collects)
		case d.State == Posting || d.State == Posted:
			err = s.playPost(ctx, d, sc.end)
		}
	}
	if err != nil && !moot(err) {
		return err
	}
	_, err = s.Pool.Exec(ctx, sqlRehearsed, string(x.delivery), x.at, s.Now())
	return err
}

// moot reports that a step is not possible any more: somebody was faster.
func moot(err error) bool {
	for _, e := range []error{ErrNotOpen, ErrDecided, ErrWindowClosed, ErrUnidentified} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// play lets the recipient act.
func (s *Service) play(ctx context.Context, d Delivery, what act) (err error) {
	if what == nothing {
		return nil
	}
	visitor := identity.Actor{IP: "192.0.2.1", UserAgent: "sandbox"}
	if !d.Collected() {
		if d, err = s.move(ctx, d.ID, func(d Delivery, at time.Time) (Move, error) { return d.Visit(visitor, at) }); err != nil || what == visits {
			return err
		}
	}
	by, d, err := s.playIdentity(ctx, d, visitor, what == mistaken)
	if err != nil || what == mistaken {
		return err
	}
	if what == refuses {
		_, err = s.move(ctx, d.ID, open(by, Delivery.Reject))
		return err
	}
	if !d.Collected() {
		if _, err = s.move(ctx, d.ID, open(by, Delivery.Accept)); err != nil {
			return err
		}
	}
	if d, err = s.Consign(ctx, d.ID, nil); err != nil || what == accepts {
		return err
	}
	for i := range d.Message.Parts {
		if !d.Got(i) {
			take := func(d Delivery, by identity.Actor, at time.Time) (Move, error) { return d.Access(i, by, at) }
			if d, err = s.move(ctx, d.ID, open(by, take)); err != nil {
				return err
			}
		}
	}
	_, err = s.move(ctx, d.ID, open(by, Delivery.HandOver))
	return err
}

// open lets a rule decide for an actor, whatever means the policy names: none of
// them is simulated.
func open(by identity.Actor, decide func(Delivery, identity.Actor, time.Time) (Move, error)) func(Delivery, time.Time) (Move, error) {
	return func(d Delivery, at time.Time) (Move, error) {
		if !d.Message.Test {
			return Move{}, ErrUnidentified
		}
		d.Message.Policy.Methods = nil
		by.ProvenAt = at
		return decide(d, by, at)
	}
}

// playIdentity records that the addressee identified, or that somebody else did.
func (s *Service) playIdentity(ctx context.Context, d Delivery, by identity.Actor, mistaken bool) (identity.Actor, Delivery, error) {
	by.Kind, by.Method, by.Provider, by.Level = identity.ActorRecipient, MethodSimulated, "sandbox", d.Message.Policy.Level
	by.Given, by.Family = d.Recipient.Given, d.Recipient.Family
	match := identity.MatchResult{OK: !mistaken, Basis: MethodSimulated}
	if mistaken {
		by.Given, by.Family, match = "Somebody", "Else", identity.MatchResult{Why: "name"}
	}
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		kept, err := s.Identities.SaveIdentification(ctx, tx, identity.Proof{Method: by.Method, Provider: by.Provider, Subject: "sandbox:" + strings.ToLower(d.Recipient.Email),
			Given: by.Given, Family: by.Family, At: s.Now()},
			identity.Occasion{Purpose: identity.RecipientProofing, Delivery: string(d.ID), IP: by.IP, UserAgent: by.UserAgent})
		if err != nil {
			return err
		}
		by.Subject, by.Record = kept.Record, kept.Record
		d, err = s.moveTx(ctx, tx, d.ID, open(by, func(d Delivery, by identity.Actor, at time.Time) (Move, error) { return d.Identify(by, match, at) }))
		return err
	})
	return by, d, err
}

// playPost lets the partner report what it does next with a letter.
func (s *Service) playPost(ctx context.Context, d Delivery, end PostStatus) error {
	r := PostReport{Item: d.Post.Item, Status: PostAccepted, Tracking: "SANDBOX"}
	if end == PostRefused {
		r.Status, r.Cause = PostRefused, "sandbox"
	}
	if d.State == Posted {
		r.Status, r.Mode = PostDelivered, "signed"
		if end != "" {
			r.Status, r.Mode, r.Cause = end, "", "sandbox"
		}
	}
	_, err := s.move(ctx, d.ID, func(d Delivery, at time.Time) (Move, error) {
		r.At = at
		m, err := d.Reported(r, at)
		m.Deadlines = append(m.Deadlines, m.After.rehearsal()...)
		return m, err
	})
	return err
}

// maxAtOnce is how many letters of one message are made while its clock moves.
const maxAtOnce = 20

// postRehearsed makes the letter of a window that just ended at that time, and not
// when a worker comes to it: by then the clock has moved on.
func (s *Service) postRehearsed(ctx context.Context, x due) error {
	if x.kind != Expiry || s.Sandbox == nil || s.Sandbox.Post == nil {
		return nil
	}
	d, err := s.load(ctx, x.delivery)
	if err != nil || !s.rehearsed(d) || d.PostReason() == "" || d.Message.Deliveries > maxAtOnce {
		return err
	}
	err = s.post(ctx, x.delivery, func(pgx.Tx) error { return nil })
	if errors.Is(err, ErrUnpostable) {
		return nil // F.2 stands
	}
	return err
}
