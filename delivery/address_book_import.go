package delivery

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

var errEmptyList = FieldErrors{{Pointer: "/file", Code: "no_rows"}}

// RowFault is what is wrong with one row of a list.
type RowFault struct {
	Line   int         `json:"line"`
	Faults []CellFault `json:"faults"`
}

// CellFault is what is wrong with one cell: Column is what it holds, Code and
// Args are those of a [FieldError].
type CellFault struct {
	Column string            `json:"column"`
	Code   string            `json:"code"`
	Args   map[string]string `json:"args,omitempty"`
}

// Imported is what became of a list of addressees.
type Imported struct {
	Added, Changed, Faulty int
	Faults                 []RowFault // the first 1000
}

const (
	importChunk  = 500
	mostReported = 1000
)

// ImportAddressees reads a list into an account's address book: a row whose own
// key is there replaces that entry, others are new. Rows that are wrong are left
// out and reported; what came before an error of the database is kept. Memory
// stays flat. Errors: FieldErrors at /file and /mapping, ErrTooLarge.
func (s *Service) ImportAddressees(ctx context.Context, account string, r io.Reader) (done Imported, err error) {
	stored, heard, err := s.takeList(ctx, account, ID(evidence.NewID()), r)
	if err != nil {
		return done, err
	}
	defer s.drop(ctx, stored)
	l, err := s.openList(ctx, stored, heard.encoding, heard.separator)
	if err != nil {
		return done, err
	}
	defer l.Close()
	m, err := GuessMapping(l.header, nil)
	if err != nil {
		return done, err
	}
	whole := maps.Clone(m)
	delete(whole, "own_key") // by itself it describes nobody
	if faults := whole.check(len(l.header), nil); len(faults) > 0 {
		return done, faults
	}
	rows := 0
	for {
		chunk, err := l.take(importChunk)
		if err != nil {
			return done, err
		}
		if rows += len(chunk); rows > MaxBulkRows {
			return done, FieldErrors{{Pointer: "/file", Code: "too_many", Args: map[string]string{"max": fmt.Sprint(MaxBulkRows), "is": fmt.Sprint(rows)}}}
		}
		if len(chunk) == 0 {
			break
		}
		if err := s.importRows(ctx, account, m, chunk, &done); err != nil {
			return done, err
		}
	}
	if rows == 0 {
		return done, errEmptyList
	}
	return done, nil
}

func (s *Service) importRows(ctx context.Context, account string, m Mapping, chunk []sheetRow, done *Imported) error {
	now := s.Now().UTC().Truncate(time.Microsecond)
	var in addresseeRows
	seen := map[string]bool{}
	for _, row := range chunk {
		a := Addressee{Key: m.cell(row.cells, "own_key"), Recipient: m.described(row.cells, Recipient{}, "nl")}
		a = a.normal()
		faults := a.check(now)
		switch {
		case row.fault != "":
			faults = FieldErrors{{Pointer: "/row", Code: row.fault}}
		case a.Key != "" && seen[a.Key]:
			faults = append(faults, FieldError{Pointer: "/own_key", Code: "duplicate_key"})
		}
		seen[a.Key] = true
		if len(faults) > 0 {
			if done.Faulty++; len(done.Faults) < mostReported {
				done.Faults = append(done.Faults, RowFault{row.line, cellFaults(faults)})
			}
			continue
		}
		a.ID = ID(evidence.NewID())
		in.list = append(in.list, a)
	}
	if len(in.list) == 0 {
		return nil
	}
	return sameOwnKey(pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return s.mergeAddressees(ctx, tx, account, in.list, now, done) }))
}

// addresseeRows are entries as arrays, one per column.
type addresseeRows struct {
	list                      []Addressee
	id, key                   []string
	own, sealed, wrapped, sum [][]byte
	terms                     []string
	size                      []int64
}

