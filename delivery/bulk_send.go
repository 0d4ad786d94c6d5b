package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// Bounds of sending a batch.
const (
	sendChunk    = 256 // rows that are sent and counted together
	sendTogether = 64  // of them at the same time, so that they are written together
)

// bulkOnce names the attempt to send a row of a batch: however often it is
// tried, and by whomever, it is sent once.
func bulkOnce(id ID, position int) Once {
	key := "bulk " + string(id) + " " + strconv.Itoa(position)
	sum := sha256.Sum256([]byte(key))
	return Once{Key: key, Digest: sum[:]}
}

// rowOutcome is what became of a row.
type rowOutcome struct {
	position int
	message  Message
	faults   FieldErrors
}

// sendBulk sends rows until end, in the name of who confirmed, and reports
// whether the batch has ended or was stopped.
func (s *Service) sendBulk(ctx context.Context, b Bulk, end time.Time) (done bool, err error) {
	p, err := s.bulkPlan(ctx, b)
	if err != nil {
		return false, err
	}
	l, err := s.openBulk(ctx, b)
	if err != nil {
		return false, err
	}
	defer l.Close()
	if err := l.skip(b.cursor); err != nil {
		return false, fmt.Errorf("delivery: batch %s at row %d: %w", b.ID, b.cursor, err)
	}
	for time.Now().Before(end) { // of this process
		rows, err := l.take(sendChunk)
		if err != nil {
			return false, err
		}
		if len(rows) == 0 {
			return true, s.endBulk(ctx, b, BulkRunning, BulkDone)
		}
		outcomes, cause, err := s.sendRows(ctx, b, p, rows)
		if err != nil {
			return false, err
		}
		if cause != "" {
			return true, s.pauseFor(ctx, b, cause)
		}
		on, err := s.countSent(ctx, &b, len(rows), outcomes)
		if err != nil || !on {
			return !on, err
		}
	}
	return false, nil
}

const sqlReady = `SELECT position FROM bulk_row WHERE bulk_id = $1 AND position > $2 AND position <= $3 AND state = 'ready'`

// sendRows submits the rows after the cursor that are ready. cause is why the
// whole batch cannot go on, and not one of its rows.
func (s *Service) sendRows(ctx context.Context, b Bulk, p bulkPlan, rows []sheetRow) (out []rowOutcome, cause string, err error) {
	list, err := s.Pool.Query(ctx, sqlReady, string(b.ID), b.cursor, b.cursor+len(rows))
	if err != nil {
		return nil, "", err
	}
	ready, err := pgx.CollectRows(list, pgx.RowTo[int])
	if err != nil || len(ready) == 0 {
		return nil, "", err
	}
	plans, err := s.planRows(ctx, p, rows)
	if err != nil {
		return nil, "", err
	}
	docs, err := s.lendAll(ctx, b.Account, b.Setup.Documents, len(ready))
	if err != nil {
		return nil, "", err
	}
	out, errs := make([]rowOutcome, len(ready)), make([]error, len(ready))
	var all sync.WaitGroup
	places := make(chan struct{}, sendTogether)
	for i, position := range ready {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			row := plans[position-b.cursor-1]
			row.sub.Documents = docs[i]
			out[i], errs[i] = s.sendRow(ctx, b, position, row)
		})
	}
	all.Wait()
	for _, err := range errs {
		if cause := stops(err); cause != "" {
			return nil, cause, nil
		}
	}
	return out, "", errors.Join(errs...)
}

func (s *Service) sendRow(ctx context.Context, b Bulk, position int, row planned) (rowOutcome, error) {
	o := rowOutcome{position: position, faults: row.faults}
	if len(row.faults) > 0 { // it was right when it was checked: an entry of the address book is not any more
		return o, nil
	}
	by := Submitter{By: b.confirmed.By, Sender: b.confirmed.Sender, Test: b.Test, released: b.second(b.confirmed.By)}
	m, _, err := s.Submit(ctx, by, row.sub, bulkOnce(b.ID, position))
	if faults, ok := errors.AsType[FieldErrors](err); ok {
		o.faults, err = faults, nil
	}
	o.message = m
	return o, err
}

// stops says of an error whether, and why, a batch has to wait for a person.
func stops(err error) string {
	for _, c := range []struct {
		err   error
		cause string
	}{{identity.ErrNoMandate, "no_mandate"}, {identity.ErrSuspended, "suspended"}, {identity.ErrForbidden, "no_mandate"}, {ErrUnidentified, "no_mandate"},
		{ErrSecondPerson, "second_person"}, {ErrInsufficientCredit, "credit"}, {ErrDailyCap, "daily_cap"}} {
		if errors.Is(err, c.err) {
			return c.cause
		}
	}
	return ""
}

