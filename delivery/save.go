package delivery

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// saving is a delivery before and after a move, with the deadlines that the move
// sets and settles.
type saving struct {
	before, after Delivery
	set           []Deadline
	settle        []DeadlineKind
	at            time.Time
}

// save writes a move, in one round trip.
func save(ctx context.Context, tx pgx.Tx, w saving) error {
	var b pgx.Batch
	if err := queueSaves(&b, w); err != nil {
		return err
	}
	return tx.SendBatch(ctx, &b).Close()
}

const sqlSave = `
UPDATE delivery d
   SET state = n.state, last_seq = n.seq, last_hash = n.hash, last_at = n.at, moved_at = n.moved, email = n.email, sms = n.sms,
       notified_at = n.notified, respond_by = n.respond, decided_at = n.decided, handed_over_at = n.handed, identified = n.identified,
       received_by = n.received, taken = n.taken::integer[], post = n.post, choices = n.choices
  FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bytea[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::text[],
              $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::jsonb[], $14::jsonb[], $15::text[],
              $16::jsonb[], $17::jsonb[], $18::text[], $19::integer[])
    AS n (id, state, seq, hash, at, moved, email, sms, notified, respond, decided, handed, identified, received, taken, post, choices, was, stood)
 WHERE d.id = n.id AND d.state = n.was AND d.last_seq = n.stood`

// queueSaves adds to b what stores moves of different deliveries: a statement for
// the deliveries, compared with what they were, and one each for the deadlines
// that are settled and set.
func queueSaves(b *pgx.Batch, list ...saving) error {
	if len(list) == 0 {
		return nil
	}
	var r savedRows
	for _, w := range list {
		if err := r.add(w); err != nil {
			return err
		}
	}
	b.Queue(sqlSave, r.id, r.state, r.seq, r.hash, r.at, r.moved, r.email, r.sms, r.notified, r.respond, r.decided, r.handed,
		r.identified, r.received, r.taken, r.post, r.choices, r.was, r.stood).Exec(func(tag pgconn.CommandTag) error {
		if int(tag.RowsAffected()) != len(list) {
			return fmt.Errorf("delivery: %d of %d deliveries were as they had been read", tag.RowsAffected(), len(list))
		}
		return nil
	})
	queueDeadlines(b, list)
	for _, w := range list {
		queueSooner(b, w.after)
	}
	return nil
}

// sqlSooner: the look at the end finds out whether another delivery still runs.
const sqlSooner = `UPDATE message SET retain_until = $2 WHERE id = $1 AND retain_until > $2`

// queueSooner adds to b what takes back the end of a retention that was put off for
// a window (see shred) and is over sooner. That is rare: a message is seldom kept
// for less time than people have to decide.
func queueSooner(b *pgx.Batch, d Delivery) {
	if until := d.Message.Policy.retainUntil(d.lastMove()); d.Message.RetainUntil.After(until) {
		b.Queue(sqlSooner, string(d.Message.ID), until)
	}
}

// lastMove is from when a delivery is kept, as far as is known; see sqlLastMove.
func (d Delivery) lastMove() time.Time {
	if (d.State == Submitted || d.State == Notified) && d.RespondBy.After(d.MovedAt) {
		return d.RespondBy
	}
	return d.MovedAt
}

// savedRows are deliveries after a move as arrays, one per column of sqlSave.
type savedRows struct {
	id, state, email, sms, taken, was   []string
	seq, stood                          []int
	hash                                [][]byte
	at, moved                           []time.Time
	notified, respond, decided, handed  []*time.Time
	identified, received, post, choices []*string
}

func (r *savedRows) add(w saving) error {
	d := w.after
	hash, err := hex.DecodeString(d.Hash)
	if err != nil {
		return err
	}
	for _, column := range []struct {
		to   *[]*string
		v    any
		none bool
	}{{&r.identified, d.Identified, d.Identified == nil}, {&r.received, d.ReceivedBy, d.ReceivedBy == nil}, {&r.post, d.Post, d.Post == nil},
		{&r.choices, d.Choices, false}} {
		var text *string
		if !column.none {
			b, err := json.Marshal(column.v)
			if err != nil {
				return err
			}
			text = new(string)
			*text = string(b)
		}
		*column.to = append(*column.to, text)
	}
	r.id, r.state, r.was = append(r.id, string(d.ID)), append(r.state, string(d.State)), append(r.was, string(w.before.State))
	r.seq, r.stood, r.hash = append(r.seq, d.Seq), append(r.stood, w.before.Seq), append(r.hash, hash)
	r.at, r.moved = append(r.at, d.LastAt), append(r.moved, d.MovedAt)
	r.email, r.sms, r.taken = append(r.email, string(d.Email)), append(r.sms, string(d.SMS)), append(r.taken, arrayText(d.Taken))
	r.notified, r.respond = append(r.notified, null(d.NotifiedAt)), append(r.respond, null(d.RespondBy))
	r.decided, r.handed = append(r.decided, null(d.DecidedAt)), append(r.handed, null(d.HandedOverAt))
	return nil
}

// arrayText writes numbers as PostgreSQL reads an array: unnest cannot carry
// arrays of different lengths.
func arrayText(list []int) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.Itoa(n)
	}
	return "{" + strings.Join(words, ",") + "}"
}

const sqlSetDeadlines = `
INSERT INTO deadline (delivery_id, kind, account_id, test, due_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::boolean[], $5::timestamptz[])
ON CONFLICT (delivery_id, kind) DO UPDATE SET due_at = excluded.due_at, done_at = NULL`

const sqlSettle = `
UPDATE deadline l SET done_at = s.at FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS s (delivery_id, kind, at)
 WHERE l.delivery_id = s.delivery_id AND l.kind = s.kind AND l.done_at IS NULL`

// queueDeadlines adds to b what settles and sets the deadlines of moves.
func queueDeadlines(b *pgx.Batch, list []saving) {
	var settled struct {
		id, kind []string
		at       []time.Time
	}
	var set struct {
		id, kind, account []string
		test              []bool
		due               []time.Time
	}
	for _, w := range list {
		id := string(w.after.ID)
		for _, kind := range w.settle {
			settled.id, settled.kind, settled.at = append(settled.id, id), append(settled.kind, string(kind)), append(settled.at, w.at)
		}
		for _, d := range w.set {
			set.id, set.kind, set.account = append(set.id, id), append(set.kind, string(d.Kind)), append(set.account, w.after.Message.Account)
			set.test, set.due = append(set.test, w.after.Message.Test), append(set.due, d.DueAt)
		}
	}
	if len(settled.id) > 0 {
		b.Queue(sqlSettle, settled.id, settled.kind, settled.at)
	}
	if len(set.id) > 0 {
		b.Queue(sqlSetDeadlines, set.id, set.kind, set.account, set.test, set.due)
	}
}

// one demands that a statement touched exactly one row.
func one(tag pgconn.CommandTag) error {
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("delivery: %d rows touched where one was expected", tag.RowsAffected())
	}
	return nil
}

// null makes the zero time NULL.
func null(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
