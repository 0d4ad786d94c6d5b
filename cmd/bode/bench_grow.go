package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// benchGrow reads deliveries out of a small database and a large one.
type benchGrow struct {
	Small   int           `help:"Deliveries in the small database." default:"1000"`
	Large   int           `help:"Deliveries in the large database." default:"1000000"`
	Clients int           `help:"Connections at the same time." default:"4"`
	Span    time.Duration `help:"Time of each measurement." default:"4s"`
	Rounds  int           `help:"Rounds; each measures both, in shuffled order." default:"7"`
}

// Run fills two databases of one server, each with its own service in front,
// and reads random deliveries by REST from both in turn.
func (c benchGrow) Run(ctx context.Context, log *slog.Logger) (err error) {
	b, err := openBench(ctx, log, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	sizes := []int{c.Small, c.Large}
	shelves := make([]*shelf, len(sizes))
	for i, n := range sizes {
		if shelves[i], err = openShelf(ctx, b, n); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, shelves[i].subject.Close()) }()
	}
	var half, tail []float64 // of each round: large / small
	for round := range c.Rounds + 1 {
		var took [2]load
		for _, i := range rand.Perm(len(shelves)) {
			if took[i], err = shelves[i].read(ctx, c.Clients, c.Span); err != nil {
				return err
			}
		}
		if round == 0 {
			continue // until everything is cached that will be
		}
		half = append(half, ratio(took[1].quantile(0.5), took[0].quantile(0.5)))
		tail = append(tail, ratio(took[1].quantile(0.99), took[0].quantile(0.99)))
		for i, l := range took {
			say("round %d  of %7d deliveries: p50 %.3f ms, p99 %.3f ms, %.0f reads/s", round, sizes[i], ms(l.quantile(0.5)), ms(l.quantile(0.99)), l.rate())
		}
	}
	middle, last := median(half), median(tail)
	say("GET /deliveries/{id} at %d over %d: p50 x %.2f (%.2f to %.2f), p99 x %.2f (%.2f to %.2f)", c.Large, c.Small,
		middle, half[0], half[len(half)-1], last, tail[0], tail[len(tail)-1])
	return nil
}

func ratio(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }

// shelf is a filled database with its service.
type shelf struct {
	subject *subject
	ids     []string // some of the deliveries, in no order
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
	s.ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return s, err
}

// What a database refuses on its way in costs nothing on its way out, so the
// guards are off while a throw-away database is filled: a row per delivery in
// three tables would otherwise fire six million triggers.
const sqlOpenGuards = `
ALTER TABLE message DISABLE TRIGGER USER;
ALTER TABLE delivery DISABLE TRIGGER USER;
ALTER TABLE erds_event DISABLE TRIGGER USER;
ALTER TABLE delivery DROP CONSTRAINT delivery_last_event, DROP CONSTRAINT delivery_message_id_fkey;
ALTER TABLE erds_event DROP CONSTRAINT erds_event_delivery_id_fkey;
ALTER TABLE message DROP CONSTRAINT message_account_id_fkey;
CREATE FUNCTION bench_id(i integer, salt text) RETURNS uuid LANGUAGE sql IMMUTABLE AS
	$$ SELECT (lpad(to_hex(1750000000000 + i * 2000::bigint), 12, '0') || '7' || substr(md5(salt || i), 1, 3) || '8' || substr(md5(salt || i), 5, 15))::uuid $$;`

// sqlFill copies the one row of each table with other keys: ids in the order of
// their times, as real ones are (RFC 9562 §5.7).
var sqlFill = []string{`
INSERT INTO message SELECT r.* FROM (SELECT m FROM message m LIMIT 1) t, generate_series($1::int, $2::int) i,
	jsonb_populate_record(t.m, jsonb_build_object('id', bench_id(i, 'm'), 'number', 'N' || i)) r`, `
INSERT INTO delivery SELECT r.* FROM (SELECT d FROM delivery d LIMIT 1) t, generate_series($1::int, $2::int) i,
	jsonb_populate_record(t.d, jsonb_build_object('id', bench_id(i, 'd'), 'message_id', bench_id(i, 'm'),
		'link_hash', sha256(int4send(i)), 'notice_code', 'C' || i)) r`, `
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

// read asks for random deliveries for some time.
func (s *shelf) read(ctx context.Context, clients int, span time.Duration) (load, error) {
	return press(ctx, s.subject.BaseURL, clients, span, 200, func(client, i int) []byte {
		return fmt.Appendf(nil, "GET /api/v1/deliveries/%s HTTP/1.1\r\nHost: bode\r\nAuthorization: Bearer %s\r\n\r\n",
			s.ids[rand.IntN(len(s.ids))], s.subject.Keys[(client+i*clients)%len(s.subject.Keys)])
	})
}
