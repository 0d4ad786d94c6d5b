package identity_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/migrations/pgtest"
)

// ownerColumns say whose a row is, the strongest first: of an account, or of
// something that is an account's.
func ownerColumns() []string {
	return []string{"account_id", "delivery_id", "webhook_id", "notice_id", "bulk_id", "message_id", "template_id", "application_id", "key_id", "person_id"}
}

// closedTables are behind the wall for every account: no request of one sees a row.
func closedTables() []string {
	return []string{"operator", "register_disclosure", "register_hosting", "register_incident", "register_request", "sign_up", "departure"}
}

// openTables stand before the wall, each with the reason. Every table that is in
// no place fails the test, whatever its columns are called.
func openTables() map[string]string {
	const (
		queue    = "the queue: jobs hold ids and are enqueued by every request"
		schema   = "the schema's own history"
		log      = "the public log and what is stamped in it: digests of no account"
		provider = "what a provider told us, by its own ids; only workers look"
		public   = "shown to everybody"
		errand   = "one errand of one browser, found by a secret; no account in it"
	)
	return map[string]string{
		"river_job": queue, "river_leader": queue, "river_migration": queue, "river_notification": queue, "river_queue": queue,
		"river_client": queue, "river_client_queue": queue,
		"goose_db_version": schema, "migration_file": schema,
		"evidence_batch": log, "evidence_batch_renewal": log, "evidence_renewal": log, "evidence_sealed": log, "evidence_validation": log, "log_tile": log,
		"notify_cursor": provider, "notify_receipt": provider,
		"outage": public, "public_figure": public, "watched_look": public, "watched_part": public, "register_processor": public, "retention_rule": public,
		"login": errand, "login_challenge": errand, "code_challenge": errand, "code_try": errand,
		"suppression":    "keyed digests of addresses that are not written to, whoever asks; submissions look there",
		"attempt_limit":  "counts of tries by keyed digests, of people and addresses of no account; every request may have to count",
		"invoice_number": "the last number of the year, taken by workers",
	}
}

