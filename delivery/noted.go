package delivery

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// noted does what a move means to those who look on: it is counted, and the
// members of the sender's account are told.
func (s *Service) noted(ctx context.Context, tx pgx.Tx, before, after Delivery) error {
	if after.State == Accepted && before.State != Accepted {
		if err := s.countCollected(ctx, tx, after); err != nil {
			return err
		}
	}
	return s.tellMembers(ctx, tx, before, after)
}
