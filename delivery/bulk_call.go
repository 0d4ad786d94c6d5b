package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// MaxCall is how many deliveries one call of the API submits.
const MaxCall = 10_000

// Outcome is what became of one message of a call. Position is from 1.
type Outcome struct {
	Position int
	Message  Message     // once it is submitted
	Faults   FieldErrors // why it was not
}

const sqlOpenCall = `
INSERT INTO bulk (id, account_id, test, source, once_key, name, state, created_by, created_at, changed_at)
VALUES ($1, $2, $3, 'api', $4, $5, 'running', $6, $7, $7)
ON CONFLICT (account_id, once_key) WHERE once_key IS NOT NULL
DO UPDATE SET state = 'running', ended_at = NULL, changed_at = excluded.changed_at WHERE bulk.test = excluded.test AND bulk.created_by = excluded.created_by
RETURNING id`

// OpenCall begins, or takes up again, the batch of a call of the API that has a
// key: the messages of the same key are the same ones. Errors: ErrKeyReused for a
// key of another caller or kind.
func (s *Service) OpenCall(ctx context.Context, by identity.Actor, test bool, key string) (Bulk, error) {
	var id ID
	err := s.Pool.QueryRow(ctx, sqlOpenCall, evidence.NewID(), by.Account, test, key, by.Name, by.Subject, s.Now().UTC()).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrKeyReused
	}
	if err != nil {
		return Bulk{}, err
	}
	return s.Bulk(ctx, by.Account, id)
}

const sqlCallRows = `
INSERT INTO bulk_row (bulk_id, position, line, state, message_id, number, faults)
SELECT $1, n.position, n.position, CASE WHEN n.faults IS NULL THEN 'sent' ELSE 'failed' END, n.message_id, n.number, n.faults
  FROM unnest($2::integer[], $3::uuid[], $4::text[], $5::jsonb[]) AS n (position, message_id, number, faults)
ON CONFLICT (bulk_id, position) DO UPDATE SET state = excluded.state, message_id = excluded.message_id, number = excluded.number, faults = excluded.faults
 WHERE bulk_row.state <> 'sent'`

// NoteCall writes down what became of some messages of a call. What was sent
// once stays so.
func (s *Service) NoteCall(ctx context.Context, id ID, list []Outcome) error {
	var positions []int
	var messages, numbers, faults []*string
	for _, o := range list {
		positions = append(positions, o.Position)
		if o.Message.ID != "" {
			id, number := string(o.Message.ID), o.Message.Number
			messages, numbers, faults = append(messages, &id), append(numbers, &number), append(faults, nil)
			continue
		}
		body, err := json.Marshal(pointed(o.Faults))
		if err != nil {
			return err
		}
		text := string(body)
		messages, numbers, faults = append(messages, nil), append(numbers, nil), append(faults, &text)
	}
	_, err := s.Pool.Exec(ctx, sqlCallRows, string(id), positions, messages, numbers, faults)
	return err
}

// pointed are faults with their pointers: a call has no columns.
func pointed(faults FieldErrors) []CellFault {
	out := []CellFault{}
	for _, f := range faults[:min(len(faults), 20)] {
		out = append(out, cellFault(f.Pointer, f))
	}
	return out
}

const sqlCloseCall = `
UPDATE bulk b SET state = 'done', rows = n.rows, cursor = n.rows, sent = n.sent, failed = n.rows - n.sent, checked = n.rows, ended_at = $2, changed_at = $2
  FROM (SELECT count(*) AS rows, count(*) FILTER (WHERE state = 'sent') AS sent FROM bulk_row WHERE bulk_id = $1) n
 WHERE b.id = $1 AND b.source = 'api' AND b.state = 'running'`

// CloseCall ends the batch of a call and counts what it did.
func (s *Service) CloseCall(ctx context.Context, id ID) error {
	if _, err := s.Pool.Exec(ctx, sqlCloseCall, string(id), s.Now().UTC()); err != nil {
		return fmt.Errorf("delivery: end call %s: %w", id, err)
	}
	return nil
}
