package main

import (
	"context"
	cryptorand "crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// shelf is a filled database with its service.
type shelf struct {
	subject *subject
	ids     []string // some of the deliveries, in no order
	cookie  string   // of somebody who is signed in
}

// openShelf makes a database with n deliveries, each like one that was really
// submitted.
func openShelf(ctx context.Context, b *bench, n int) (_ *shelf, err error) {
	name := fmt.Sprintf("of_%d", n)
	address, err := b.database(ctx, name)
	if err != nil {
		return nil, err
	}
	s := &shelf{}
	if s.subject, err = b.subject(ctx, name, address, "--keys", fmt.Sprint(benchKeyCount)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.subject.Close())
		}
	}()
	run, err := newSubmissions(s.subject, 1)
	if err != nil {
		return nil, err
	}
	if _, _, err := run.press(ctx, 0); err != nil {
		return nil, err
	}
	pool, err := openBenchPool(ctx, address)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	began := time.Now()
	if err := fill(ctx, pool, n-1); err != nil {
		return nil, err
	}
	say("filled a database with %d deliveries in %.0f s", n, time.Since(began).Seconds())
	rows, err := pool.Query(ctx, `SELECT id::text FROM delivery ORDER BY random() LIMIT 20000`)
	if err != nil {
		return nil, err
	}
	if s.ids, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, err
	}
	s.cookie, err = signedIn(ctx, pool)
	return s, err
}

// signedIn opens a session of somebody of the account that sent everything.
func signedIn(ctx context.Context, pool *pgxpool.Pool) (cookie string, err error) {
	raw := make([]byte, 32)
	cryptorand.Read(raw)
	sum := sha256.Sum256(raw)
	_, err = pool.Exec(ctx, `
INSERT INTO session (token_hash, person_id, account_id, method, created_at, proven_at, seen_at, expires_at, absolute_expires_at, ip, user_agent, language)
SELECT $1, s.person_id, s.account_id, 'password+totp', now(), now(), now(), now() + interval '1 day', now() + interval '1 day', '127.0.0.1', 'bench', 'nl'
  FROM membership s WHERE s.account_id = (SELECT account_id FROM message LIMIT 1) AND s.role = 'administrator' LIMIT 1`, sum[:])
	return "bode_session=" + base64.RawURLEncoding.EncodeToString(raw), err
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

// sqlFill copies the one row of each table with other keys: ids in the order of
// their times, as real ones are (RFC 9562 §5.7), in states and with references,
// cost centres and names as they come.
var sqlFill = []string{`
INSERT INTO message SELECT r.* FROM (SELECT m FROM message m LIMIT 1) t, generate_series($1::int, $2::int) i,
	jsonb_populate_record(t.m, jsonb_build_object('id', bench_id(i, 'm'), 'number', 'N' || i, 'reference', 'r' || i % 997, 'cost_centre', 'c' || i % 9,
		'submitted_at', to_timestamp(1750000000 + i * 2::bigint))) r`, `
INSERT INTO delivery SELECT r.* FROM (SELECT d FROM delivery d LIMIT 1) t, generate_series($1::int, $2::int) i,
	jsonb_populate_record(t.d, jsonb_build_object('id', bench_id(i, 'd'), 'message_id', bench_id(i, 'm'),
		'link_hash', sha256(int4send(i)), 'notice_code', 'C' || i,
		'state', (ARRAY['notified', 'notified', 'handed_over', 'handed_over', 'handed_over', 'rejected', 'expired', 'posted', 'delivered_by_post', 'cancelled'])[1 + i % 10],
		'respond_by', to_timestamp(1850000000 + i * 2::bigint),
		'recipient', (t.d).recipient || jsonb_build_object('email', 'an' || i % 50021 || '@example.be', 'family', CASE i % 3 WHEN 0 THEN 'Janssens' ELSE 'F' || i END))) r`, `
INSERT INTO erds_event SELECT r.* FROM (SELECT e FROM erds_event e LIMIT 1) t, generate_series($1::int, $2::int) i,
	jsonb_populate_record(t.e, jsonb_build_object('id', bench_id(i, 'e'), 'delivery_id', bench_id(i, 'd'), 'message_id', bench_id(i, 'm'))) r`}

// fillStep is how many deliveries are made in one statement.
const fillStep = 50_000

func fill(ctx context.Context, pool *pgxpool.Pool, n int) error {
	if _, err := pool.Exec(ctx, sqlOpenGuards); err != nil {
		return err
	}
	for first := 1; first <= n; first += fillStep {
		for _, q := range sqlFill {
			if _, err := pool.Exec(ctx, q, first, min(n, first+fillStep-1)); err != nil {
				return err
			}
		}
	}
	_, err := pool.Exec(ctx, `VACUUM ANALYZE message, delivery, erds_event`)
	return err
}

// read asks for some time.
func (s *shelf) read(ctx context.Context, clients int, g *growth) (load, error) {
	return press(ctx, s.subject.BaseURL, clients, g.span, 200, func(client, i int) []byte { return g.ask(s, client, clients, i) })
}

// anyDelivery is a call for a random delivery.
func (s *shelf) anyDelivery(client, clients, i int) []byte {
	return call("/deliveries/"+s.ids[rand.IntN(len(s.ids))])(s, client, clients, i)
}

// call is one of the API, with the keys in turn.
func call(path string) func(s *shelf, client, clients, i int) []byte {
	return func(s *shelf, client, clients, i int) []byte {
		return fmt.Appendf(nil, "GET /api/v1%s HTTP/1.1\r\nHost: bode\r\nAuthorization: Bearer %s\r\n\r\n", path, s.subject.Keys[(client+i*clients)%len(s.subject.Keys)])
	}
}

// visit is one of the portal. {id} is a random delivery.
func visit(path string) func(s *shelf, client, clients, i int) []byte {
	return func(s *shelf, _, _, _ int) []byte {
		return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bode\r\nCookie: %s\r\n\r\n", strings.ReplaceAll(path, "{id}", s.ids[rand.IntN(len(s.ids))]), s.cookie)
	}
}

// growingPaths are the lists and pages that must not grow with the number of
// deliveries: as they are opened, narrowed in each way, far down, and where little
// or nothing is found.
func growingPaths() []string {
	lists := []string{"", "status=waiting", "status=collected", "status=refused", "status=returned", "status=soon", "status=unreached", "reference=r7",
		"reference=r7&status=expired", "cost_centre=c3", "cost_centre=c3&status=on_paper", "recipient=janssens", "recipient=f77", "recipient=an7%40", "recipient=nobody", "number=N7"}
	paths := []string{"/overview", "/events", "/portal", "/portal/deliveries/{id}"}
	for _, q := range lists {
		paths = append(paths, "/deliveries?"+q, "/messages?"+q, "/portal/messages?"+q)
	}
	return append(paths, "/deliveries?submitted_from=2025-06-15T00:10:00Z&submitted_before=2025-06-15T15:20:00Z", "/portal/messages?from=2025-06-15&to=2025-06-15")
}
