package identity_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestAdministrationSchema tries to write what must not be.
func TestAdministrationSchema(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret := `decode(repeat('ab', 32), 'hex')`
	key := func(kind, mode, scopes, hash, expires string) string {
		return `INSERT INTO api_key (id, account_id, kind, mode, name, scopes, secret_hash, created_by, created_at, expires_at)
VALUES ('00000000-0000-7000-8000-000000000001', '{a}', '` + kind + `', '` + mode + `', 'x', '` + scopes + `', ` + hash + `, 'x', now(), ` + expires + `)`
	}
	client := key("client", "live", "{read}", "NULL", "NULL") + `; `
	certificate := func(sha, authority, subject string) string {
		return `INSERT INTO client_certificate (id, account_id, name, sha256, authority, subject, not_after, created_by, created_at)
VALUES (gen_random_uuid(), '{a}', 'x', ` + sha + `, ` + authority + `, ` + subject + `, now(), 'x', now())`
	}
	for _, c := range []struct{ constraint, sql string }{
		{"api_key_mode", key("key", "prod", "{read}", secret, "NULL")},
		{"api_key_kind", key("robot", "live", "{read}", secret, "NULL")},
		{"api_key_secret_of_key", key("client", "live", "{read}", secret, "NULL")},
		{"api_key_secret_of_key", key("key", "live", "{read}", "NULL", "NULL")},
		{"api_key_scopes", key("key", "live", "{}", secret, "NULL")},
		{"api_key_scopes", key("key", "live", "{root}", secret, "NULL")},
		{"api_key_expires_after_created", key("key", "live", "{read}", secret, "now() - interval '1 s'")},
		{"api_client_one_source", client + `INSERT INTO api_client VALUES ('00000000-0000-7000-8000-000000000001', NULL, NULL)`},
		{"api_client_one_source", client + `INSERT INTO api_client VALUES ('00000000-0000-7000-8000-000000000001', '{}', 'https://x/')`},
		{"api_client_https", client + `INSERT INTO api_client VALUES ('00000000-0000-7000-8000-000000000001', NULL, 'http://x/')`},
		{"access_token_short_lived", client + `INSERT INTO access_token VALUES (` + secret + `, '00000000-0000-7000-8000-000000000001', '{read}', NULL, now(), now() + interval '11 minutes')`},
		{"access_token_hash", client + `INSERT INTO access_token VALUES ('\x00', '00000000-0000-7000-8000-000000000001', '{read}', NULL, now(), now() + interval '1 minute')`},
		{"client_assertion_pkey", client + `INSERT INTO client_assertion SELECT '00000000-0000-7000-8000-000000000001', ` + secret + `, now() FROM generate_series(1, 2)`},
		{"client_certificate_either", certificate("NULL", "NULL", "NULL")},
		{"client_certificate_either", certificate(secret, "'\\x00'", "'CN=x'")},
		{"client_certificate_either", certificate("NULL", "'\\x00'", "NULL")},
		{"client_certificate_sha256", certificate("'\\x00'", "NULL", "NULL")},
		{"trial_address_once", `INSERT INTO trial_address SELECT gen_random_uuid(), '{a}', 'email', 'x@y', 'x', now() FROM generate_series(1, 2)`},
		{"trial_address_channel", `INSERT INTO trial_address VALUES (gen_random_uuid(), '{a}', 'post', 'x@y', 'x', now())`},
		{"daily_cap_positive", `INSERT INTO daily_cap VALUES ('{a}', 'live', 0, 'x', now())`},
		{"daily_cap_mode", `INSERT INTO daily_cap VALUES ('{a}', 'prod', 1, 'x', now())`},
		{"daily_use_positive", `INSERT INTO daily_use VALUES ('{a}', 'live', now(), -1)`},
		{"operator_act_about", `INSERT INTO operator_act (id, at, operator, act) VALUES (gen_random_uuid(), now(), 'x', 'x')`},
		{"register_processor_version", `INSERT INTO register_request VALUES (gen_random_uuid(), 0, now(), 'x', 'open', NULL, '')`},
		{"register_processor_state", `INSERT INTO register_incident VALUES (gen_random_uuid(), 1, now(), 'x', 'OPEN', NULL, '')`},
	} {
		conn, err := b.pool.Acquire(t.Context())
		b.want(err, nil, "connection")
		_, err = conn.Conn().PgConn().Exec(t.Context(), `BEGIN; `+strings.ReplaceAll(c.sql, "{a}", b.account)).ReadAll()
		if pe, ok := errors.AsType[*pgconn.PgError](err); !ok || pe.ConstraintName != c.constraint {
			t.Errorf("%s: %v\n%s", c.constraint, err, c.sql)
		}
		_, _ = conn.Conn().PgConn().Exec(t.Context(), `ROLLBACK`).ReadAll()
		conn.Release()
	}
}
