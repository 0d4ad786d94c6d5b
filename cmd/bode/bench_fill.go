package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// filling is how a database is filled: copies of what was really submitted.
type filling struct {
	recipients int  // of a message
	narrow     bool // only what lists and pages read: see sqlNarrow
}

// What a database refuses on its way in costs nothing on its way out, so the
// guards are off while a throw-away database is filled: a row per delivery in
// three tables would otherwise fire six million triggers.
const sqlOpenGuards = `
ALTER TABLE message DISABLE TRIGGER USER;
ALTER TABLE delivery DISABLE TRIGGER USER;
ALTER TABLE erds_event DISABLE TRIGGER USER;
ALTER TABLE delivery DROP CONSTRAINT delivery_last_event, DROP CONSTRAINT delivery_message_id_fkey, DROP CONSTRAINT delivery_notified_has_window,
	DROP CONSTRAINT delivery_content_only_identified, DROP CONSTRAINT delivery_posting_has_item;
ALTER TABLE erds_event DROP CONSTRAINT erds_event_delivery_id_fkey;
ALTER TABLE message DROP CONSTRAINT message_account_id_fkey;
CREATE FUNCTION bench_id(i integer, salt text) RETURNS uuid LANGUAGE sql IMMUTABLE AS
	$$ SELECT (lpad(to_hex(1750000000000 + i * 2000::bigint), 12, '0') || '7' || substr(md5(salt || i), 1, 3) || '8' || substr(md5(salt || i), 5, 15))::uuid $$;`

// sqlNarrow leaves out what no measured request reads, where ten million would
// not fit otherwise: addresses, the keys of links and notices, and all events but
// those of each hundredth delivery.
const sqlNarrow = `
UPDATE delivery SET recipient = recipient - 'address';
ALTER TABLE delivery DROP CONSTRAINT delivery_link_unique, DROP CONSTRAINT delivery_notice_code_unique;
DROP INDEX delivery_to_mobile;`

// sqlIndexes are the indexes that are made after filling, which is faster than to
// keep them: all but those that foreign keys rest on. What it gives drops one and
// makes it again.
const sqlIndexes = `
SELECT CASE WHEN c.oid IS NULL THEN format('DROP INDEX %I', i.relname) ELSE format('ALTER TABLE %I DROP CONSTRAINT %I', t.relname, c.conname) END,
       CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.oid) ELSE format('ALTER TABLE %I ADD CONSTRAINT %I %s', t.relname, c.conname, pg_get_constraintdef(c.oid)) END
  FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid LEFT JOIN pg_constraint c ON c.conindid = i.oid AND c.conrelid = t.oid
 WHERE t.relname IN ('message', 'delivery', 'erds_event') AND t.relnamespace = 'public'::regnamespace AND NOT x.indisprimary ORDER BY t.relname, i.relname`

// events is one of how many deliveries that have their event.
func (f filling) events() int {
	if f.narrow {
		return 100
	}
	return 1
}

// sqlSample reads some deliveries that have their event, in no order.
const sqlSample = `SELECT delivery_id::text FROM erds_event WHERE seq = 1 ORDER BY random() LIMIT 20000`

// fillStep is how many deliveries are made in one statement, fillers how many
// connections make them.
const (
	fillStep = 50_000
	fillers  = 3
)

// openFillers is a pool that loses what it wrote when the machine stops, and has
// memory for making indexes.
func openFillers(ctx context.Context, address string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = fillers
	maps.Copy(cfg.ConnConfig.RuntimeParams, map[string]string{"synchronous_commit": "off", "maintenance_work_mem": "256MB", "max_parallel_maintenance_workers": "0"})
	return pgxpool.NewWithConfig(ctx, cfg)
}

// fill makes n deliveries beside those that are there.
func (f filling) fill(ctx context.Context, address string, n int) error {
	pool, err := openFillers(ctx, address)
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, sqlOpenGuards); err != nil {
		return err
	}
	if f.narrow {
		if _, err := pool.Exec(ctx, sqlNarrow); err != nil {
			return err
		}
	}
	rows, err := pool.Query(ctx, sqlIndexes)
	if err != nil {
		return err
	}
	indexes, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (ddl [2]string, err error) { return ddl, r.Scan(&ddl[0], &ddl[1]) })
	if err != nil {
		return err
	}
	for _, ddl := range indexes {
		if _, err := pool.Exec(ctx, ddl[0]); err != nil {
			return err
		}
	}
	if err := f.copies(ctx, pool, n); err != nil {
		return err
	}
	if err := sideBySide(ctx, len(indexes), func(ctx context.Context, k int) error {
		_, err := pool.Exec(ctx, indexes[k][1])
		return err
	}); err != nil {
		return err
	}
	_, err = pool.Exec(ctx, `VACUUM ANALYZE message, delivery, erds_event`)
	return err
}