const sqlMergeAddressees = `
INSERT INTO addressee (id, account_id, own_key, terms, sealed, key_id, wrapped_key, size, sha256, created_at, changed_at)
SELECT n.id, $1, n.own_key, n.terms::bigint[], n.sealed, n.key_id, n.wrapped_key, n.size, n.sha256, $10, $10
  FROM unnest($2::uuid[], $3::bytea[], $4::text[], $5::bytea[], $6::text[], $7::bytea[], $8::bigint[], $9::bytea[])
    AS n (id, own_key, terms, sealed, key_id, wrapped_key, size, sha256)
ON CONFLICT (id) DO UPDATE SET own_key = excluded.own_key, terms = excluded.terms, sealed = excluded.sealed, key_id = excluded.key_id,
   wrapped_key = excluded.wrapped_key, size = excluded.size, sha256 = excluded.sha256, changed_at = excluded.changed_at
 WHERE addressee.account_id = $1`

// mergeAddressees adds or replaces entries by their own keys.
func (s *Service) mergeAddressees(ctx context.Context, tx pgx.Tx, account string, list []Addressee, now time.Time, done *Imported) error {
	// One import of an account at a time: two would add the same key twice.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('address book ' || $1, 0))`, account); err != nil {
		return err
	}
	index := s.blind(account)
	var keys [][]byte
	for _, a := range list {
		if a.Key != "" {
			keys = append(keys, index.key(a.Key))
		}
	}
	known := map[string]ID{}
	rows, err := tx.Query(ctx, `SELECT id, own_key FROM addressee WHERE account_id = $1 AND own_key = ANY ($2::bytea[])`, account, keys)
	if err != nil {
		return err
	}
	var id ID
	var key []byte
	if _, err := pgx.ForEachRow(rows, []any{&id, &key}, func() error { known[string(key)] = id; return nil }); err != nil {
		return err
	}
	var in addresseeRows
	for _, a := range list {
		if was, ok := known[string(index.key(a.Key))]; ok && a.Key != "" {
			a.ID = was
			done.Changed++
		} else {
			done.Added++
		}
		row, err := s.sealAddressee(account, a)
		if err != nil {
			return err
		}
		in.id, in.key, in.own = append(in.id, string(a.ID)), append(in.key, row.st.KeyID), append(in.own, row.key)
		in.sealed, in.wrapped, in.sum = append(in.sealed, row.sealed), append(in.wrapped, row.st.Key), append(in.sum, row.st.SHA256)
		in.terms, in.size = append(in.terms, bigints(row.terms)), append(in.size, row.st.Size)
	}
	if _, err := tx.Exec(ctx, sqlMergeAddressees, account, in.id, in.own, in.terms, in.sealed, in.key, in.wrapped, in.size, in.sum, now); err != nil {
		return err
	}
	var n int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM addressee WHERE account_id = $1`, account).Scan(&n); err != nil {
		return err
	}
	if n > MaxAddressees {
		return FieldErrors{{Pointer: "/file", Code: "too_many", Args: map[string]string{"max": fmt.Sprint(MaxAddressees), "is": fmt.Sprint(n)}}}
	}
	return nil
}

// bigints writes numbers as an array of the database: there is no array of
// arrays of different lengths.
func bigints(list []int64) string {
	b := []byte{'{'}
	for i, n := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Append(b, n)
	}
	return string(append(b, '}'))
}

// cellFaults says of faults of a submission in which column they are.
func cellFaults(faults FieldErrors) (out []CellFault) {
	for _, f := range faults[:min(len(faults), 20)] {
		out = append(out, cellFault(ColumnOf(f.Pointer), f))
	}
	return out
}

// cellFault is a fault in a form that the database keeps: a NUL, which JSON text of
// PostgreSQL cannot hold, becomes U+FFFD. Names and values come from outside.
func cellFault(column string, f FieldError) CellFault {
	kept := func(text string) string { return strings.ReplaceAll(text, "\x00", "\uFFFD") }
	args := maps.Clone(f.Args)
	for name, value := range args {
		args[name] = kept(value)
	}
	return CellFault{kept(column), f.Code, args}
}
