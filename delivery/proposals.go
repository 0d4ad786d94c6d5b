package delivery

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

const sqlProposal = `SELECT id, delivery_id, channel, address, created_at, coalesce(proven_at, 'epoch'), coalesce(decided_at, 'epoch'), coalesce(agreed, false)
  FROM contact_proposal`

func scanProposal(row pgx.CollectableRow) (p Proposal, err error) {
	err = row.Scan(&p.ID, &p.Delivery, &p.Channel, &p.Address, &p.At, &p.ProvenAt, &p.DecidedAt, &p.Agreed)
	for _, t := range []*time.Time{&p.At, &p.ProvenAt, &p.DecidedAt} {
		if *t = t.UTC(); t.Unix() == 0 {
			*t = time.Time{}
		}
	}
	return p, err
}

// proposal reads the one row that a query with that condition finds. Errors:
// ErrNotFound.
func proposal(ctx context.Context, tx pgx.Tx, where string, args ...any) (Proposal, error) {
	rows, err := tx.Query(ctx, sqlProposal+where, args...)
	if err != nil {
		return Proposal{}, err
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanProposal)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return p, err
}

// ProposeContact begins to name a better address for one channel: code is the one
// of the other channel, unless the session has entered it before; another code goes
// to the new address. Errors: FieldErrors (/address), ChannelError, ErrTooManyNamed,
// ErrTooManyCodes, ErrUnidentified for a delegate, ErrNotOpen.
func (s *Service) ProposeContact(ctx context.Context, c Collecting, ch notify.Channel, address, code string) (Proposal, error) {
	if c.Delegate != "" {
		return Proposal{}, ErrUnidentified
	}
	d, err := s.load(ctx, c.Delivery)
	if err != nil {
		return Proposal{}, err
	}
	p := Proposal{ID: evidence.NewID(), Delivery: d.ID, Channel: ch, Address: strings.TrimSpace(address), At: s.Now()}
	if err := p.check(d.Recipient); err != nil {
		return Proposal{}, err
	}
	if err := s.enterOther(ctx, c, ch, code); err != nil {
		return Proposal{}, err
	}
	return p, pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return s.propose(ctx, tx, p) })
}

// check refuses an address that is none, or no other.
func (p *Proposal) check(r Recipient) error {
	var c checker
	if p.Channel == notify.SMS {
		p.Address = Mobile(p.Address)
		c.reach("", "/address", r.Email, p.Address)
	} else {
		c.reach("/address", "", p.Address, r.Mobile)
	}
	for _, f := range c.faults {
		if f.Pointer == "/address" {
			return FieldErrors{f}
		}
	}
	if strings.EqualFold(p.Address, p.old(r)) {
		return FieldErrors{{Pointer: "/address", Code: "own_address"}}
	}
	return nil
}

// enterOther checks the code of the channel that works.
func (s *Service) enterOther(ctx context.Context, c Collecting, ch notify.Channel, code string) error {
	other, have, sql := notify.Email, c.EmailAt, `UPDATE collect_session SET email_at = $2 WHERE token_hash = $1`
	if ch == notify.Email {
		other, have, sql = notify.SMS, c.SMSAt, `UPDATE collect_session SET sms_at = $2 WHERE token_hash = $1`
	}
	if !have.IsZero() {
		return nil
	}
	if err := s.Config.Codes.Check(ctx, codeSubject(c.Delivery, nil), other, code, s.Now()); err != nil {
		return ChannelError{other, err}
	}
	_, err := s.Pool.Exec(ctx, sql, c.hash, s.Now())
	return err
}

