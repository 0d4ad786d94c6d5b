package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// ConsignArgs asks to open the content of an accepted delivery.
type ConsignArgs struct {
	Delivery string `json:"delivery"`
}

// Kind implements river.JobArgs.
func (ConsignArgs) Kind() string { return "delivery_consign" }

// ConsignWorker does ConsignArgs.
type ConsignWorker struct {
	river.WorkerDefaults[ConsignArgs]
	Service *Service
}

// Work opens the content; the job is done in the transaction that records D.1.
func (w ConsignWorker) Work(ctx context.Context, job *river.Job[ConsignArgs]) error {
	_, err := w.Service.Consign(ctx, ID(job.Args.Delivery), func(tx pgx.Tx) error {
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
	return err
}

// Consign opens the content of an accepted delivery after making sure that all
// of it is there; it is no error when that happened before. with, if not nil,
// runs in the same transaction.
func (s *Service) Consign(ctx context.Context, id ID, with func(pgx.Tx) error) (Delivery, error) {
	d, err := s.load(ctx, id)
	if err != nil || d.State != Accepted {
		return d, err
	}
	for i := range d.Message.Parts {
		r, err := s.openPart(ctx, d.Message.ID, i)
		if err != nil {
			return d, fmt.Errorf("delivery: part %d cannot be opened: %w", i, err)
		}
		r.Close()
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) (err error) {
		if d, err = s.moveTx(ctx, tx, id, Delivery.Consign); err != nil || with == nil {
			return err
		}
		return with(tx)
	})
	if errors.Is(err, ErrNotOpen) {
		return s.load(ctx, id) // another worker was faster
	}
	return d, err
}
