package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/ledger"
	"github.com/bode-erds/bode/migrations/pgtest"
)

const (
	account = "0193aa00-0000-7000-8000-0000000000aa"
	other   = "0193aa00-0000-7000-8000-0000000000ab"
)

// sealer seals and checks by leaving everything as it is; the whole pipeline is
// tested with the program. before runs ahead of each sealing.
type sealer struct {
	mu     sync.Mutex
	before func(n int) error
	change func([]byte) []byte
	seen   [][]byte // every XML that was to be sealed
}

func (s *sealer) SealXML(_ context.Context, p *evidence.Prepared, _ time.Time) ([]byte, error) {
	s.mu.Lock()
	s.seen = append(s.seen, p.XML())
	n, before := len(s.seen), s.before
	s.mu.Unlock()
	if before != nil {
		if err := before(n); err != nil {
			return nil, err
		}
	}
	if s.change != nil {
		return s.change(p.XML()), nil
	}
	return p.XML(), nil
}

func (s *sealer) SealPDF(_ context.Context, _ evidence.Document, xml []byte, _ time.Time) ([]byte, error) {
	return append([]byte("%PDF "), xml...), nil
}

func (s *sealer) Check(doc []byte, _ evidence.Trust) evidence.Report {
	return evidence.Report{Content: bytes.TrimPrefix(doc, []byte("%PDF ")), Checks: []evidence.Check{{Code: evidence.CheckFormat, OK: true}},
		Stamps: []evidence.TokenInfo{{Time: evidencetest.At().Add(time.Second), Serial: "7"}}}
}

// rig is a ledger on a database with one message to one recipient, of which
// nothing is recorded yet. Jobs are enqueued and nobody works them.
type rig struct {
	*ledger.Ledger
	t      testing.TB
	sealer *sealer
	now    time.Time
}

func newRig(t testing.TB, change ...func(*ledger.Config)) *rig {
	t.Helper()
	pool := pgtest.New(t)
	r := &rig{t: t, sealer: &sealer{}, now: evidencetest.At().Add(time.Minute)}
	for _, id := range []string{account, other} {
		exec(t, pool, `INSERT INTO account (id, kind, name, country, created_at) VALUES ($1, 'company', 'Immo', 'BE', $2)`, id, r.now)
	}
	e := evidencetest.Event(evidence.SubmissionAcceptance)
	exec(t, pool, `INSERT INTO message (id, account_id, number, test, subject, language, sender, sent_by, parts, policy, deliveries, submitted_at, retain_until)
		VALUES ($1, $2, $3, false, 'x', 'nl', '{}', '{}', '[]', '{}', 1, $4, $4)`, e.Message, account, e.Number, e.At)
	r.Ledger = r.ledger(pool, change...)
	return r
}

// ledger is one more process on the same database.
func (r *rig) ledger(pool *pgxpool.Pool, change ...func(*ledger.Config)) *ledger.Ledger {
	r.t.Helper()
	jobs, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
	r.must(err)
	cfg := ledger.Config{Pool: pool, Outbox: jobs, Issuer: evidencetest.Issuer(), Now: func() time.Time { return r.now },
		Engine: evidence.Engine{XML: r.sealer, XMLChecker: r.sealer, PDF: r.sealer, PDFChecker: r.sealer}, Log: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&cfg)
	}
	l, err := ledger.New(cfg)
	r.must(err)
	return l
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func exec(t testing.TB, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) exec(sql string, args ...any) { r.t.Helper(); exec(r.t, r.Pool, sql, args...) }

func (r *rig) count(sql string, args ...any) (n int) {
	r.t.Helper()
	r.must(r.Pool.QueryRow(r.t.Context(), sql, args...).Scan(&n))
	return n
}

// chain is a history of n events of the delivery.
func chain(n int) []evidence.Event {
	names := []evidence.Name{evidence.SubmissionAcceptance, evidence.NotificationForAcceptance, evidence.NotificationAccessTracking}
	var list []evidence.Event
	var prev string
	for i := range n {
		e := evidencetest.Event(names[min(i, len(names)-1)])
		e.Seq, e.Prev, e.ID = i+1, prev, evidence.NewID()
		body, err := e.Encode()
		if err != nil {
			panic(err)
		}
		prev = evidence.HashHex(body)
		list = append(list, e)
	}
	return list
}

// record writes events down and lets the delivery stand on the last of them.
func (r *rig) record(events ...evidence.Event) error {
	r.t.Helper()
	return pgx.BeginFunc(r.t.Context(), r.Pool, func(tx pgx.Tx) error {
		hashes, err := r.Record(r.t.Context(), tx, events...)
		if err != nil {
			return err
		}
		e := events[len(events)-1]
		return r.stand(tx, e, hashes[len(hashes)-1])
	})
}

// stand lets the delivery of e stand on it.
func (r *rig) stand(tx pgx.Tx, e evidence.Event, hash [32]byte) error {
	_, err := tx.Exec(r.t.Context(), `INSERT INTO delivery (id, message_id, account_id, position, test, state, last_seq, last_hash, last_at, moved_at,
		recipient, link_hash, link_nonce, notice_code)
		VALUES ($1, $2, $3, 1, false, 'submitted', $4, $5, $6, $6, '{}', sha256('x'), 'x', 'x')
		ON CONFLICT (id) DO UPDATE SET last_seq = excluded.last_seq, last_hash = excluded.last_hash`,
		e.Delivery, e.Message, account, e.Seq, hash[:], e.At)
	return err
}

// recorded is a history of n events in the database.
func (r *rig) recorded(n int) []evidence.Event {
	r.t.Helper()
	list := chain(n)
	r.must(r.record(list...))
	return list
}

func (r *rig) seal(e evidence.Event) error {
	return r.Seal(r.t.Context(), e.Delivery, e.Seq, nil)
}

// purge removes the message with all that hangs on it.
func (r *rig) purge(e evidence.Event) {
	r.t.Helper()
	for _, q := range []string{`UPDATE message SET purged_at = retain_until WHERE id = $1`,
		`DELETE FROM evidence WHERE delivery_id IN (SELECT id FROM delivery WHERE message_id = $1)`} {
		r.exec(q, e.Message)
	}
	r.must(pgx.BeginFunc(r.t.Context(), r.Pool, func(tx pgx.Tx) error {
		for _, q := range []string{`DELETE FROM erds_event WHERE message_id = $1`, `DELETE FROM delivery WHERE message_id = $1`,
			`DELETE FROM message WHERE id = $1`} {
			if _, err := tx.Exec(r.t.Context(), q, e.Message); err != nil {
				return err
			}
		}
		return nil
	}))
}

// constraint asserts that PostgreSQL refused, and by which rule.
func constraint(t *testing.T, err error, want string) {
	t.Helper()
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.ConstraintName != want {
		t.Errorf("got %v, want a breach of %s", err, want)
	}
}
