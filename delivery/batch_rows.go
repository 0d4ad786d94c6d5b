package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// submitAllTx writes several messages as submitTx writes one, each table in one
// statement.
//
//  1. begin; claim all keys, lock all documents, look for mandates. Whose key was
//     used before, whose documents are not to be had, or who has no mandate, or
//     none any more, is dropped: by itself it gets its answer
//  2. the jobs of what is left
//  3. its documents, messages, texts, events, deliveries, notices; the keys of
//     those who were dropped are free again; and the purses, which everybody else
//     of the account waits for, last
//  4. soon, which lets others begin, and commit
//
// A crash before the end of 4 leaves nothing; after it, everything. On an error
// nothing was written, or, at the commit, nobody knows: who then goes alone
// finds its message there (unheard).
func (s *Service) submitAllTx(ctx context.Context, list []*turn, soon func()) error {
	conn, err := s.Pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx, found, err := s.claimAll(ctx, conn, list)
	if tx != nil {
		defer func() { _ = tx.Rollback(ctx) }() // nothing after a commit
	}
	if err != nil {
		return err
	}
	var b pgx.Batch
	queueUnclaim(&b, list, found)
	var kept []*submitting
	var starts []start
	for _, t := range list {
		if t.dropped {
			continue
		}
		if t.message.SubmittedAt, err = s.clock(found.ahead[t.message.Account], time.Time{}); err != nil {
			return err
		}
		t.message.RetainUntil = t.sub.Policy.retainUntil(t.message.SubmittedAt)
		kept, starts = append(kept, t.submitting), append(starts, start{t.submitting, t.sub.Recipients, 0})
	}
	if len(kept) == 0 {
		return nil // nothing but keys to give back, which the rollback does
	}
	queueBind(&b, kept)
	if err := queueMessages(&b, kept...); err != nil {
		return err
	}
	jobs, err := s.queueDeliveries(ctx, &b, starts...)
	if err != nil {
		return err
	}
	s.putAside(&b, kept...)
	if _, err := s.Outbox.InsertManyTx(ctx, tx, jobs); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return err
	}
	soon()
	return tx.Commit(ctx)
}

// sqlByKeys is for transactions whose statements all find their rows by a key. A plan
// made while a table has a page or two reads all of it; who has it keeps it until the
// table is analysed, with a table of thousands by then. And what is written here takes
// longer to plan than to run.
const sqlByKeys = `SELECT set_config('enable_seqscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)`

// A transaction of many must not stand long behind a lock of somebody else. The
// one before it holds the purses while it waits for the disk.
const sqlByKeysPatient = sqlByKeys + `, set_config('lock_timeout', '2s', true)`

// In order of their keys, so that two transactions never wait for one another.
const sqlClaimKeys = `
INSERT INTO idempotency (account_id, key, kind, digest, ref, created_at)
SELECT k.account_id, k.key, 'message', k.digest, k.ref, $5
  FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[]) AS k (account_id, key, digest, ref)
 ORDER BY k.account_id, k.key
ON CONFLICT (account_id, key) DO NOTHING RETURNING ref`

const sqlTestClocks = `SELECT account_id, ahead_us FROM test_clock WHERE account_id = ANY ($1::uuid[])`

const sqlLockDocuments = `
SELECT d.id, d.account_id, d.filename, d.media_type, d.size, encode(d.sha256, 'hex') FROM document d
 WHERE d.id = ANY ($1::uuid[]) AND d.message_id IS NULL AND NOT d.shared ORDER BY d.id FOR UPDATE`

// claimed is what a transaction of several found and holds.
type claimed struct {
	keys  map[ID]bool // messages whose key is theirs
	ahead map[string]time.Duration
	docs  map[string]heldDocument
	asks  map[string]bool // accounts that ask for a second person
}

type heldDocument struct {
	account string
	part    evidence.Part
}

// claimAll begins a transaction, claims what the submissions need, in one round
// trip, and drops those that did not get it. The transaction is the caller's to
// end; nil when it was not begun.
func (s *Service) claimAll(ctx context.Context, conn *pgxpool.Conn, list []*turn) (pgx.Tx, claimed, error) {
	found := claimed{map[ID]bool{}, map[string]time.Duration{}, map[string]heldDocument{}, map[string]bool{}}
	var b pgx.Batch
	b.BeginTx(pgx.TxOptions{})
	b.Queue(sqlByKeysPatient)
	found.queue(&b, list, s.Now())
	may := s.queueAuthorise(&b, list)
	sent := conn.SendBatch(ctx, &b)
	tx := sent.Tx()
	if err := sent.Close(); err != nil {
		return tx, found, err
	}
	for _, t := range list {
		under, err := may[t.asking()]()
		t.dropped = err != nil || t.once.Key != "" && !found.keys[t.message.ID] || !t.released && found.asks[t.message.Account]
		docs := make([]evidence.Part, 0, len(t.sub.Documents))
		for _, id := range t.sub.Documents {
			d, ok := found.docs[id]
			t.dropped = t.dropped || !ok || d.account != t.message.Account
			docs = append(docs, d.part)
		}
		if !t.dropped {
			for _, id := range t.sub.Documents {
				delete(found.docs, id) // nobody else gets it
			}
		}
		t.message.Parts = append([]evidence.Part{t.text.part}, docs...)
		t.message.SentBy = actingParty(t.by, t.message.Sender, under)
	}
	return tx, found, nil
}

