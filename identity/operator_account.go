package identity

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// ActOn writes down what an operator does about an account, in the transaction
// that does it. The system may as well: its name is then in by.Subject.
//
// Errors: ErrForbidden, FieldErrors for a reason that is none.
func (s *Service) ActOn(ctx context.Context, tx pgx.Tx, by Actor, act, account, reason string) error {
	if by.Kind != ActorSystem {
		if err := s.operates(ctx, tx, by); err != nil {
			return err
		}
	} else if by.Subject == "" {
		by.Subject = "system"
	}
	reason, err := reasonOf(reason)
	if err != nil {
		return err
	}
	a := actBy(by, s.now(), act)
	a.Account, a.Reason = account, reason
	return insertAct(ctx, tx, a)
}