// propose stores p and sends the code that proves it.
func (s *Service) propose(ctx context.Context, tx pgx.Tx, p Proposal) error {
	d, ahead, err := lock(ctx, tx, p.Delivery)
	if err != nil {
		return err
	}
	at, err := s.clock(ahead, d.LastAt)
	if err != nil {
		return err
	}
	if !d.Open(at) {
		return ErrNotOpen
	}
	var n int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM contact_proposal WHERE delivery_id = $1`, string(p.Delivery)).Scan(&n); err != nil {
		return err
	}
	if n >= MaxProposals {
		return ErrTooManyNamed
	}
	if _, err := tx.Exec(ctx, `INSERT INTO contact_proposal (id, delivery_id, account_id, test, channel, address, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, p.ID, string(p.Delivery), d.Message.Account, d.Message.Test, p.Channel, p.Address, p.At); err != nil {
		return err
	}
	challenge, _, err := s.Config.Codes.Issue(ctx, tx, p.ID, p.Channel, s.Now())
	if err != nil {
		return err
	}
	code := d.tell(notify.Code, p.Channel)
	code.ID, code.To, code.Ref = evidence.NewID(), p.Address, challenge
	return s.Notices.Enqueue(ctx, tx, code)
}

// ProveContact enters the code that went to the new address, and asks the sender.
// Errors: ChannelError, ErrNotFound, ErrNotOpen, ErrNamed when another one waits for
// the sender's answer.
func (s *Service) ProveContact(ctx context.Context, c Collecting, id, code string, by identity.Actor) error {
	if !isID(id) || c.Delegate != "" {
		return ErrNotFound
	}
	var p Proposal
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) (err error) {
		p, err = proposal(ctx, tx, ` WHERE id = $1 AND delivery_id = $2 AND proven_at IS NULL`, id, string(c.Delivery))
		return err
	})
	if err != nil {
		return err
	}
	if err := s.Config.Codes.Check(ctx, p.ID, p.Channel, code, s.Now()); err != nil {
		return ChannelError{p.Channel, err}
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		_, err := s.moveTx(ctx, tx, c.Delivery, func(d Delivery, at time.Time) (Move, error) {
			if _, err := proposal(ctx, tx, ` WHERE delivery_id = $1 AND channel = $2 AND proven_at IS NOT NULL AND decided_at IS NULL`,
				string(c.Delivery), p.Channel); !errors.Is(err, ErrNotFound) {
				return Move{}, errors.Join(ErrNamed, err)
			}
			tag, err := tx.Exec(ctx, `UPDATE contact_proposal SET proven_at = $2 WHERE id = $1 AND proven_at IS NULL`, p.ID, at)
			if err == nil {
				err = one(tag)
			}
			if err != nil {
				return Move{}, err
			}
			m, err := d.Propose(p, by, at)
			return withCodes(m, c), err
		})
		return err
	})
	return err
}

// Proposals lists the better addresses that were named for a delivery and proven,
// oldest first. The caller has seen to it that it may know.
func (s *Service) Proposals(ctx context.Context, id ID) ([]Proposal, error) {
	rows, err := s.Pool.Query(ctx, sqlProposal+` WHERE delivery_id = $1 AND proven_at IS NOT NULL ORDER BY created_at`, string(id))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanProposal)
}

// AnswerProposal lets the sender decide on a better address. Saying the same twice
// is harmless. Errors: ErrNotFound, ErrDecided, ErrNotOpen, and those of
// Mandates.Authorise.
func (s *Service) AnswerProposal(ctx context.Context, by identity.Actor, delivery ID, id string, agreed bool) error {
	if !isID(id) || !isID(string(delivery)) {
		return ErrNotFound
	}
	d, err := s.Delivery(ctx, by.Account, delivery)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		under, err := s.Identities.Authorise(ctx, tx, by, identity.PowerSend, d.Message.Policy.Class, s.Now())
		if err != nil {
			return err
		}
		var p Proposal
		after, err := s.moveTx(ctx, tx, delivery, func(d Delivery, at time.Time) (Move, error) {
			if p, err = proposal(ctx, tx, ` WHERE id = $1 AND delivery_id = $2 AND proven_at IS NOT NULL`, id, string(delivery)); err != nil {
				return Move{}, err
			}
			if !p.DecidedAt.IsZero() {
				return Move{}, ErrDecided
			}
			return d.AnswerProposal(p, agreed, by, under, at)
		})
		if errors.Is(err, ErrDecided) && p.Agreed == agreed {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE contact_proposal SET decided_at = $2, agreed = $3 WHERE id = $1`, p.ID, after.LastAt, agreed); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE delivery SET recipient = $2 WHERE id = $1`, string(delivery), after.Recipient)
		return err
	})
}
