package delivery_test

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
)

// deepen gives a delivery what its life would leave: evidence of its first event,
// a closed and an open notice, a document and the key of its message.
func (r *rig) deepen(d delivery.Delivery) {
	r.t.Helper()
	for _, q := range []string{
		strings.NewReplacer("{d}", "'"+string(d.ID)+"'::uuid").Replace(prepared), batched, sealedNow,
		`INSERT INTO idempotency (account_id, key, kind, digest, ref, created_at)
		 SELECT account_id, 'first', 'message', sha256('x'), id, submitted_at FROM message`,
	} {
		r.exec(q)
	}
}

// fill copies a delivery, each copy a message of its own with all that hangs on
// it, n times: ids in the order of their times, states, references, cost centres
// and names as they come.
func (r *rig) fill(d delivery.Delivery, n int) {
	r.t.Helper()
	for _, q := range []string{
		`ALTER TABLE message DISABLE TRIGGER USER`, `ALTER TABLE delivery DISABLE TRIGGER USER`, `ALTER TABLE erds_event DISABLE TRIGGER USER`,
		`ALTER TABLE delivery DROP CONSTRAINT delivery_last_event, DROP CONSTRAINT delivery_content_only_identified, DROP CONSTRAINT delivery_posting_has_item`,
		`CREATE FUNCTION some_id(i integer, salt text) RETURNS uuid LANGUAGE sql IMMUTABLE AS
	$$ SELECT (lpad(to_hex(1750000000000 + i * 2000::bigint), 12, '0') || '7' || substr(md5(salt || i), 1, 3) || '8' || substr(md5(salt || i), 5, 15))::uuid $$`,
	} {
		r.exec(q)
	}
	const m, of = `some_id(i, 'm')`, `some_id(i, 'd')`
	state := `(ARRAY['notified', 'notified', 'handed_over', 'handed_over', 'handed_over', 'handed_over', 'rejected', 'expired', 'posted', 'delivered_by_post'])[1 + i % 10]`
	id := `delivery_id = '` + string(d.ID) + `'`
	r.copies("message", "id = '"+string(d.Message.ID)+"'", n, "id", m, "number", "'N' || i", "reference", "'r' || i / 20", "cost_centre", "'c' || i % 9",
		"submitted_at", "to_timestamp(1750000000 + i * 2)")
	r.copies("delivery", "id = '"+string(d.ID)+"'", n, "id", of, "message_id", m, "link_hash", "sha256(int4send(i))", "notice_code", "'C' || i", "state", state,
		"moved_at", "t.moved_at - i * interval '1 minute'", "respond_by", "t.respond_by + i * interval '1 minute'",
		"recipient", `t.recipient || jsonb_build_object('email', 'an' || i / 20 || '@example.be', 'mobile', '+3247' || i, 'family', CASE i % 3 WHEN 0 THEN 'Janssens' ELSE 'F' || i END)`)
	r.copies("erds_event", id+" AND seq = 1", n, "id", "some_id(i, 'e')", "delivery_id", of, "message_id", m)
	r.copies("evidence", id, n, "id", "some_id(i, 'e')", "delivery_id", of, "log_index", "i", "batch_pos", "i")
	r.copies("deadline", id+" AND kind = 'expire'", n, "delivery_id", of, "due_at", "t.due_at + i * interval '1 minute'", "done_at",
		"CASE WHEN i % 10 > 1 THEN t.due_at END")
	r.copies("notice", id+" AND channel = 'email'", n, "id", "some_id(i, 'n')", "delivery_id", of, "closed_at", "t.created_at", "outcome", "'sent'", "tries", "1")
	r.copies("charge", id, n, "delivery_id", of, "settled_at", "CASE WHEN i % 10 > 1 THEN now() END")
	r.copies("document", "message_id = '"+string(d.Message.ID)+"'", n, "id", "some_id(i, 'o')", "message_id", m, "object", "'o' || i")
	r.copies("idempotency", "key = 'first'", n, "key", "'k' || i", "ref", m, "created_at", "to_timestamp(1750000000 + i * 2)")
	r.exec(`ALTER TABLE message ENABLE TRIGGER USER`)
	r.exec(`ALTER TABLE delivery ENABLE TRIGGER USER`)
	r.exec(`ALTER TABLE erds_event ENABLE TRIGGER USER`)
	r.exec(`ANALYZE`)
}

// copies inserts n copies of a row of a table, with other values in some columns:
// expressions over t, the row, and i, the number of the copy.
func (r *rig) copies(table, where string, n int, other ...string) {
	r.t.Helper()
	rows, err := r.pool.Query(r.ctx(), `SELECT column_name::text FROM information_schema.columns
		WHERE table_name = $1 AND table_schema = 'public' AND is_generated = 'NEVER' ORDER BY ordinal_position`, table)
	r.must(err)
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	r.must(err)
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = "t." + c
		for k := 0; k < len(other); k += 2 {
			if other[k] == c {
				values[i] = other[k+1]
			}
		}
	}
	r.exec(fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s FROM (SELECT * FROM %s WHERE %s LIMIT 1) t, generate_series(1, %d) i`,
		table, strings.Join(columns, ", "), strings.Join(values, ", "), table, where, n))
}

// grown are the tables that hold much.
func (r *rig) grown() []string {
	r.t.Helper()
	rows, err := r.pool.Query(r.ctx(), `SELECT relname::text FROM pg_class WHERE relkind = 'r' AND reltuples >= 10000`)
	r.must(err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	r.must(err)
	return list
}
