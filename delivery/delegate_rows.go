package delivery

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// sqlDelegate selects delegates; callers add WHERE.
const sqlDelegate = `
SELECT id, delivery_id, given, family, email, mobile, language, birth_date, national_digest,
       coalesce(person_id::text, ''), coalesce(mandate_id::text, ''), named_at, record, withdrawn_at FROM delegate`

func scanDelegate(row pgx.Row) (g Delegate, of ID, err error) {
	var withdrawn *time.Time
	err = row.Scan(&g.ID, &of, &g.Given, &g.Family, &g.Email, &g.Mobile, &g.Language, &g.BirthDate, &g.NationalNumber,
		&g.Person, &g.Mandate, &g.NamedAt, &g.Record, &withdrawn)
	if errors.Is(err, pgx.ErrNoRows) {
		return Delegate{}, "", ErrNotFound
	}
	g.NamedAt = g.NamedAt.UTC()
	if withdrawn != nil {
		g.WithdrawnAt = withdrawn.UTC()
	}
	return g, of, err
}

const sqlInsertDelegate = `
INSERT INTO delegate (id, delivery_id, given, family, email, mobile, language, birth_date, national_digest, person_id, mandate_id,
                      link_hash, link_nonce, named_at, record)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`

// insertDelegate writes a delegate of a delivery that the transaction holds.
func (s *Service) insertDelegate(ctx context.Context, tx pgx.Tx, of ID, g Delegate) error {
	nonce := make([]byte, 16)
	rand.Read(nonce)
	_, hash := s.link(ID(g.ID), nonce)
	_, err := tx.Exec(ctx, sqlInsertDelegate, g.ID, string(of), g.Given, g.Family, g.Email, g.Mobile, g.Language, g.BirthDate, g.NationalNumber,
		orNull(g.Person), orNull(g.Mandate), hash, nonce, g.NamedAt, g.Record)
	return err
}

// reuseDelegate is the delegate who acts under a mandate already, or else g, now
// written. The transaction holds the delivery.
func (s *Service) reuseDelegate(ctx context.Context, tx pgx.Tx, of ID, g Delegate) (Delegate, error) {
	was, _, err := scanDelegate(tx.QueryRow(ctx, sqlDelegate+` WHERE delivery_id = $1 AND mandate_id = $2 AND withdrawn_at IS NULL`, string(of), g.Mandate))
	if errors.Is(err, ErrNotFound) {
		g.ID = evidence.NewID()
		return g, s.insertDelegate(ctx, tx, of, g)
	}
	was.under = g.under
	return was, err
}

// withDelegate reads d with a delegate, who is held until the transaction ends
// together with the mandate: neither can be withdrawn before. nil is nobody.
// Errors: ErrNotFound, and those of AuthoriseAs.
func (s *Service) withDelegate(ctx context.Context, tx pgx.Tx, d Delivery, id *string) (Delivery, error) {
	if id == nil {
		return d, nil
	}
	g, _, err := scanDelegate(tx.QueryRow(ctx, sqlDelegate+` WHERE id = $1 AND delivery_id = $2 FOR SHARE`, *id, string(d.ID)))
	if err != nil {
		return d, err
	}
	if g.Mandate != "" {
		by := identity.Actor{Kind: identity.ActorPerson, Subject: g.Person}
		m, err := s.Identities.AuthoriseAs(ctx, tx, by, g.Mandate, identity.PowerReceive, d.Message.Policy.Class, s.Now())
		if err != nil {
			return d, err
		}
		g.under = mandateOf(m)
	}
	d.Delegate = &g
	return d, nil
}

// actTx lets the actor of a session move its delivery, in the caller's
// transaction and with the delegate that the actor is.
func (s *Service) actTx(ctx context.Context, tx pgx.Tx, c Collecting, rule func(d Delivery, by identity.Actor, at time.Time) (Move, error)) (Delivery, error) {
	if c.Actor == nil {
		return Delivery{}, ErrUnidentified
	}
	return s.moveTx(ctx, tx, c.Delivery, func(d Delivery, at time.Time) (Move, error) {
		d, err := s.withDelegate(ctx, tx, d, orNull(c.Actor.Mandate))
		if err != nil {
			return Move{}, err
		}
		return rule(d, *c.Actor, at)
	})
}

// act is actTx in a transaction of its own.
func (s *Service) act(ctx context.Context, c Collecting, rule func(d Delivery, by identity.Actor, at time.Time) (Move, error)) (d Delivery, err error) {
	err = s.afterWindow(ctx, c.Delivery, func() error {
		return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
			d, err = s.actTx(ctx, tx, c, rule)
			return err
		})
	})
	return d, err
}

// afterWindow does do; when the window is over but nobody recorded that yet, it
// is recorded first and do is asked once more: a message that goes by post can
// still be collected, whether or not the sweep has run.
func (s *Service) afterWindow(ctx context.Context, id ID, do func() error) error {
	err := do()
	if !errors.Is(err, ErrWindowClosed) {
		return err
	}
	_, e := s.move(ctx, id, func(d Delivery, at time.Time) (Move, error) {
		if d.Message.Policy.Fallback != FallbackPost {
			return Move{}, ErrNotOpen // the sweep does it
		}
		return d.Expire(at)
	})
	if e != nil {
		return err
	}
	return do()
}

// delegateID is whose link d was read by: nil for the recipient's own.
func (d Delivery) delegateID() *string {
	if d.Delegate == nil {
		return nil
	}
	return &d.Delegate.ID
}

// codeSubject is what one-time codes are for: a code of the recipient is none of
// the delegate's, and the other way around.
func codeSubject(d ID, delegate *string) string {
	if delegate != nil {
		return *delegate
	}
	return string(d)
}

// tellWho is a notice to whose link d was read by.
func (d Delivery) tellWho(kind notify.Kind, ch notify.Channel) notify.Notice {
	if d.Delegate != nil {
		return d.tellDelegate(*d.Delegate, kind, ch)
	}
	return d.tell(kind, ch)
}

// orNull makes the empty string NULL.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
