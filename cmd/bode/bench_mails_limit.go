package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// groupOf is how many mails share a transaction of the limit.
const groupOf = 16

// again writes the rows of registered mails once more, in groups, into copies of
// their tables with the same indexes and checks, without triggers and foreign
// keys, inside the database: what no program can beat that leaves the same rows.
type again struct{ pool *pgxpool.Pool }

// written are the tables that a mail adds rows to, and how those of some mails
// are found: $1 ids of messages, $2 of deliveries, $3 keys, $4 ids of jobs.
func written() [][2]string {
	return [][2]string{
		{"idempotency", `key = ANY ($3::text[])`},
		{"message", `id = ANY ($1::uuid[])`},
		{"document", `message_id = ANY ($1::uuid[])`},
		{"erds_event", `delivery_id = ANY ($2::uuid[])`},
		{"delivery", `id = ANY ($2::uuid[])`},
		{"notice", `delivery_id = ANY ($2::uuid[])`},
		{"river_job", `id = ANY ($4::bigint[])`},
	}
}

func (a again) open(ctx context.Context) error {
	var b strings.Builder
	b.WriteString("CREATE SCHEMA IF NOT EXISTS yard;\n")
	for _, t := range written() {
		fmt.Fprintf(&b, "CREATE TABLE yard.%s (LIKE public.%s INCLUDING ALL);\n", t[0], t[0])
	}
	_, err := a.pool.Exec(ctx, b.String())
	return err
}

// mailGroup is what belongs to some mails.
type mailGroup struct {
	messages, deliveries, keys []string
	jobs                       []int64
}

// groups reads what there is, as much as fits a measurement.
func (a again) groups(ctx context.Context) (list []mailGroup, err error) {
	var all mailGroup
	err = a.pool.QueryRow(ctx, `
SELECT array_agg(m.id::text ORDER BY m.id), array_agg(d.id::text ORDER BY m.id), array_agg(i.key ORDER BY m.id)
  FROM (SELECT id FROM message WHERE deliveries = 1 ORDER BY id DESC LIMIT 16000) m JOIN delivery d ON d.message_id = m.id JOIN idempotency i ON i.ref = m.id`).
		Scan(&all.messages, &all.deliveries, &all.keys)
	if err != nil {
		return nil, err
	}
	if err := a.pool.QueryRow(ctx, `SELECT array_agg(id) FROM (SELECT id FROM river_job ORDER BY id DESC LIMIT 48000) j`).Scan(&all.jobs); err != nil {
		return nil, err
	}
	for n := 0; n+groupOf <= len(all.messages) && 3*(n+groupOf) <= len(all.jobs); n += groupOf {
		list = append(list, mailGroup{all.messages[n : n+groupOf], all.deliveries[n : n+groupOf], all.keys[n : n+groupOf], all.jobs[3*n : 3*(n+groupOf)]})
	}
	return list, nil
}

// run writes groups with two connections, each once, for at most d.
func (a again) run(ctx context.Context, d time.Duration) (string, float64, error) {
	for _, t := range written() {
		if _, err := a.pool.Exec(ctx, "TRUNCATE yard."+t[0]); err != nil {
			return "", 0, err
		}
	}
	list, err := a.groups(ctx)
	if err != nil {
		return "", 0, err
	}
	var next, done atomic.Int64
	var errs [2]error
	var writing sync.WaitGroup
	began := time.Now()
	for w := range errs {
		writing.Go(func() {
			for time.Since(began) < d {
				n := int(next.Add(1)) - 1
				if n >= len(list) {
					return
				}
				if errs[w] = a.write(ctx, list[n]); errs[w] != nil {
					return
				}
				done.Add(groupOf)
			}
		})
	}
	writing.Wait()
	return fmt.Sprintf("%d mails", done.Load()), float64(done.Load()) / time.Since(began).Seconds(), errors.Join(errs[:]...)
}

func (a again) write(ctx context.Context, g mailGroup) error {
	return pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		var b pgx.Batch
		for _, t := range written() {
			b.Queue("INSERT INTO yard."+t[0]+" SELECT * FROM public."+t[0]+" WHERE "+renumber(t[1]), g.of(t[1]))
		}
		return tx.SendBatch(ctx, &b).Close()
	})
}

// renumber gives a condition, which has one parameter, that as its first.
func renumber(where string) string {
	i := strings.IndexByte(where, '$')
	return where[:i+1] + "1" + where[i+2:]
}

// of is the parameter of a condition.
func (g mailGroup) of(where string) any {
	return []any{g.messages, g.deliveries, g.keys, g.jobs}[where[strings.IndexByte(where, '$')+1]-'1']
}