func (c claimed) queue(b *pgx.Batch, list []*turn, at time.Time) {
	var accounts, keys, refs, tests, docs, live []string
	var digests [][]byte
	seen := map[[2]string]bool{}
	for _, t := range list {
		if k := [2]string{t.message.Account, t.once.Key}; t.once.Key != "" && !seen[k] { // the first of several counts
			seen[k] = true
			accounts, keys = append(accounts, t.message.Account), append(keys, t.once.Key)
			digests, refs = append(digests, t.once.Digest), append(refs, string(t.message.ID))
		}
		if t.message.Test {
			tests = append(tests, t.message.Account)
		}
		if !t.released {
			live = append(live, t.message.Account)
		}
		docs = append(docs, t.sub.Documents...)
	}
	if len(live) > 0 {
		b.Queue(`SELECT account_id FROM release_rule WHERE second_person AND account_id = ANY ($1::uuid[])`, live).Query(func(rows pgx.Rows) error {
			var account string
			_, err := pgx.ForEachRow(rows, []any{&account}, func() error { c.asks[account] = true; return nil })
			return err
		})
	}
	if len(keys) > 0 {
		b.Queue(sqlClaimKeys, accounts, keys, digests, refs, at).Query(func(rows pgx.Rows) error {
			var ref ID
			_, err := pgx.ForEachRow(rows, []any{&ref}, func() error { c.keys[ref] = true; return nil })
			return err
		})
	}
	if len(tests) > 0 {
		b.Queue(sqlTestClocks, tests).Query(func(rows pgx.Rows) error {
			var account string
			var us int64
			_, err := pgx.ForEachRow(rows, []any{&account, &us}, func() error {
				c.ahead[account] = time.Duration(us) * time.Microsecond
				return nil
			})
			return err
		})
	}
	if len(docs) > 0 {
		b.Queue(sqlLockDocuments, docs).Query(func(rows pgx.Rows) error {
			var id, account string
			var p evidence.Part
			_, err := pgx.ForEachRow(rows, []any{&id, &account, &p.Name, &p.MediaType, &p.Size, &p.SHA256}, func() error {
				c.docs[id] = heldDocument{account, p}
				return nil
			})
			return err
		})
	}
}

// asking is who wants to send messages of which class.
type asking struct{ kind, subject, account, class string }

func (t *turn) asking() asking {
	return asking{string(t.by.Kind), t.by.Subject, t.by.Account, t.message.Policy.Class}
}

// queueAuthorise adds to b the question whether they may, once for all who are
// the same.
func (s *Service) queueAuthorise(b *pgx.Batch, list []*turn) map[asking]func() (identity.Mandate, error) {
	answers := map[asking]func() (identity.Mandate, error){}
	for _, t := range list {
		if a := t.asking(); answers[a] == nil {
			answers[a] = s.Identities.QueueAuthorise(b, t.by, identity.PowerSend, a.class, s.Now())
		}
	}
	return answers
}

const sqlUnclaim = `
DELETE FROM idempotency i USING unnest($1::uuid[], $2::text[], $3::uuid[]) AS k (account_id, key, ref)
 WHERE i.account_id = k.account_id AND i.key = k.key AND i.ref = k.ref`

// queueUnclaim gives the keys of those who were dropped back.
func queueUnclaim(b *pgx.Batch, list []*turn, found claimed) {
	var accounts, keys, refs []string
	for _, t := range list {
		if t.dropped && found.keys[t.message.ID] {
			accounts, keys, refs = append(accounts, t.message.Account), append(keys, t.once.Key), append(refs, string(t.message.ID))
		}
	}
	if len(keys) > 0 {
		b.Queue(sqlUnclaim, accounts, keys, refs)
	}
}

const sqlBindDocuments = `
UPDATE document d SET message_id = w.message_id, position = w.position
  FROM unnest($1::uuid[], $2::uuid[], $3::integer[]) AS w (id, message_id, position)
 WHERE d.id = w.id AND d.message_id IS NULL`

// queueBind gives locked documents to their messages.
func queueBind(b *pgx.Batch, list []*submitting) {
	var ids, messages []string
	var positions []int
	for _, w := range list {
		for i, id := range w.sub.Documents {
			ids, messages, positions = append(ids, id), append(messages, string(w.message.ID)), append(positions, i+1)
		}
	}
	if len(ids) == 0 {
		return
	}
	b.Queue(sqlBindDocuments, ids, messages, positions).Exec(func(tag pgconn.CommandTag) error {
		if int(tag.RowsAffected()) != len(ids) {
			return fmt.Errorf("delivery: %d of %d documents bound", tag.RowsAffected(), len(ids))
		}
		return nil
	})
}
