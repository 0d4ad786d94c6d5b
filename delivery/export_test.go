package delivery

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostNow does what the job of a letter does.
func (s *Service) PostNow(ctx context.Context, id ID) error {
	return s.post(ctx, id, func(pgx.Tx) error { return nil })
}

// Shred does the first step of a removal and dies.
func (s *Service) Shred(ctx context.Context, id ID, at time.Time) (objects []string, due bool, err error) {
	return s.shred(ctx, id, at)
}

// Move is the door.
func (s *Service) Move(ctx context.Context, id ID, decide func(Delivery, time.Time) (Move, error)) (Delivery, error) {
	return s.move(ctx, id, decide)
}
