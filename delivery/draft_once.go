package delivery

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

const sqlKnownKey = `SELECT kind, digest, ref FROM idempotency WHERE account_id = $1 AND key = $2`

// SendDraftOnce is SendDraft for a test or a live draft and for a caller who may
// ask twice: the same Once gives what there is by then, with Replayed set. A Once
// is remembered when something came of it. Errors: as of SendDraft, ErrKeyReused.
func (s *Service) SendDraftOnce(ctx context.Context, by identity.Actor, id ID, test bool, how Sending, once Once) (Sent, error) {
	asked := false
	if once.Key != "" {
		_, err := sameOnce(s.Pool.QueryRow(ctx, sqlKnownKey, by.Account, once.Key), "draft_submit", once)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return Sent{}, err
		}
		asked = err == nil
	}
	d, err := s.Draft(ctx, by.Account, id)
	switch {
	case errors.Is(err, ErrNotFound):
		sent, err := s.sentBefore(ctx, by.Account, id)
		if err == nil && sent.Message.Test != test {
			return Sent{}, ErrNotFound
		}
		return sent, err
	case err != nil:
		return Sent{}, err
	case d.Test != test:
		return Sent{}, ErrNotFound
	case asked && d.State != DraftOpen:
		return Sent{Draft: d, Replayed: true}, nil
	}
	sent, err := s.SendDraft(ctx, by, id, how)
	if err == nil {
		_, err = s.remember(ctx, by.Account, "draft_submit", once, id)
	}
	return sent, err
}
