package delivery

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// Accept lets the identified addressee take the message, and opens the content.
// Errors: those of Delivery.Accept.
func (s *Service) Accept(ctx context.Context, c Collecting) (Delivery, error) {
	if c.Actor == nil {
		return Delivery{}, ErrUnidentified
	}
	d, err := s.move(ctx, c.Delivery, func(d Delivery, at time.Time) (Move, error) { return d.Accept(*c.Actor, at) })
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
	if c.Actor == nil {
		return Delivery{}, ErrUnidentified
	}
	return s.move(ctx, c.Delivery, func(d Delivery, at time.Time) (Move, error) { return d.Reject(*c.Actor, at) })
}

// OpenPart streams one part to the identified addressee. The last Read fails
// with ErrTampered if the content does not have its digest. Report what went
// out whole with Transferred. Errors: ErrUnidentified, ErrNotOpen, ErrNotFound,
// ErrPurged.
func (s *Service) OpenPart(ctx context.Context, c Collecting, part int) (evidence.Part, io.ReadCloser, error) {
	if c.Actor == nil {
		return evidence.Part{}, nil, ErrUnidentified
	}
	d, err := s.load(ctx, c.Delivery)
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

// Transferred records that parts went out whole, and, with the last of them,
// that the content was handed over.
func (s *Service) Transferred(ctx context.Context, c Collecting, parts ...int) (d Delivery, err error) {
	if c.Actor == nil {
		return Delivery{}, ErrUnidentified
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		for _, p := range parts {
			d, err = s.moveTx(ctx, tx, c.Delivery, func(d Delivery, at time.Time) (Move, error) { return d.Access(p, *c.Actor, at) })
			if err != nil {
				return err
			}
		}
		if d.State == Consigned && d.takenWhole() {
			d, err = s.moveTx(ctx, tx, c.Delivery, func(d Delivery, at time.Time) (Move, error) { return d.HandOver(*c.Actor, at) })
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
