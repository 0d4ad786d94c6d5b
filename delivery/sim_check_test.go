package delivery_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// look reads what changed and holds it against the model: no event without a
// cause, no state that its events do not give, nothing gone before its time.
func (w *world) look(ctx context.Context) error {
	rows, err := w.rig.pool.Query(ctx, `SELECT d.id::text, d.message_id::text, d.state, d.last_seq, m.held, m.purged_at IS NOT NULL FROM delivery d JOIN message m ON m.id = d.message_id ORDER BY d.id`)
	if err != nil {
		return err
	}
	type row struct {
		ID, Message, State string
		Seq                int
		Held, Purged       bool
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, r := range list {
		there[r.ID] = true
		d, err := w.known(ctx, r.ID, r.Message)
		if err != nil {
			return err
		}
		if r.Purged && !d.message.purged {
			if err := w.removable(d.message); err != nil {
				return err
			}
		}
		d.message.held, d.message.purged = r.Held, r.Purged
		if d.seq != r.Seq {
			if err := w.follow(ctx, d); err != nil {
				return fmt.Errorf("%w: delivery %s: %w", errFault, d.id, err)
			}
		}
		if d.state != r.State || d.seq != r.Seq {
			return fmt.Errorf("%w: delivery %s is %s at %d, its events say %s at %d", errFault, r.ID, r.State, r.Seq, d.state, d.seq)
		}
	}
	for _, m := range w.messages {
		if err := w.missing(m, there); err != nil {
			return err
		}
	}
	return w.heard()
}

// missing finds what was acknowledged and is not there.
func (w *world) missing(m *simMessage, there map[string]bool) error {
	if m.gone {
		return nil
	}
	n := 0
	for _, d := range m.deliveries {
		if there[d.id] {
			n++
		}
	}
	switch {
	case len(m.deliveries) == 0:
		return fmt.Errorf("%w: message %s was acknowledged and is not there", errFault, m.id)
	case n == len(m.deliveries):
		return nil
	case n > 0:
		return fmt.Errorf("%w: message %s is there in part", errFault, m.id)
	}
	if !m.purged {
		if err := w.removable(m); err != nil {
			return err
		}
	}
	if w.by(m.deliveries[0], "retain") == nil {
		return fmt.Errorf("%w: message %s is gone", errFault, m.id)
	}
	m.gone = true
	return nil
}

// removable says why a message must not go now.
func (w *world) removable(m *simMessage) error {
	switch d := m.deliveries[0]; {
	case m.held && w.by(d, "hold") == nil:
		return fmt.Errorf("%w: message %s was removed although it is held", errFault, m.id)
	case w.clock.now().Before(m.until()):
		return fmt.Errorf("%w: message %s was removed at %s, due at %s", errFault, m.id, w.clock.now(), m.until())
	case w.by(d, "retain") == nil:
		return fmt.Errorf("%w: nobody removes message %s", errFault, m.id)
	}
	return nil
}

// known is the model of a delivery, begun when it is seen first. A message that
// was stored and never acknowledged is as good as any other.
func (w *world) known(ctx context.Context, id, message string) (*simDelivery, error) {
	if d := w.deliveries[id]; d != nil {
		return d, nil
	}
	var m *simMessage
	for _, x := range w.messages {
		if x.id == message {
			m = x
		}
	}
	if m == nil {
		m = &simMessage{id: message}
		w.messages = append(w.messages, m)
	}
	if m.days == 0 || len(m.deliveries) == 0 {
		var fallback, key string
		err := w.rig.pool.QueryRow(ctx, `SELECT policy ->> 'fallback', coalesce((policy ->> 'post_at_once')::boolean, false), (policy ->> 'collect_days')::int,
			(policy ->> 'retention_months')::int, jsonb_array_length(parts), coalesce((SELECT key FROM idempotency i WHERE i.ref = m.id AND i.kind = 'message'), '')
			FROM message m WHERE id = $1`, message).Scan(&fallback, &m.atOnce, &m.days, &m.months, &m.parts, &key)
		if err != nil {
			return nil, err
		}
		m.post = fallback == "post"
		if m.key == "" {
			m.key = key
		}
	}
	d := &simDelivery{id: id, message: m, failed: map[string]bool{}, taken: map[string]bool{}}
	m.deliveries = append(m.deliveries, d)
	w.deliveries[id] = d
	return d, nil
}

// follow reads the events of a delivery that are new.
func (w *world) follow(ctx context.Context, d *simDelivery) error {
	rows, err := w.rig.pool.Query(ctx, `SELECT body, encode(hash, 'hex') FROM erds_event WHERE delivery_id = $1 AND seq > $2 ORDER BY seq`, d.id, d.seq)
	if err != nil {
		return err
	}
	var body, hash string
	_, err = pgx.ForEachRow(rows, []any{&body, &hash}, func() error {
		e, err := evidence.ParseEvent([]byte(body))
		if err != nil {
			return err
		}
		if evidence.HashHex([]byte(body)) != hash {
			return fmt.Errorf("event %d does not have its hash", e.Seq)
		}
		return w.apply(d, e, []byte(body))
	})
	return err
}

// heard is what the outside saw that must not be.
func (w *world) heard() error {
	for _, list := range [][]string{w.outside.faults, w.partner.faults} {
		if len(list) > 0 {
			return fmt.Errorf("%w: %s", errFault, strings.Join(list, "; "))
		}
	}
	return nil
}

// sqlTwice finds notices that may have gone out so many times: once, and once
// more for each attempt of which nobody knows how it ended.
const sqlTwice = `SELECT n.id::text, 1 + count(a.number) FILTER (WHERE a.in_doubt OR a.ended_at IS NULL) FROM notice n JOIN notify_attempt a ON a.notice_id = n.id GROUP BY n.id`

// audit is what must hold at any moment, and takes longer to find out.
func (w *world) audit(ctx context.Context) error {
	rows, err := w.rig.pool.Query(ctx, sqlTwice)
	if err != nil {
		return err
	}
	var id string
	var may int
	if _, err := pgx.ForEachRow(rows, []any{&id, &may}, func() error {
		if n := w.outside.did[id]; n > may {
			return fmt.Errorf("%w: notice %s went out %d times, %d at most", errFault, id, n, may)
		}
		return nil
	}); err != nil {
		return err
	}
	if faults := w.faults(); len(faults) > 0 {
		return fmt.Errorf("%w: fsck: %s", errFault, strings.Join(faults, "; "))
	}
	for id, d := range w.deliveries {
		n := w.count(`SELECT count(*) FROM notify_attempt a JOIN notice n ON n.id = a.notice_id WHERE n.delivery_id = $1 AND n.kind IN ('announcement', 'reminder') AND told_at IS NOT NULL`, id)
		if n != d.told+d.untold && !d.message.gone {
			return fmt.Errorf("%w: %d attempts of %s were told, %d are events", errFault, n, id, d.told+d.untold)
		}
	}
	for _, x := range []struct{ what, sql string }{
		{"a key stands for two messages", `SELECT count(*) FROM (SELECT subject FROM message GROUP BY subject HAVING count(*) > 1) x`},
		{"evidence of no event, or two of one", `SELECT count(*) FROM (SELECT v.delivery_id, v.seq FROM evidence v LEFT JOIN erds_event e ON e.id = v.id AND e.seq = v.seq AND e.delivery_id = v.delivery_id
			GROUP BY v.delivery_id, v.seq HAVING count(*) <> 1 OR count(e.id) <> 1) x`},
		{"an event without evidence and without a job", `SELECT count(*) FROM erds_event e WHERE NOT EXISTS (SELECT FROM evidence v WHERE v.id = e.id AND v.xml IS NOT NULL)
			AND NOT EXISTS (SELECT FROM river_job j WHERE j.kind = 'evidence_seal' AND j.finalized_at IS NULL AND coalesce(j.args -> 'others', jsonb_build_array(j.args)) @> jsonb_build_array(jsonb_build_object('delivery', e.delivery_id::text, 'seq', e.seq)))`},
		{"a waiting notice without a job", `SELECT count(*) FROM notice n WHERE closed_at IS NULL AND NOT EXISTS (SELECT FROM river_job j WHERE j.kind = 'notify_send' AND j.finalized_at IS NULL
			AND (j.args ->> 'notice_id' = n.id::text OR j.args -> 'notice_ids' ? n.id::text))`},
	} {
		var n int
		if err := w.rig.pool.QueryRow(ctx, x.sql).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%w: %s (%d)", errFault, x.what, n)
		}
	}
	return nil
}
