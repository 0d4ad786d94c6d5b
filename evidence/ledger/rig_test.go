package ledger_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
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

// sealer seals, stamps and checks by leaving everything as it is; the whole
// pipeline is tested with the program. before runs ahead of each signing.
type sealer struct {
	mu     sync.Mutex
	before func(n int) error
	change func([]byte) []byte
	seen   [][]byte // every XML that was to be signed
	unfit  string   // no PDF is fit that holds it

	down   atomic.Bool  // the time-stamp authority
	stamps atomic.Int64 // asked for
	pdfs   atomic.Int64 // made
	made   evidence.Attached
}

func (s *sealer) Stamp(context.Context, []byte) ([]byte, error) {
	n := s.stamps.Add(1)
	if s.down.Load() {
		return nil, errDown
	}
	return fmt.Appendf(nil, "token%d", n), nil
}

func (s *sealer) StampXML(ctx context.Context, signed []byte) ([]byte, error) {
	token, err := s.Stamp(ctx, nil)
	if err != nil {
		return nil, err
	}
	return append(bytes.Clone(signed), "<"+string(token)+"/>"...), nil
}

func (s *sealer) CheckSigned(doc []byte) ([]byte, error) { return doc, nil }

func (s *sealer) CheckWith(doc []byte, _ evidence.Beside, t evidence.Trust) evidence.Report {
	return s.Check(doc, t)
}

func (s *sealer) SignXML(p *evidence.Prepared, _ time.Time) ([]byte, error) {
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

func (s *sealer) SealPDF(_ context.Context, _ evidence.Document, a evidence.Attached, _ time.Time) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made = a
	s.pdfs.Add(1)
	return append([]byte("%PDF "), a.XML...), nil
}

func (s *sealer) Check(doc []byte, _ evidence.Trust) evidence.Report {
	fit := s.unfit == "" || !bytes.HasPrefix(doc, []byte("%PDF ")) || !bytes.Contains(doc, []byte(s.unfit))
	return evidence.Report{Content: bytes.TrimPrefix(doc, []byte("%PDF ")), Checks: []evidence.Check{{Code: evidence.CheckFormat, OK: fit}},
		Stamps: []evidence.TokenInfo{{Time: evidencetest.At().Add(time.Second), Serial: "7"}}}
}

// plainLog keeps entries and proves nothing.
type plainLog struct{}

func (plainLog) Grow(ctx context.Context, t ledger.Tiles, last []byte, entries []ledger.Hash) ([]ledger.Tile, []byte, error) {
	var size int64
	fmt.Sscanf(string(last), "size %d\n", &size)
	grown := map[int64][]byte{}
	for i, e := range entries {
		at := (size + int64(i)) / 256
		if grown[at] == nil {
			kept, err := t.Tile(ctx, -1, at)
			if err != nil {
				return nil, nil, err
			}
			grown[at] = kept
		}
		grown[at] = append(grown[at], e[:]...)
	}
	var tiles []ledger.Tile
	for at, hashes := range grown {
		tiles = append(tiles, ledger.Tile{Level: -1, Index: at, Hashes: hashes})
	}
	return tiles, fmt.Appendf(nil, "size %d\n", size+int64(len(entries))), nil
}

func (plainLog) Prove(_ context.Context, _ ledger.Tiles, _, index int64, checkpoint []byte) ([]byte, error) {
	return fmt.Appendf(nil, "%d in %s", index, checkpoint), nil
}

func (plainLog) Consistent(_ context.Context, _ ledger.Tiles, old, _ int64) ([]ledger.Hash, error) {
	return make([]ledger.Hash, old), nil
}

func (plainLog) Check(context.Context, ledger.Tiles, int64, []byte) error { return nil }

// plainRecords writes down what it is asked.
type plainRecords struct {
	lasts time.Duration // how long a time-stamp is good; 0 for years
}

func (*plainRecords) Tree(leaves []ledger.Hash) (ledger.Tree, error) { return plainTree(leaves), nil }

type plainTree []ledger.Hash

func (t plainTree) Root() ledger.Hash {
	return sha256.Sum256(fmt.Append(nil, t))
}

func (plainTree) Record(pos int, token []byte) ([]byte, error) {
	return fmt.Appendf(nil, "record %d %s", pos, token), nil
}

func (*plainRecords) Digest(record []byte) (ledger.Hash, error) { return sha256.Sum256(record), nil }

func (*plainRecords) Renew(record []byte, _ []ledger.Hash, pos int, token []byte) ([]byte, error) {
	return fmt.Appendf(record, " renewed %d %s", pos, token), nil
}

func (p *plainRecords) Check([]byte, ledger.Hash) (at, renew time.Time, err error) {
	at = evidencetest.At().Add(2 * time.Second)
	if p.lasts > 0 {
		return at, at.Add(p.lasts), nil
	}
	return at, at.AddDate(5, 0, 0), nil
}

// rig is a ledger on a database with one message to one recipient, of which
// nothing is recorded yet. Jobs are enqueued and nobody works them.
type rig struct {
	*ledger.Ledger
	t      testing.TB
	sealer *sealer
	now    time.Time

	records plainRecords
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
		Engine:  evidence.Engine{XML: r.sealer, XMLChecker: r.sealer, PDF: r.sealer, PDFChecker: r.sealer},
		Stamper: r.sealer, Log: plainLog{}, Records: &r.records, Logger: slog.New(slog.DiscardHandler)}
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

// one is one event.
func one(delivery string, seq int) ledger.Ref {
	return ledger.Ref{Delivery: delivery, Seq: seq}
}

func (r *rig) sign(e evidence.Event) error {
	return r.Seal(r.t.Context(), one(e.Delivery, e.Seq))
}

// seal does everything to one piece.
func (r *rig) seal(e evidence.Event) error {
	if err := r.sign(e); err != nil {
		return err
	}
	if _, err := r.Batch(r.t.Context()); err != nil {
		return err
	}
	return r.Finish(r.t.Context(), one(e.Delivery, e.Seq))
}

// noCommit lets no transaction end that writes evidence, or lets them again.
func (r *rig) noCommit(on bool) {
	r.t.Helper()
	if !on {
		r.exec(`DROP FUNCTION no_commit() CASCADE`)
		return
	}
	r.exec(`CREATE FUNCTION no_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$`)
	r.exec(`CREATE CONSTRAINT TRIGGER no_commit AFTER INSERT OR UPDATE ON evidence DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION no_commit()`)
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
