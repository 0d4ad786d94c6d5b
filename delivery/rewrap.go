package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Rewrapper carries a data key from the key-encryption key that wraps it to the
// newest. What it encrypts is not touched.
type Rewrapper interface {
	Rewrap(s Stored) (Stored, error)
}

// wrapping is a table with a data key in each row, and the name to which the key
// of a row is bound.
type wrapping struct{ table, name string }

func wrappings() []wrapping {
	return []wrapping{{"document", "object"}, {"letter", "object"}, {"postal_document", "object"}, {"draft", "object"}, {"template_version", "object"},
		{"bulk", "object"}, {"webhook_key", "object"}, {"addressee", "'addressee/' || account_id || '/' || id"}} // see addresseeName
}

// wrappedPages is how many pages of a table one statement looks through.
const wrappedPages = 1000

// KeyUse counts the rows that name each key-encryption key, by the key's id. A key
// that no row names may be destroyed.
func (s *Service) KeyUse(ctx context.Context) (map[string]int, error) {
	use := map[string]int{}
	for _, w := range wrappings() {
		rows, err := s.Pool.Query(ctx, `SELECT key_id, count(*) FROM `+w.table+` WHERE wrapped_key IS NOT NULL GROUP BY key_id`)
		if err != nil {
			return nil, err
		}
		var id string
		var n int
		if _, err := pgx.ForEachRow(rows, []any{&id, &n}, func() error { use[id] += n; return nil }); err != nil {
			return nil, fmt.Errorf("delivery: keys of %s: %w", w.table, err)
		}
	}
	return use, nil
}

// RewrapKeys carries every data key that the key id wraps to the newest key, while
// the service runs, and says how many. Content is neither read nor written. What
// writes a row meanwhile wins; call it until it carries none. After a crash the
// next call goes on.
func (s *Service) RewrapKeys(ctx context.Context, keys Rewrapper, id string) (n int, err error) {
	var faults []error // one that does not open keeps no other
	for _, w := range wrappings() {
		var pages int
		if err := s.Pool.QueryRow(ctx, `SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint`, w.table).Scan(&pages); err != nil {
			return n, err
		}
		for page := 0; page < pages; page += wrappedPages {
			moved, err := s.rewrapPages(ctx, keys, id, w, page)
			n += moved
			if ctx.Err() != nil {
				return n, ctx.Err()
			}
			if err != nil {
				faults = append(faults, err)
			}
		}
	}
	return n, errors.Join(faults...)
}

// rewrapPages is RewrapKeys for some pages of a table. A row is found again by its
// place and by the key it had: if either is another by now, it waits for the next
// call.
func (s *Service) rewrapPages(ctx context.Context, keys Rewrapper, id string, w wrapping, page int) (n int, err error) {
	rows, err := s.Pool.Query(ctx, `SELECT ctid::text, `+w.name+`, wrapped_key FROM `+w.table+`
 WHERE ctid >= format('(%s,0)', $2::int)::tid AND ctid < format('(%s,0)', $3::int)::tid AND key_id = $1 AND wrapped_key IS NOT NULL`, id, page, page+wrappedPages)
	if err != nil {
		return 0, err
	}
	type row struct {
		Place, Name string
		Key         []byte
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return 0, err
	}
	var faults []error
	for _, r := range list {
		st, err := keys.Rewrap(Stored{Name: r.Name, KeyID: id, Key: r.Key})
		if err != nil {
			faults = append(faults, fmt.Errorf("delivery: key of a row of %s: %w", w.table, err))
			continue
		}
		tag, err := s.Pool.Exec(ctx, `UPDATE `+w.table+` SET key_id = $1, wrapped_key = $2 WHERE ctid = $3::text::tid AND key_id = $4 AND wrapped_key = $5`,
			st.KeyID, st.Key, r.Place, id, r.Key)
		if err != nil {
			return n, errors.Join(append(faults, err)...)
		}
		n += int(tag.RowsAffected())
	}
	return n, errors.Join(faults...)
}
