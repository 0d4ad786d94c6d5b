package delivery

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// noted does what a change of state means to those who look on: it is counted.
func (s *Service) noted(ctx context.Context, tx pgx.Tx, before, after Delivery) error {
	if after.State == before.State {
		return nil
	}
	if after.State == Accepted {
		return s.countCollected(ctx, tx, after)
	}
	return nil
}
