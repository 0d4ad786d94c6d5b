package delivery

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// SharedFor is how long a shared document is kept after its upload; messages
// that have it keep it longer.
const SharedFor = 30 * 24 * time.Hour

const sqlShared = `SELECT id FROM document WHERE id = ANY ($1::uuid[]) AND account_id = $2 AND shared`

// The lock keeps the document from being removed until its copy is there.
const sqlLend = `
INSERT INTO document (id, account_id, filename, media_type, size, sha256, object, key_id, wrapped_key, created_at, lent)
SELECT w.id, d.account_id, d.filename, d.media_type, d.size, d.sha256, d.object, d.key_id, d.wrapped_key, $4, true
  FROM unnest($1::uuid[], $2::uuid[]) AS w (id, of_id) JOIN document d ON d.id = w.of_id AND d.account_id = $3 AND d.shared
   FOR KEY SHARE OF d`

// Lend replaces the shared documents among docs by documents of one message:
// rows that name the same object and hold its key, so that the content is
// stored once however many messages have it. Others stay as they are. What no
// message takes is swept like any upload. Concurrent calls do not meet.
func (s *Service) Lend(ctx context.Context, account string, docs []string) ([]string, error) {
	lists, err := s.lendAll(ctx, account, docs, 1)
	if err != nil {
		return nil, err
	}
	return lists[0], nil
}

// lendAll is Lend for n messages that have the same documents.
func (s *Service) lendAll(ctx context.Context, account string, docs []string, n int) ([][]string, error) {
	lists := make([][]string, n)
	for i := range lists {
		lists[i] = slices.Clone(docs)
	}
	if ids := slices.DeleteFunc(slices.Clone(docs), func(id string) bool { return !isID(id) }); len(ids) > 0 {
		shared, err := s.ids(ctx, sqlShared, ids, account)
		if err != nil {
			return nil, err
		}
		return lists, s.lend(ctx, account, shared, lists)
	}
	return lists, nil
}

func (s *Service) lend(ctx context.Context, account string, shared []string, lists [][]string) error {
	var ids, of []string
	for _, list := range lists {
		for _, id := range shared {
			if i := slices.Index(list, id); i >= 0 { // named twice it stays, and is a fault
				list[i] = evidence.NewID()
				ids, of = append(ids, list[i]), append(of, id)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	tag, err := s.Pool.Exec(ctx, sqlLend, ids, of, account, s.Now().UTC())
	if err == nil && int(tag.RowsAffected()) != len(ids) {
		err = fmt.Errorf("%w: a shared document was removed meanwhile", ErrNotFound)
	}
	return err
}

// A row that still has its key keeps the object for everybody.
const sqlLastOf = `
SELECT o FROM unnest($1::text[]) AS o
 WHERE NOT EXISTS (SELECT FROM document WHERE object = o AND lent AND wrapped_key IS NOT NULL)
   AND NOT EXISTS (SELECT FROM document WHERE object = o AND NOT lent AND wrapped_key IS NOT NULL)`

// deleteLast removes the objects for which no row has a key any more. To be
// called after the commit that forgot the caller's own keys: of several that
// let go of one object at a time, at least the last sees that it is.
func (s *Service) deleteLast(ctx context.Context, objects []string) error {
	if len(objects) == 0 {
		return nil
	}
	rows, err := s.Pool.Query(ctx, sqlLastOf, objects)
	if err != nil {
		return err
	}
	last, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, o := range last {
		if err := s.Vault.Delete(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// opens makes sure that a part can be opened, without reading it.
func (s *Service) opens(ctx context.Context, message ID, position int) error {
	r, err := s.openPart(ctx, message, position)
	if err != nil {
		return err
	}
	return r.Close()
}

// keepShared puts off when shared documents of an account are removed.
func (s *Service) keepShared(ctx context.Context, tx pgx.Tx, account string, docs []string, until time.Time) error {
	tag, err := tx.Exec(ctx, `UPDATE document SET keep_until = greatest(keep_until, $3) WHERE id = ANY ($1::uuid[]) AND account_id = $2 AND shared`,
		docs, account, until)
	if err == nil && int(tag.RowsAffected()) != len(docs) {
		return FieldErrors{{Pointer: "/documents", Code: "document_unknown"}}
	}
	return err
}
