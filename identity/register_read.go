package identity

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

const entryColumns = `t.entry, t.version, t.at, t.written_by, t.state, t.due_at, t.sealed,
       coalesce((SELECT p.given || ' ' || p.family FROM person p WHERE p.id::text = t.written_by), '')`

// Entries lists the newest version of every entry of a register: what is due
// first, then the latest. Errors: ErrForbidden, ErrNotFound.
func (s *Service) Entries(ctx context.Context, by Actor, r Register) ([]Entry, error) {
	return s.entries(ctx, by, r, `SELECT * FROM (SELECT DISTINCT ON (t.entry) `+entryColumns+` FROM `+r.table()+` t ORDER BY t.entry, t.version DESC) n
 ORDER BY n.due_at NULLS LAST, n.entry DESC LIMIT $1`, maxRegistered)
}

// EntryHistory lists every version of an entry, newest first. Errors: ErrForbidden,
// ErrNotFound.
func (s *Service) EntryHistory(ctx context.Context, by Actor, r Register, id string) ([]Entry, error) {
	if !isID(id) {
		return nil, ErrNotFound
	}
	list, err := s.entries(ctx, by, r, `SELECT `+entryColumns+` FROM `+r.table()+` t WHERE t.entry = $1 ORDER BY t.version DESC`, id)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	return list, err
}

func (s *Service) entries(ctx context.Context, by Actor, r Register, sql string, arg any) ([]Entry, error) {
	if !slices.Contains(Registers(), r) {
		return nil, ErrNotFound
	}
	if by.Kind != ActorSystem {
		if err := s.operates(ctx, s.pool, by); err != nil {
			return nil, err
		}
	}
	rows, err := s.pool.Query(ctx, sql, arg)
	if err != nil {
		return nil, fmt.Errorf("identity: register: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Entry, err error) {
		var sealed []byte
		if err := row.Scan(&e.ID, &e.Version, &e.At, &e.By, &e.State, &e.Due, &sealed, &e.Name); err != nil {
			return e, err
		}
		return e, s.unsealEntry(r, &e, sealed)
	})
}

// Due is what of a register has to be done, and by when.
type Due struct {
	Open int // something has to be done about it
	Soon int // so soon that somebody should look: see [Register.warning]
	Late int
}

// DueEntries counts what is due in each register, for operators and for the
// system. Errors: ErrForbidden.
func (s *Service) DueEntries(ctx context.Context, by Actor) (map[Register]Due, error) {
	if by.Kind != ActorSystem {
		if err := s.operates(ctx, s.pool, by); err != nil {
			return nil, err
		}
	}
	all, now := map[Register]Due{}, s.now()
	for _, r := range Registers() {
		var d Due
		err := s.pool.QueryRow(ctx, `
SELECT count(*) FILTER (WHERE due_at IS NOT NULL), count(*) FILTER (WHERE due_at >= $1 AND due_at < $2), count(*) FILTER (WHERE due_at < $1)
  FROM (SELECT DISTINCT ON (entry) due_at FROM `+r.table()+` ORDER BY entry, version DESC) n`, now, now.Add(r.warning())).Scan(&d.Open, &d.Soon, &d.Late)
		if err != nil {
			return nil, fmt.Errorf("identity: register: %w", err)
		}
		all[r] = d
	}
	return all, nil
}