// walls asks the catalogue for every table of ours with its owner column, and
// whether it is behind the wall.
func walls(t *testing.T, pool *pgxpool.Pool) (behind map[string]string, before []string) {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
SELECT c.relname, c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid),
       coalesce((SELECT array_agg(a.attname::text) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '{}')
  FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')`)
	if err != nil {
		t.Fatal(err)
	}
	behind = map[string]string{"account": "id", "identification": "delivery_id", "person": "id"}
	var table string
	var walled bool
	var columns []string
	_, err = pgx.ForEachRow(rows, []any{&table, &walled, &columns}, func() error {
		i := slices.IndexFunc(ownerColumns(), func(c string) bool { return slices.Contains(columns, c) })
		switch {
		case slices.Contains(closedTables(), table):
			if !walled {
				before = append(before, table)
			}
		case walled && behind[table] == "" && i < 0:
			t.Errorf("%s is behind the wall by a column this test does not know", table)
		case walled && behind[table] == "":
			behind[table] = ownerColumns()[i]
		case !walled && openTables()[table] == "":
			before = append(before, table)
		case walled && openTables()[table] != "":
			t.Errorf("%s is behind the wall; why is it an exception?", table)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return behind, before
}

// bare takes away whatever keeps rows of nothing but keys out of the tables, and
// leaves the policies.
const bare = `
DO $$
DECLARE r record;
BEGIN
    FOR r IN SELECT conrelid::regclass AS t, conname FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND contype IN ('f', 'c') LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', r.t, r.conname);
    END LOOP;
    FOR r IN SELECT conrelid::regclass AS t, conname FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND contype IN ('p', 'u') LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', r.t, r.conname);
    END LOOP;
    FOR r IN SELECT i.indexrelid::regclass AS i FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
              WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' LOOP
        EXECUTE format('DROP INDEX IF EXISTS %s', r.i);
    END LOOP;
    FOR r IN SELECT c.oid::regclass AS t, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND a.attnotnull AND NOT a.attisdropped
              WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attidentity = '' LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', r.t, r.attname);
    END LOOP;
    FOR r IN SELECT c.oid::regclass AS t FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', r.t);
    END LOOP;
END $$`

// TestWall: whatever a statement asks for, of an account's request, it sees and
// changes rows of that account only, in every table of the catalogue; and of a
// request nobody has answered for, none.
func TestWall(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, identity.Wall)
	behind, before := walls(t, pool)
	for _, table := range before {
		t.Errorf("%s says whose its rows are and is not behind the wall: SELECT wall('%[1]s') in its migration", table)
	}
	if len(behind) < 60 {
		t.Fatalf("%d tables: are these all?", len(behind))
	}
	if _, err := pool.Exec(t.Context(), bare); err != nil {
		t.Fatal(err)
	}
	a, b := uuid.NewString(), uuid.NewString()
	// One thing of each kind of each account, under the account's own number.
	for _, id := range []string{a, b} {
		for table, owner := range behind {
			columns, values := []string{owner}, []string{"$1"}
			if parent := map[string]bool{"message": true, "delivery": true, "api_key": true, "webhook": true, "notice": true, "bulk": true,
				"template": true, "application": true}[table]; parent {
				columns, values = append(columns, "id"), append(values, "$1")
			}
			if also := map[string]string{"membership": "person_id", "erds_event": "delivery_id"}[table]; also != "" {
				columns, values = append(columns, also), append(values, "$1")
			}
			sql := fmt.Sprintf(`INSERT INTO %s (%s) VALUES (%s)`, table, strings.Join(columns, ", "), strings.Join(values, ", "))
			if _, err := pool.Exec(t.Context(), sql, id); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
	}
	for table, owner := range behind {
		within, nobody := identity.Within(t.Context(), a), identity.Nobody(t.Context())
		count := func(ctx context.Context, where string) (n int) {
			t.Helper()
			if err := pool.QueryRow(ctx, `SELECT count(*) FROM `+table+where).Scan(&n); err != nil {
				t.Errorf("%s: %v", table, err)
			}
			return n
		}
		if n := count(t.Context(), ""); n != 2 {
			t.Errorf("%s: %d rows in all", table, n)
		}
		if n, others := count(within, ""), count(within, fmt.Sprintf(` WHERE %s = '%s'`, owner, b)); n != 1 || others != 0 {
			t.Errorf("%s: the account sees %d rows, %d of others", table, n, others)
		}
		if n := count(nobody, ""); n != 0 {
			t.Errorf("%s: nobody sees %d rows", table, n)
		}
		if n := count(identity.Within(t.Context(), ""), ""); n != 0 {
			t.Errorf("%s: an account without a number sees %d rows", table, n)
		}
		for what, sql := range map[string]string{
			"write a row of another": fmt.Sprintf(`INSERT INTO %s (%s) VALUES ('%s')`, table, owner, b),
			"give a row to another":  fmt.Sprintf(`UPDATE %s SET %s = '%s'`, table, owner, b),
		} {
			for who, ctx := range map[string]context.Context{"an account": within, "nobody": nobody} {
				tag, err := pool.Exec(ctx, sql)
				if e, ok := errors.AsType[*pgconn.PgError](err); (!ok || e.Code != "42501") && (err != nil || tag.RowsAffected() != 0) {
					t.Errorf("%s: %s may %s: %d rows, %v", table, who, what, tag.RowsAffected(), err)
				}
			}
		}
	}
	for _, table := range closedTables() {
		if _, err := pool.Exec(t.Context(), `INSERT INTO `+table+` DEFAULT VALUES`); err != nil {
			t.Errorf("%s: %v", table, err)
		}
		for who, ctx := range map[string]context.Context{"an account": identity.Within(t.Context(), a), "nobody": identity.Nobody(t.Context())} {
			var n int
			if err := pool.QueryRow(ctx, `SELECT count(*) FROM `+table).Scan(&n); err != nil || n != 0 {
				t.Errorf("%s: %s sees %d rows, %v", table, who, n, err)
			}
			if _, err := pool.Exec(ctx, `INSERT INTO `+table+` DEFAULT VALUES`); err == nil {
				t.Errorf("%s: %s writes", table, who)
			}
			if tag, err := pool.Exec(ctx, `DELETE FROM `+table); err != nil || tag.RowsAffected() != 0 {
				t.Errorf("%s: %s deletes %d rows, %v", table, who, tag.RowsAffected(), err)
			}
		}
	}
	for table, owner := range behind { // children first or last makes no difference: each sees its parent or nothing
		if _, err := pool.Exec(identity.Nobody(t.Context()), `DELETE FROM `+table); err != nil {
			t.Errorf("%s: %v", table, err)
		}
		if _, err := pool.Exec(identity.Within(t.Context(), a), `DELETE FROM `+table); err != nil {
			t.Errorf("%s: %v", table, err)
		}
		var n int
		if err := pool.QueryRow(t.Context(), fmt.Sprintf(`SELECT count(*) FROM %s WHERE %s = $1`, table, owner), b).Scan(&n); err != nil || n != 1 {
			t.Errorf("%s: %d rows of the other are left, %v", table, n, err)
		}
	}
}

// TestWallFollowsTheContext: a connection takes the side of whoever takes it, and a
// transaction keeps that of its beginning.
func TestWallFollowsTheContext(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, identity.Wall)
	var accounts []string
	for range 2 {
		var id string
		err := pool.QueryRow(t.Context(), `INSERT INTO account (id, kind, country, created_at) VALUES (gen_random_uuid(), 'private', 'BE', now()) RETURNING id`).Scan(&id)
		if err != nil {
			t.Fatal(err)
		}
		accounts = append(accounts, id)
	}
	seen := func(ctx context.Context, q interface {
		QueryRow(context.Context, string, ...any) pgx.Row
	}) (n int) {
		t.Helper()
		if err := q.QueryRow(ctx, `SELECT count(*) FROM account`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for range 3 { // the one connection changes sides each time
		for _, c := range []struct {
			ctx  context.Context
			want int
		}{{t.Context(), 2}, {identity.Within(t.Context(), accounts[0]), 1}, {identity.Nobody(t.Context()), 0}, {identity.Within(t.Context(), accounts[1]), 1},
			{identity.Within(t.Context(), "x' OR true"), 0}, {identity.Beyond(identity.Nobody(t.Context())), 2}} {
			if n := seen(c.ctx, pool); n != c.want {
				t.Errorf("sees %d accounts, want %d", n, c.want)
			}
		}
	}
	within := identity.Within(t.Context(), accounts[0])
	err := pgx.BeginFunc(within, pool, func(tx pgx.Tx) error {
		if n := seen(identity.Beyond(within), tx); n != 1 {
			t.Errorf("a transaction of an account sees %d", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(within, `CREATE TABLE mine (id int)`); err == nil {
		t.Error("an account makes tables")
	}
	if _, err := pool.Exec(within, `ALTER TABLE account DISABLE ROW LEVEL SECURITY`); err == nil {
		t.Error("an account takes the wall down")
	}
	if _, err := pool.Exec(within, `TRUNCATE account CASCADE`); err == nil {
		t.Error("an account empties tables")
	}
}

// BenchmarkWall measures what changing sides costs: a round trip.
func BenchmarkWall(b *testing.B) {
	pool := pgtest.New(b, identity.Wall)
	within := identity.Within(b.Context(), uuid.NewString())
	for name, sides := range map[string][]context.Context{"same": {within, within}, "changing": {within, identity.Beyond(within)}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for _, ctx := range sides {
					if _, err := pool.Exec(ctx, `SELECT 1`); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
