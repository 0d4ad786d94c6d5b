package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// checkChunk is how many rows are checked and counted together: all that a list
// of any length holds in memory.
const checkChunk = 250

// checkBulk checks rows until end and reports whether that was all of them.
// Nothing of a row is kept but where it stands and what is wrong with it.
func (s *Service) checkBulk(ctx context.Context, b Bulk, end time.Time) (done bool, err error) {
	p, err := s.bulkPlan(ctx, b)
	if err != nil {
		return false, err
	}
	l, err := s.openBulk(ctx, b)
	if err != nil {
		return false, err
	}
	defer l.Close()
	if err := l.skip(b.checked); err != nil {
		return false, fmt.Errorf("delivery: batch %s at row %d: %w", b.ID, b.checked, err)
	}
	for time.Now().Before(end) { // of this process
		rows, err := l.take(checkChunk)
		if err != nil {
			return false, err
		}
		if len(rows) == 0 {
			return true, s.finishCheck(ctx, b)
		}
		if b.checked+len(rows) > MaxBulkRows {
			return true, s.refuseBulk(ctx, b, "too_many_rows")
		}
		list, err := s.planRows(ctx, p, rows)
		if err != nil {
			return false, err
		}
		if err := s.countChecked(ctx, &b, list); err != nil {
			return false, err
		}
	}
	return false, nil
}

const (
	sqlCountChecked = `
UPDATE bulk SET checked = checked + $3, rows = rows + $3, faulty = faulty + $4, changed_at = $5,
       online = CASE WHEN $7::bigint >= 0 THEN coalesce(online, 0) + $7 END, posted = CASE WHEN $8::bigint >= 0 THEN coalesce(posted, 0) + $8 END
 WHERE id = $1 AND state = 'checking' AND round = $6 AND checked = $2`
	sqlInsertChecked = `
INSERT INTO bulk_row (bulk_id, position, line, state, who, faults)
SELECT $1, n.position, n.line, CASE WHEN n.faults IS NULL THEN 'ready' ELSE 'faulty' END, n.who, n.faults
  FROM unnest($2::integer[], $3::integer[], $4::bytea[], $5::jsonb[]) AS n (position, line, who, faults)`
)

// errMoved is of work on a batch that somebody else changed: it is looked at anew.
var errMoved = errors.New("delivery: batch moved on meanwhile")

func (s *Service) countChecked(ctx context.Context, b *Bulk, list []planned) error {
	index := s.blind(b.Account)
	var positions, lines []int
	var who [][]byte
	var faults []*string
	faulty := 0
	online, posted := s.quoted(list)
	for i, r := range list {
		positions, lines = append(positions, b.checked+i+1), append(lines, r.line)
		if len(r.faults) == 0 {
			who, faults = append(who, index.who(r.sub.Recipients[0])), append(faults, nil)
			continue
		}
		faulty++
		body, err := json.Marshal(cellFaults(r.faults))
		if err != nil {
			return err
		}
		text := string(body)
		who, faults = append(who, nil), append(faults, &text)
	}
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlCountChecked, string(b.ID), b.checked, len(list), faulty, s.Now().UTC(), b.round, online, posted)
		if err == nil && tag.RowsAffected() != 1 {
			err = errMoved
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, sqlInsertChecked, string(b.ID), positions, lines, who, faults)
		return err
	})
	b.checked += len(list)
	return err
}

// quoted sums up what the rows cost that can be sent, in cents; -1: not known.
func (s *Service) quoted(list []planned) (online, posted int) {
	for _, r := range list {
		if len(r.faults) > 0 {
			continue
		}
		q, err := s.Quote(r.sub, nil)
		if err != nil {
			return -1, -1
		}
		online, posted = online+q.Online, posted+q.Posted
	}
	return online, posted
}

const (
	sqlSameAs = `
UPDATE bulk_row r SET same_as = f.line
  FROM (SELECT position, first_value(line) OVER (PARTITION BY who ORDER BY position) AS line
          FROM bulk_row WHERE bulk_id = $1 AND who IS NOT NULL) f
 WHERE r.bulk_id = $1 AND r.position = f.position AND r.line <> f.line`
	sqlChecked = `UPDATE bulk SET state = $3, cause = $4, warned = $5, changed_at = $6, ended_at = $7,
       wrapped_key = CASE WHEN $7::timestamptz IS NULL THEN wrapped_key END
 WHERE id = $1 AND state = 'checking' AND round = $2`
)

// finishCheck finds recipients who come twice, and lets the sender look.
func (s *Service) finishCheck(ctx context.Context, b Bulk) error {
	if b.checked == 0 {
		return s.refuseBulk(ctx, b, "no_rows")
	}
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlSameAs, string(b.ID))
		if err != nil {
			return err
		}
		again, err := tx.Exec(ctx, sqlChecked, string(b.ID), b.round, string(BulkChecked), "", tag.RowsAffected(), s.Now().UTC(), nil)
		if err == nil && again.RowsAffected() != 1 {
			err = errMoved
		}
		return err
	})
}

// refuseBulk ends a batch whose list cannot be sent.
func (s *Service) refuseBulk(ctx context.Context, b Bulk, cause string) error {
	now := s.Now().UTC()
	tag, err := s.Pool.Exec(ctx, sqlChecked, string(b.ID), b.round, string(BulkRefused), cause, 0, now, now)
	if err == nil && tag.RowsAffected() != 1 {
		err = errMoved
	}
	if err == nil {
		s.drop(ctx, b.stored)
	}
	return err
}
