package delivery

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// replay is not an error to callers: the key was used for the same thing.
type replay struct{ ref ID }

func (replay) Error() string { return "delivery: answered before" }

const sqlClaimKey = `
INSERT INTO idempotency (account_id, key, kind, digest, ref, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account_id, key) DO UPDATE SET key = excluded.key RETURNING kind, digest, ref`

const sqlTestClock = `SELECT coalesce((SELECT ahead_us FROM test_clock WHERE account_id = $1 AND $2), 0)`

const sqlClaimDocuments = `
UPDATE document d SET message_id = $1, position = w.position
  FROM unnest($2::uuid[]) WITH ORDINALITY AS w (id, position)
 WHERE d.id = w.id AND d.account_id = $3 AND d.message_id IS NULL AND NOT d.shared
RETURNING w.position, d.filename, d.media_type, d.size, encode(d.sha256, 'hex')`

// claim begins a transaction and takes the idempotency key and the documents
// for w, whose parts and whose actor it fills in, in one round trip. The
// transaction is the caller's to end, after an error too; it is nil when it was
// not begun. ahead is how far a test account's clock is ahead.
func (s *Service) claim(ctx context.Context, conn *pgxpool.Conn, w *submitting) (tx pgx.Tx, ahead time.Duration, err error) {
	m, ids, once := &w.message, w.sub.Documents, w.once
	var b pgx.Batch
	b.BeginTx(pgx.TxOptions{})
	b.Queue(sqlByKeys)
	var earlier ID
	if once.Key != "" {
		b.Queue(sqlClaimKey, m.Account, once.Key, "message", once.Digest, string(m.ID), s.Now()).QueryRow(func(row pgx.Row) (err error) {
			earlier, err = sameOnce(row, "message", once)
			return err
		})
	}
	var aheadUS int64
	if m.Test { // a live message has the real clock
		b.Queue(sqlTestClock, m.Account, m.Test).QueryRow(func(row pgx.Row) error { return row.Scan(&aheadUS) })
	}
	var second bool
	if !w.released {
		b.Queue(sqlSecondPerson, m.Account).QueryRow(func(row pgx.Row) error { return row.Scan(&second) })
	}
	parts := make([]evidence.Part, len(ids))
	if len(ids) > 0 {
		b.Queue(sqlClaimDocuments, string(m.ID), ids, m.Account).Query(func(rows pgx.Rows) error {
			var pos int64
			var p evidence.Part
			_, err := pgx.ForEachRow(rows, []any{&pos, &p.Name, &p.MediaType, &p.Size, &p.SHA256}, func() error {
				parts[pos-1] = p
				return nil
			})
			return err
		})
	}
	may := s.Identities.QueueAuthorise(&b, w.by, identity.PowerSend, m.Policy.Class, s.Now())
	sent := conn.SendBatch(ctx, &b)
	tx = sent.Tx()
	if err := sent.Close(); err != nil {
		return tx, 0, err
	}
	if earlier != "" && earlier != m.ID {
		return tx, 0, replay{earlier}
	}
	if second {
		return tx, 0, ErrSecondPerson
	}
	var faults FieldErrors
	for i, p := range parts {
		if p.SHA256 == "" {
			faults = append(faults, FieldError{Pointer: fmt.Sprintf("/documents/%d", i), Code: "document_unknown"})
		}
	}
	if len(faults) > 0 {
		return tx, 0, faults
	}
	under, err := may()
	if err != nil {
		return tx, 0, err
	}
	m.SentBy = actingParty(w.by, m.Sender, under)
	m.Parts = append([]evidence.Part{w.text.part}, parts...)
	return tx, time.Duration(aheadUS) * time.Microsecond, nil
}

// sameOnce reads what a key was used for and refuses another use.
func sameOnce(row pgx.Row, kind string, once Once) (ref ID, err error) {
	var was string
	var digest []byte
	if err := row.Scan(&was, &digest, &ref); err != nil {
		return "", err
	}
	if was != kind || !slices.Equal(digest, once.Digest) {
		return "", ErrKeyReused
	}
	return ref, nil
}
