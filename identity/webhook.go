package identity

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// WebhookDisabled tells the administrators of an account, in the caller's
// transaction, that one of its webhooks is disabled without their doing.
func (s *Service) WebhookDisabled(ctx context.Context, tx pgx.Tx, account string) error {
	return s.tellAdministrators(ctx, tx, account, Note{Kind: NoteWebhookDisabled, Account: account, Ref: account})
}
