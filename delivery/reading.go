package delivery

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// Accept lets the identified addressee take the message, and opens the content.
// Errors: those of Delivery.Accept.
func (s *Service) Accept(ctx context.Context, c Collecting) (Delivery, error) {
	d, err := s.act(ctx, c, Delivery.Accept)
	if err != nil {
		return d, err
	}
	after, err := s.Consign(ctx, d.ID, nil)
	if err != nil { // the job does it; the acceptance stands
		s.Log.ErrorContext(ctx, "content not opened at once", "delivery", string(d.ID), "err", err)
		return d, nil
	}
	return after, nil
}

// Reject lets the identified addressee refuse the message. Errors: those of
// Delivery.Reject.
func (s *Service) Reject(ctx context.Context, c Collecting) (Delivery, error) {
	return s.act(ctx, c, Delivery.Reject)
}

// OpenPart streams one part to the identified addressee. The last Read fails
// with ErrTampered if the content does not have its digest. Report what went
// out whole with Transferred. Errors: ErrUnidentified, ErrNotOpen, ErrNotFound,
// ErrPurged.
func (s *Service) OpenPart(ctx context.Context, c Collecting, part int) (evidence.Part, io.ReadCloser, error) {
	d, err := s.reading(ctx, c)
	if err != nil {
		return evidence.Part{}, nil, err
	}
	if d.State != Consigned && d.State != HandedOver {
		return evidence.Part{}, nil, ErrNotOpen
	}
	if part < 0 || part >= len(d.Message.Parts) {
		return evidence.Part{}, nil, ErrNotFound
	}
	r, err := s.openPart(ctx, d.Message.ID, part)
	return d.Message.Parts[part], r, err
}

// reading is the delivery of a session whose actor may read it now.
func (s *Service) reading(ctx context.Context, c Collecting) (d Delivery, err error) {
	if c.Actor == nil {
		return Delivery{}, ErrUnidentified
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if d, _, err = scanDelivery(tx.QueryRow(ctx, sqlDelivery+` WHERE d.id = $1`, string(c.Delivery))); err != nil {
			return err
		}
		if d, err = s.withDelegate(ctx, tx, d, orNull(c.Actor.Mandate)); err != nil {
			return err
		}
		return d.mayAct(*c.Actor)
	})
	return d, err
}

// Transferred records that parts went out whole, and, with the last of them,
// that the content was handed over.
func (s *Service) Transferred(ctx context.Context, c Collecting, parts ...int) (d Delivery, err error) {
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		for _, p := range parts {
			d, err = s.actTx(ctx, tx, c, func(d Delivery, by identity.Actor, at time.Time) (Move, error) { return d.Access(p, by, at) })
			if err != nil {
				return err
			}
		}
		if d.State == Consigned && d.takenWhole() {
			d, err = s.actTx(ctx, tx, c, Delivery.HandOver)
		}
		return err
	})
	return d, err
}

// Damaged records that a part could not be handed over because it no longer
// has its digest.
func (s *Service) Damaged(ctx context.Context, c Collecting, part int) error {
	_, err := s.move(ctx, c.Delivery, func(d Delivery, at time.Time) (Move, error) { return d.FailHandOver(part, at) })
	return err
}

// Got reports whether a part was transferred already.
func (d Delivery) Got(part int) bool { return slices.Contains(d.Taken, part) }
