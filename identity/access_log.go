package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// AccessFilter narrows the log of an account. Zero fields narrow nothing.
type AccessFilter struct {
	Who    string    // id of a person or key
	Action string    // exactly
	From   time.Time // at or after
	To     time.Time // before
	Before string    // id of the last access already seen
}

// NamedAccess is an access with who it was, as far as that is still known.
type NamedAccess struct {
	Access
	Name string // of the person or key; empty when it is gone, or nobody
}

// AccessLog lists uses of an account for its administrators, latest first, at most
// limit and at most 200: who did what (R6, R36). Errors: ErrForbidden, ErrNotFound.
func (s *Service) AccessLog(ctx context.Context, by Actor, f AccessFilter, limit int) ([]NamedAccess, error) {
	if err := s.administers(ctx, s.pool, by, by.Account); err != nil {
		return nil, err
	}
	if f.Who != "" && !isID(f.Who) || f.Before != "" && !isID(f.Before) {
		return nil, ErrNotFound
	}
	// Who did it may have left, or be an operator: names are looked up beyond the wall.
	rows, err := s.pool.Query(Beyond(ctx), `
SELECT l.id, coalesce(l.account_id::text, ''), coalesce(l.person_id::text, ''), coalesce(l.key_id::text, ''),
       l.at, l.action, l.ip, l.language, l.user_agent, coalesce(l.about::text, ''),
       coalesce((SELECT p.given || ' ' || p.family FROM person p WHERE p.id = l.person_id), (SELECT k.name FROM api_key k WHERE k.id = l.key_id), '')
  FROM access_log l
 WHERE l.account_id = $1 AND ($2::uuid IS NULL OR l.person_id = $2 OR l.key_id = $2) AND ($3 = '' OR l.action = $3)
   AND ($4::timestamptz IS NULL OR l.at >= $4) AND ($5::timestamptz IS NULL OR l.at < $5) AND ($6::uuid IS NULL OR l.id < $6)
 ORDER BY l.id DESC LIMIT $7`, by.Account, orNull(f.Who), clean(f.Action, 60), instantOrNull(f.From), instantOrNull(f.To), orNull(f.Before), max(1, min(limit, maxAccesses)))
	if err != nil {
		return nil, fmt.Errorf("identity: access log: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[NamedAccess])
}

// AccessActions lists what was done in an account, for a filter to offer. Errors:
// as [Service.AccessLog].
func (s *Service) AccessActions(ctx context.Context, by Actor) ([]string, error) {
	if err := s.administers(ctx, s.pool, by, by.Account); err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT action FROM (SELECT action FROM access_log WHERE account_id = $1 ORDER BY id DESC LIMIT 10000) l ORDER BY action`, by.Account)
	if err != nil {
		return nil, fmt.Errorf("identity: access log: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func instantOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