// copies inserts them, part by part.
func (f filling) copies(ctx context.Context, pool *pgxpool.Pool, n int) error {
	var inserts []string
	for _, c := range f.tables() {
		sql, err := c.insert(ctx, pool)
		if err != nil {
			return err
		}
		inserts = append(inserts, sql)
	}
	return sideBySide(ctx, (n+fillStep-1)/fillStep, func(ctx context.Context, k int) error {
		for _, sql := range inserts {
			if _, err := pool.Exec(ctx, sql, k*fillStep+1, min(n, (k+1)*fillStep)); err != nil {
				return err
			}
		}
		return nil
	})
}

// sideBySide does something n times, on several connections.
func sideBySide(ctx context.Context, n int, do func(ctx context.Context, k int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var all sync.WaitGroup
	for range fillers {
		all.Go(func() {
			for k := range next {
				if err := do(ctx, k); err != nil {
					cancel(err)
				}
			}
		})
	}
	for k := range n {
		next <- k
	}
	close(next)
	all.Wait()
	return context.Cause(ctx)
}

// copied is a table whose first row is copied with other values: expressions over
// t, the row, and i, the number of the delivery.
type copied struct {
	table, where string
	values       map[string]string
}

// tables are the three that hold a delivery: ids in the order of their times, as
// real ones are (RFC 9562 §5.7), in states and with references, cost centres and
// names as they come.
func (f filling) tables() []copied {
	nth := fmt.Sprintf("i / %d", f.recipients)
	message := fmt.Sprintf("bench_id(i - i %% %d, 'm')", f.recipients)
	return []copied{
		{"message", fmt.Sprintf("i %% %d = 0 OR i = 1", f.recipients), map[string]string{"id": message, "number": "'N' || (" + nth + ")", "reference": "'r' || (" + nth + ") / 20",
			"cost_centre": "'c' || (" + nth + ") % 9", "deliveries": fmt.Sprint(f.recipients), "submitted_at": "to_timestamp(1750000000 + i * 2::bigint)"}},
		{"delivery", "true", map[string]string{"id": "bench_id(i, 'd')", "message_id": message, "position": fmt.Sprintf("1 + i %% %d", f.recipients),
			"link_hash": "sha256(int4send(i))", "notice_code": "'C' || i", "respond_by": "to_timestamp(1850000000 + i * 2::bigint)",
			"state":     "(ARRAY['notified', 'notified', 'handed_over', 'handed_over', 'handed_over', 'rejected', 'expired', 'posted', 'delivered_by_post', 'cancelled'])[1 + i / 7 % 10]",
			"recipient": "t.recipient || jsonb_build_object('email', 'an' || i / 20 || '@example.be', 'family', CASE i % 3 WHEN 0 THEN 'Janssens' ELSE 'F' || i END)"}},
		{"erds_event", fmt.Sprintf("i %% %d = 0 OR i = 1", f.events()), map[string]string{"id": "bench_id(i, 'e')", "delivery_id": "bench_id(i, 'd')", "message_id": message}},
	}
}

// insert is the statement that copies the row as it is now, from $1 to $2.
func (c copied) insert(ctx context.Context, pool *pgxpool.Pool) (string, error) {
	rows, err := pool.Query(ctx, `SELECT column_name::text FROM information_schema.columns
		WHERE table_name = $1 AND table_schema = 'public' AND is_generated = 'NEVER' ORDER BY ordinal_position`, c.table)
	if err != nil {
		return "", err
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", err
	}
	values := make([]string, len(columns))
	for k, name := range columns {
		values[k] = "t." + name
		if v, ok := c.values[name]; ok {
			values[k] = v
		}
	}
	return fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s FROM (SELECT * FROM %s ORDER BY id DESC LIMIT 1) t, generate_series($1::int, $2::int) i WHERE %s`,
		c.table, strings.Join(columns, ", "), strings.Join(values, ", "), c.table, c.where), nil
}
