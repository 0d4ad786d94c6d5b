package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/bode-erds/bode/evidence"
)

// Outbox puts jobs into the caller's transaction.
type Outbox interface {
	InsertManyTx(ctx context.Context, tx pgx.Tx, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error)
}

// Config is what a Ledger is made of. Pool and Issuer are required, Outbox before
// anything is recorded, Engine, Stamper, Log and Records before anything is sealed.
type Config struct {
	Pool    *pgxpool.Pool
	Outbox  Outbox
	Engine  evidence.Engine
	Issuer  evidence.Issuer
	Stamper evidence.Stamper // of batches
	Log     Log
	Records Records
	// Own says which events get a time-stamp of their own. Default
	// evidence.Name.OwnStamp.
	Own func(evidence.Name) bool
	// Trace names what goes on, for those who tell of its events later, in the form
	// of W3C Trace Context §3.2; "" for nothing. Default: nothing.
	Trace func(context.Context) string
	// Pace is how far apart batches are that are not full, whichever process closes
	// them. A tenth less is allowed, for clocks and tickers. Default 0: no pace.
	Pace time.Duration
	// Witnesses sign the checkpoints of the log. None: nobody does.
	Witnesses []Witness
	// Validator completes sealed evidence. Nil: it stays as it was issued.
	Validator Validator
	Now       func() time.Time // default time.Now
	Logger    *slog.Logger     // default slog.Default
}

// Ledger is safe for concurrent use.
type Ledger struct {
	Config
	mu       sync.Mutex
	sealedTo string // every event up to this id is sealed: Requeue need not look there again

	sealing, finishing *crew

	shelvesMu sync.Mutex
	shelves   []*shelf // of the batches asked for last
}

// New checks cfg and returns a Ledger.
func New(cfg Config) (*Ledger, error) {
	if cfg.Pool == nil {
		return nil, errors.New("ledger: Config.Pool is required")
	}
	if err := cfg.Issuer.Validate(); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if cfg.Own == nil {
		cfg.Own = evidence.Name.OwnStamp
	}
	if cfg.Trace == nil {
		cfg.Trace = func(context.Context) string { return "" }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	l := &Ledger{Config: cfg, sealedTo: "00000000-0000-0000-0000-000000000000"}
	l.sealing, l.finishing = newCrew(sealTogether, apart(l.seal)), newCrew(finishTogether, apart(l.finish))
	return l, nil
}

// The account is looked up, not joined: a join over arrays is planned anew at
// every execution, which took as long as the insert itself.
const sqlRecord = `
INSERT INTO erds_event (delivery_id, seq, id, message_id, account_id, name, at, body, prev, hash)
SELECT e.delivery_id, e.seq, e.id, e.message_id, (SELECT m.account_id FROM message m WHERE m.id = e.message_id),
       e.name, e.at, e.body, e.prev, e.hash
  FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[], $7::text[], $8::bytea[], $9::bytea[])
    AS e (delivery_id, seq, id, message_id, name, at, body, prev, hash)`

// A trace is telemetry: a second transaction that made the same row changes nothing.
const sqlTraceEvents = `
INSERT INTO event_trace (delivery_id, seq, traceparent, at)
SELECT e.delivery_id, e.seq, $3, clock_timestamp() FROM unnest($1::uuid[], $2::integer[]) AS e (delivery_id, seq)
ON CONFLICT (delivery_id, seq) DO NOTHING`

// Record writes events down, in the caller's transaction, and enqueues their
// sealing there. It is [Ledger.Queue], sent at once.
func (l *Ledger) Record(ctx context.Context, tx pgx.Tx, events ...evidence.Event) ([][32]byte, error) {
	if len(events) == 0 {
		return nil, nil
	}
	var b pgx.Batch
	hashes, jobs, err := l.Queue(ctx, &b, events...)
	if err != nil {
		return nil, err
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return nil, err
	}
	_, err = l.Outbox.InsertManyTx(ctx, tx, jobs)
	return hashes, err
}

// Queue adds to b what writes events down, and returns their hashes in order
// and the jobs that seal them. The caller sends b and enqueues the jobs in one
// transaction, and rolls it back when either fails; until it commits nothing is a fact. The
// row of each message is there or stands earlier in b, and each event must be the
// next of its delivery; the schema refuses anything else at commit.
// An event that breaks a rule of evidence is refused before it is a fact.
func (l *Ledger) Queue(ctx context.Context, b *pgx.Batch, events ...evidence.Event) (hashes [][32]byte, jobs []river.InsertManyParams, err error) {
	n := len(events)
	if n == 0 {
		return nil, nil, nil
	}
	hashes = make([][32]byte, n)
	ids, seqs, evs, messages := make([]string, n), make([]int, n), make([]string, n), make([]string, n)
	names, ats, bodies := make([]string, n), make([]time.Time, n), make([]string, n)
	prevs, sums := make([][]byte, n), make([][]byte, n)
	list := make([]Ref, n)
	for i, e := range events {
		if found := e.Lint(l.Issuer); len(found) > 0 {
			return nil, nil, &evidence.LintError{Findings: found} // what cannot be sealed must not happen
		}
		body, err := e.Encode()
		if err != nil {
			return nil, nil, err
		}
		if e.Prev != "" {
			if prevs[i], err = hex.DecodeString(e.Prev); err != nil {
				return nil, nil, err
			}
		}
		hashes[i] = evidence.Hash(body)
		ids[i], seqs[i], evs[i], messages[i] = e.Delivery, e.Seq, e.ID, e.Message
		names[i], ats[i], bodies[i], sums[i] = string(e.Name), e.At, string(body), hashes[i][:]
		list[i] = Ref{e.Delivery, e.Seq}
	}
	b.Queue(sqlRecord, ids, seqs, evs, messages, names, ats, bodies, prevs, sums).Exec(func(tag pgconn.CommandTag) error {
		if int(tag.RowsAffected()) != n {
			return fmt.Errorf("ledger: %d of %d events recorded", tag.RowsAffected(), n)
		}
		return nil
	})
	if text := l.Trace(ctx); text != "" {
		b.Queue(sqlTraceEvents, ids, seqs, text)
	}
	return hashes, sealJobs(list), nil
}
