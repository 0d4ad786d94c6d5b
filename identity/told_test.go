package identity_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/identity"
)

// told is a bundle whose service tells, and sends codes: into tables of the test,
// in the transaction that it is given.
type told struct {
	*bundle
	statements *statements
	log        *lines
}

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func setupTold(t *testing.T) told {
	t.Helper()
	b := setup(t)
	for _, sql := range []string{
		`CREATE TABLE told (nr bigserial, kind text, channel text, address text, language text, account text, ref text)`,
		`CREATE TABLE sent (nr bigserial, id uuid, subject uuid, channel text, code text, at timestamptz, tries integer DEFAULT 0, used boolean DEFAULT false)`,
	} {
		if _, err := b.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	// A pool of its own, so that what a command asks the database can be compared.
	s, log := &statements{}, &lines{}
	cfg := b.pool.Config()
	cfg.ConnConfig.Tracer = s
	pool := must(pgxpool.NewWithConfig(t.Context(), cfg))(t)
	t.Cleanup(pool.Close)
	b.Service = must(identity.New(identity.Config{Pool: pool, Box: b.box, DigestKey: bytes.Repeat([]byte{2}, 32), Now: b.now, Password: cheap(),
		Teller: teller{}, Codes: codes{b.pool}, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}))(t)
	return told{b, s, log}
}

// last is the last note of a kind that was committed.
func (b told) last(kind identity.NoteKind) identity.Note {
	b.Helper()
	n := identity.Note{Kind: kind}
	err := b.pool.QueryRow(b.Context(), `SELECT channel, address, language, account, ref FROM told WHERE kind = $1 ORDER BY nr DESC LIMIT 1`, kind).
		Scan(&n.Channel, &n.To, &n.Language, &n.Account, &n.Ref)
	if err != nil {
		b.Fatalf("nobody was told %s: %v", kind, err)
	}
	return n
}

// codeTo is the last code that was really sent to an address.
func (b told) codeTo(address string) (code string) {
	b.Helper()
	err := b.pool.QueryRow(b.Context(), `
SELECT s.code FROM told t JOIN sent s ON s.id::text = t.ref WHERE t.address = $1 AND t.kind = 'contact_code' ORDER BY t.nr DESC LIMIT 1`, address).Scan(&code)
	if err != nil {
		b.Fatalf("no code for %s: %v", address, err)
	}
	return code
}

// asked are the statements that f makes.
func (b told) asked(f func()) []string {
	b.statements.take()
	f()
	return b.statements.take()
}

type teller struct{}

func (teller) Tell(ctx context.Context, tx pgx.Tx, notes ...identity.Note) error {
	for _, n := range notes {
		_, err := tx.Exec(ctx, `INSERT INTO told (kind, channel, address, language, account, ref) VALUES ($1, $2, $3, $4, $5, $6)`,
			n.Kind, n.Channel, n.To, n.Language, n.Account, n.Ref)
		if err != nil {
			return err
		}
	}
	return nil
}

// codes are six digits, good once, for ten minutes and five tries.
type codes struct{ pool *pgxpool.Pool }

func (c codes) Issue(ctx context.Context, tx pgx.Tx, subject, channel string, at time.Time) (string, error) {
	var n int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM sent WHERE subject = $1 AND channel = $2`, subject, channel).Scan(&n); err != nil {
		return "", err
	}
	if n >= 5 {
		return "", identity.ErrTooManyCodes
	}
	id := uuid.NewString()
	_, err := tx.Exec(ctx, `INSERT INTO sent (id, subject, channel, code, at) VALUES ($1, $2, $3, $4, $5)`, id, subject, channel, fmt.Sprintf("%06d", uuid.New().ID()%1000000), at)
	return id, err
}

func (c codes) Code(ctx context.Context, challenge string) (code string, until time.Time, err error) {
	err = c.pool.QueryRow(ctx, `SELECT code, at + interval '10 minutes' FROM sent WHERE id = $1`, challenge).Scan(&code, &until)
	return code, until.UTC(), err
}

func (c codes) Check(ctx context.Context, subject, channel, code string, at time.Time) error {
	var right, used bool
	var tries int
	err := c.pool.QueryRow(ctx, `
UPDATE sent s SET tries = s.tries + 1, used = s.used OR (s.code = $3 AND s.tries < 5)
  FROM (SELECT nr, used FROM sent WHERE subject = $1 AND channel = $2 ORDER BY nr DESC LIMIT 1 FOR UPDATE) l
 WHERE s.nr = l.nr AND s.at > $4 RETURNING s.code = $3, l.used, s.tries`, subject, channel, code, at.Add(-10*time.Minute)).Scan(&right, &used, &tries)
	switch {
	case err != nil || used:
		return identity.ErrCode
	case tries > 5:
		return identity.ErrTooManyCodes
	case !right:
		return identity.ErrCode
	}
	return nil
}

// statements are those that a pool sent, in order.
type statements struct {
	mu  sync.Mutex
	all []string
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, d.SQL)
	return ctx
}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *statements) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.all
	s.all = nil
	return all
}
