package delivery

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// MaxNamed bounds how many people a recipient may name for one item, one after
// the other.
const MaxNamed = 5

// NewDelegate is whom a recipient names.
type NewDelegate struct {
	Given     string
	Family    string
	Email     string
	Mobile    string // E.164
	Language  string
	BirthDate string // YYYY-MM-DD; may be empty
}

// validate finds every fault. Codes that went to the recipient's own addresses
// would prove nothing of somebody else.
func (n NewDelegate) validate(r Recipient, now time.Time) FieldErrors {
	var c checker
	c.text("/given", n.Given, 1, MaxName, false)
	c.text("/family", n.Family, 1, MaxName, false)
	c.language("/language", n.Language)
	c.reach("/email", "/mobile", n.Email, n.Mobile)
	c.birthDate("/birth_date", n.BirthDate, now)
	if strings.EqualFold(n.Email, r.Email) {
		c.fault("/email", "own_address")
	}
	if n.Mobile == r.Mobile {
		c.fault("/mobile", "own_address")
	}
	return c.faults
}

// NameDelegate lets the identified addressee name somebody who may collect this
// one item, and tells both. Until one of them decides both may; whoever does
// first decides. Errors: FieldErrors, ErrNamed while somebody is named,
// ErrTooManyNamed, those of Delivery.NameDelegate.
func (s *Service) NameDelegate(ctx context.Context, c Collecting, n NewDelegate) (g Delegate, err error) {
	n.Given, n.Family, n.Email = strings.TrimSpace(n.Given), strings.TrimSpace(n.Family), strings.TrimSpace(n.Email)
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		_, err := s.actTx(ctx, tx, c, func(d Delivery, by identity.Actor, at time.Time) (Move, error) {
			g = Delegate{ID: evidence.NewID(), Given: n.Given, Family: n.Family, Email: n.Email, Mobile: n.Mobile, Language: n.Language,
				BirthDate: n.BirthDate, NamedAt: at, Record: by.Record}
			m, err := d.NameDelegate(by, g, at)
			if err != nil {
				return Move{}, err
			}
			if faults := n.validate(d.Recipient, s.Now()); len(faults) > 0 {
				return Move{}, faults
			}
			if err := mayNameAnother(ctx, tx, d.ID); err != nil {
				return Move{}, err
			}
			return m, s.insertDelegate(ctx, tx, d.ID, g)
		})
		return err
	})
	return g, err
}

// mayNameAnother looks, under the lock of the delivery, whether somebody is named.
func mayNameAnother(ctx context.Context, tx pgx.Tx, id ID) error {
	var all, active int
	err := tx.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE withdrawn_at IS NULL) FROM delegate WHERE delivery_id = $1 AND mandate_id IS NULL`,
		string(id)).Scan(&all, &active)
	switch {
	case err != nil:
		return err
	case active > 0:
		return ErrNamed
	case all >= MaxNamed:
		return ErrTooManyNamed
	}
	return nil
}

// WithdrawDelegate lets the identified addressee take the naming back. Errors:
// ErrNotFound when nobody is named, those of Delivery.WithdrawDelegate.
func (s *Service) WithdrawDelegate(ctx context.Context, c Collecting) error {
	_, err := s.named(ctx, c)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		_, err := s.actTx(ctx, tx, c, func(d Delivery, by identity.Actor, at time.Time) (Move, error) {
			g, _, err := scanDelegate(tx.QueryRow(ctx, sqlNamed+` FOR UPDATE`, string(d.ID)))
			if err != nil {
				return Move{}, err
			}
			m, err := d.WithdrawDelegate(by, g, at)
			if err != nil {
				return Move{}, err
			}
			tag, err := tx.Exec(ctx, `UPDATE delegate SET withdrawn_at = $2 WHERE id = $1 AND withdrawn_at IS NULL`, g.ID, at)
			if err == nil {
				err = one(tag)
			}
			return m, err
		})
		return err
	})
}

const sqlNamed = sqlDelegate + ` WHERE delivery_id = $1 AND mandate_id IS NULL AND withdrawn_at IS NULL`

// NamedDelegate is whom the addressee named, for the addressee; nil when nobody is.
// Errors: ErrUnidentified.
func (s *Service) NamedDelegate(ctx context.Context, c Collecting) (*Delegate, error) {
	g, err := s.named(ctx, c)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &g, nil
}

func (s *Service) named(ctx context.Context, c Collecting) (Delegate, error) {
	if c.Actor == nil || c.Actor.Mandate != "" {
		return Delegate{}, ErrUnidentified
	}
	g, _, err := scanDelegate(s.Pool.QueryRow(ctx, sqlNamed, string(c.Delivery)))
	return g, err
}
