package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

const sqlHook = `
SELECT w.id, w.account_id, w.test, w.url, w.description, w.types, w.state, w.reason, w.created_at, w.proven_at, w.failing_since,
       (SELECT count(*) FROM webhook_post p WHERE p.webhook_id = w.id AND p.next_at IS NOT NULL),
       (SELECT count(*) FROM webhook_post p WHERE p.webhook_id = w.id AND p.outcome = 'failed') FROM webhook w`

func scanHook(row pgx.CollectableRow) (w Webhook, err error) {
	var proven, failing *time.Time
	err = row.Scan(&w.ID, &w.Account, &w.Test, &w.URL, &w.Description, &w.Types, &w.State, &w.Reason, &w.CreatedAt, &proven, &failing, &w.Waiting, &w.Failed)
	w.CreatedAt = w.CreatedAt.UTC()
	if proven != nil {
		w.ProvenAt = proven.UTC()
	}
	if failing != nil {
		w.FailingSince = failing.UTC()
	}
	return w, err
}

// Webhooks lists those of an account, of test messages or of live ones, oldest
// first.
func (s *Service) Webhooks(ctx context.Context, account string, test bool) ([]Webhook, error) {
	rows, err := s.Pool.Query(ctx, sqlHook+` WHERE w.account_id = $1 AND w.test = $2 ORDER BY w.created_at, w.id`, account, test)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, scanHook)
	if err != nil {
		return nil, err
	}
	return list, s.publicKeys(ctx, list)
}

// Webhook returns one of an account. Errors: ErrNotFound.
func (s *Service) Webhook(ctx context.Context, account string, test bool, id string) (Webhook, error) {
	if !isID(id) {
		return Webhook{}, ErrNotFound
	}
	rows, err := s.Pool.Query(ctx, sqlHook+` WHERE w.id = $1 AND w.account_id = $2 AND w.test = $3`, id, account, test)
	if err != nil {
		return Webhook{}, err
	}
	w, err := pgx.CollectExactlyOneRow(rows, scanHook)
	if errors.Is(err, pgx.ErrNoRows) {
		return Webhook{}, ErrNotFound
	}
	if err != nil {
		return Webhook{}, err
	}
	list := []Webhook{w}
	err = s.publicKeys(ctx, list)
	return list[0], err
}

const sqlPublicKeys = `
SELECT webhook_id, public, created_at, coalesce(ends_at, 'epoch') FROM webhook_key
 WHERE webhook_id = ANY ($1::uuid[]) AND (ends_at IS NULL OR ends_at > $2) ORDER BY ends_at DESC NULLS FIRST`

// publicKeys fills in what may be known of the keys that count now.
func (s *Service) publicKeys(ctx context.Context, list []Webhook) error {
	at := make(map[string]int, len(list))
	ids := make([]string, len(list))
	for i, w := range list {
		at[w.ID], ids[i] = i, w.ID
	}
	rows, err := s.Pool.Query(ctx, sqlPublicKeys, ids, s.Now())
	if err != nil {
		return err
	}
	var id string
	var k HookPublic
	_, err = pgx.ForEachRow(rows, []any{&id, &k.Public, &k.CreatedAt, &k.EndsAt}, func() error {
		k.CreatedAt, k.EndsAt = k.CreatedAt.UTC(), k.EndsAt.UTC()
		if k.EndsAt.Unix() == 0 {
			k.EndsAt = time.Time{}
		}
		list[at[id]].Keys = append(list[at[id]].Keys, k)
		return nil
	})
	return err
}
