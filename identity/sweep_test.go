package identity_test

import "testing"

// TestSweepsAllThereIs: more than one statement may remove is gone after one call, or
// more would come in between two than goes.
func TestSweepsAllThereIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, now := t.Context(), b.now()
	counted := map[string]string{
		"access_log":    `SELECT count(*) FROM access_log WHERE action = 'swept'`,
		"attempt_limit": `SELECT count(*) FROM attempt_limit`,
	}
	for sql, n := range map[string]int{
		`INSERT INTO access_log (id, at, action, ip, language, user_agent)
			SELECT gen_random_uuid(), $1::timestamptz - interval '25 months', 'swept', '', '', '' FROM generate_series(1, $2)`: 20_001,
		`INSERT INTO access_log (id, at, action, ip, language, user_agent)
			SELECT gen_random_uuid(), $1::timestamptz, 'swept', '', '', '' FROM generate_series(1, $2)`: 1,
		`INSERT INTO attempt_limit (kind, digest, failures, last_at, blocked_until)
			SELECT 'pair', sha256(('old' || i)::bytea), 1, $1::timestamptz - interval '3 days', $1::timestamptz - interval '3 days' FROM generate_series(1, $2) AS i`: 20_001,
		`INSERT INTO attempt_limit (kind, digest, failures, last_at, blocked_until)
			SELECT 'pair', sha256('blocked'), 1, $1::timestamptz - interval '3 days', $1::timestamptz + interval '1 day' FROM generate_series(1, $2)`: 1,
	} {
		if _, err := b.pool.Exec(ctx, sql, now, n); err != nil {
			t.Fatal(err)
		}
	}
	b.want(b.Sweep(ctx), nil, "sweep")
	for table, sql := range counted {
		var n int
		if err := b.pool.QueryRow(ctx, sql).Scan(&n); err != nil || n != 1 {
			t.Errorf("%s: %d left (%v), want 1", table, n, err)
		}
	}
}
