package identity

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// TellLow tells the administrators of an account, in the caller's transaction,
// that its credit is low.
func (s *Service) TellLow(ctx context.Context, tx pgx.Tx, account string) error {
	return s.tellAdministrators(ctx, tx, account, Note{Kind: NoteCreditLow, Account: account, Ref: account})
}