const (
	sqlCountSent = `
UPDATE bulk SET cursor = cursor + $3, sent = sent + $4, failed = failed + $5, changed_at = $6
 WHERE id = $1 AND cursor = $2 AND state IN ('running', 'paused', 'stopping') RETURNING state`
	sqlRowsSent = `
UPDATE bulk_row r SET state = CASE WHEN n.faults IS NULL THEN 'sent' ELSE 'failed' END, message_id = n.message_id, number = n.number, faults = n.faults
  FROM unnest($2::integer[], $3::uuid[], $4::text[], $5::jsonb[]) AS n (position, message_id, number, faults)
 WHERE r.bulk_id = $1 AND r.position = n.position AND r.state = 'ready'`
)

// countSent writes down what became of rows, and reports whether to go on.
func (s *Service) countSent(ctx context.Context, b *Bulk, rows int, list []rowOutcome) (on bool, err error) {
	var positions []int
	var messages, numbers, faults []*string
	sent, failed := 0, 0
	for _, o := range list {
		positions = append(positions, o.position)
		if len(o.faults) == 0 {
			id, number := string(o.message.ID), o.message.Number
			sent, messages, numbers, faults = sent+1, append(messages, &id), append(numbers, &number), append(faults, nil)
			continue
		}
		body, err := json.Marshal(cellFaults(o.faults))
		if err != nil {
			return false, err
		}
		text := string(body)
		failed, messages, numbers, faults = failed+1, append(messages, nil), append(numbers, nil), append(faults, &text)
	}
	var state BulkState
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, sqlCountSent, string(b.ID), b.cursor, rows, sent, failed, s.Now().UTC()).Scan(&state)
		if errors.Is(err, pgx.ErrNoRows) {
			return errMoved
		}
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sqlRowsSent, string(b.ID), positions, messages, numbers, faults)
		if err == nil && int(tag.RowsAffected()) != len(list) {
			err = fmt.Errorf("delivery: %d of %d rows of batch %s counted", tag.RowsAffected(), len(list), b.ID)
		}
		return err
	})
	b.cursor += rows
	return state == BulkRunning, err
}

func (s *Service) pauseFor(ctx context.Context, b Bulk, cause string) error {
	_, err := s.Pool.Exec(ctx, `UPDATE bulk SET state = 'paused', cause = $2, changed_at = $3 WHERE id = $1 AND state = 'running'`,
		string(b.ID), cause, s.Now().UTC())
	return err
}

// stopBulk ends a batch that was cancelled. What was sent and not counted, because
// a process died, is found by its keys and counted first.
func (s *Service) stopBulk(ctx context.Context, b Bulk) error {
	var keys []string
	place := map[string]int{}
	for i := b.cursor + 1; i <= min(b.cursor+sendChunk, b.Rows); i++ {
		o := bulkOnce(b.ID, i)
		keys, place[o.Key] = append(keys, o.Key), i
	}
	rows, err := s.Pool.Query(ctx, `SELECT i.key, m.id, m.number FROM idempotency i JOIN message m ON m.id = i.ref
		WHERE i.account_id = $1 AND i.key = ANY ($2)`, b.Account, keys)
	if err != nil {
		return err
	}
	var list []rowOutcome
	var key string
	var m Message
	if _, err := pgx.ForEachRow(rows, []any{&key, &m.ID, &m.Number}, func() error {
		list = append(list, rowOutcome{position: place[key], message: m})
		return nil
	}); err != nil {
		return err
	}
	if len(list) > 0 {
		if _, err := s.countSent(ctx, &b, len(keys), list); err != nil {
			return err
		}
	}
	return s.endBulk(ctx, b, BulkStopping, BulkCancelled)
}

// endBulk ends a batch: its list can never be read again.
func (s *Service) endBulk(ctx context.Context, b Bulk, from, to BulkState) error {
	now := s.Now().UTC()
	tag, err := s.Pool.Exec(ctx, `UPDATE bulk SET state = $3, cause = '', ended_at = $4, changed_at = $4, wrapped_key = NULL WHERE id = $1 AND state = $2`,
		string(b.ID), string(from), string(to), now)
	if err == nil && tag.RowsAffected() == 1 && b.stored.Name != "" {
		s.drop(ctx, b.stored)
	}
	return err
}
