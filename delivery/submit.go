package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// Submission is what a sender hands over.
type Submission struct {
	Subject    string
	Body       string
	Reference  string
	CostCentre string // who bears the cost in the sender's house; recipients do not see it
	Language   string // of receipts to the sender
	Documents  []string
	Recipients []Recipient // NationalNumber as digits; it is kept as a keyed digest only
	Policy     Policy
}

// Submitter is who submits: the account and the person or key acting for it.
type Submitter struct {
	By     identity.Actor
	Sender evidence.Party
	Test   bool

	released bool // by a second person
}

// Once names an attempt to do something at most once: the caller's key, unique
// in its account, and the digest of what was asked. The zero Once is not
// remembered.
type Once struct {
	Key    string
	Digest []byte // SHA-256
	Seed   string // of a test message whose identifiers are to be the same every time
}

// Check finds what is wrong with the description of a document before there is
// one.
func (in NewDocument) Check() FieldErrors { return in.normalize() }

// chunk bounds how many deliveries are made in one round trip.
const chunk = 500

// Submit takes responsibility for a message: when it returns, message,
// deliveries, A.1 events and the jobs that follow are durable, or nothing is.
// The same Once gives the first answer again, with replayed set. Errors:
// FieldErrors, ErrKeyReused, ErrInsufficientCredit, and identity.ErrNoMandate for a person of a company
// who has no mandate to send messages of this class, or none any more.
//
// EN 319 522-1 §6.2.1 A.1
func (s *Service) Submit(ctx context.Context, by Submitter, sub Submission, once Once) (m Message, replayed bool, err error) {
	m, _, replayed, err = s.SubmitAll(ctx, by, sub, once)
	return m, replayed, err
}

// SubmitAll is Submit that also returns the deliveries as it began them, in
// order of position, so that nobody has to read them again. A replay has none:
// they have moved on.
func (s *Service) SubmitAll(ctx context.Context, by Submitter, sub Submission, once Once) (m Message, list []Delivery, replayed bool, err error) {
	sub = sub.normal()
	at, err := s.submissionTime(ctx, by, sub.Policy)
	if err != nil {
		return Message{}, nil, false, err
	}
	if faults := s.check(&sub, at); len(faults) > 0 {
		m, err = s.answered(ctx, by.By.Account, once, faults)
		return m, nil, err == nil, err
	}
	if by.By.Account == "" {
		return Message{}, nil, false, ErrUnidentified
	}
	back, err := s.admit(ctx, by, sub)
	if err != nil {
		m, err = s.answered(ctx, by.By.Account, once, err)
		return m, nil, err == nil, err
	}
	defer func() {
		if err != nil || replayed {
			back()
		}
	}()
	w := &submitting{by: by.By, sub: sub, once: once, released: by.released || by.Test, message: Message{
		ID: ID(evidence.NewID()), Account: by.By.Account, Number: newNumber(), Test: by.Test,
		Subject: sub.Subject, Reference: sub.Reference, CostCentre: sub.CostCentre, Language: sub.Language, Policy: sub.Policy,
		Sender: by.Sender, Deliveries: len(sub.Recipients),
	}}
	w.message.seeded(once)
	if m, err = s.seededBefore(ctx, w.message, once); !errors.Is(err, ErrNotFound) {
		return m, nil, err == nil, err
	}
	if w.text, err = s.sealText(w.message, sub); err != nil {
		return Message{}, nil, false, err
	}
	if err = s.write(ctx, w); errors.Is(err, errShort) {
		if err = s.afterShort(ctx, w); err == nil {
			err = s.write(ctx, w)
		}
	}
	var earlier replay
	if errors.As(err, &earlier) {
		m, err = s.Message(ctx, by.By.Account, earlier.ref)
		return m, nil, true, err
	}
	if err != nil && w.message.fixed() { // a second one at the same time
		if m, e := s.seededBefore(ctx, w.message, once); e == nil {
			return m, nil, true, nil
		}
	}
	if err != nil {
		return Message{}, nil, false, err
	}
	return w.message, w.list, false, nil
}

// submitTx writes a message in one transaction of four round trips, and two more
// for a person who acts for a company.
//
//  1. begin, and claim the key and the documents: a key that was used ends here,
//     and so does who has no mandate; one that is found cannot be withdrawn before 4
//  2. the message, its text, and for up to 500 recipients at a time their
//     events, the deliveries that stand on them, and the notices
//  3. the jobs of all these, sealing and sending, together
//  4. commit
//
// A crash before the end of 4 leaves nothing; after it, everything.
func (s *Service) submitTx(ctx context.Context, w *submitting) error {
	conn, err := s.Pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	m := &w.message
	tx, docs, ahead, err := s.claim(ctx, conn, w)
	if tx != nil {
		defer func() { _ = tx.Rollback(ctx) }() // nothing after a commit; when ctx has ended it closes the connection, which undoes as well
	}
	if err != nil {
		return err
	}
	under, err := s.Identities.Authorise(ctx, tx, w.by, identity.PowerSend, m.Policy.Class, s.Now())
	if err != nil {
		return err
	}
	m.SentBy = actingParty(w.by, m.Sender, under)
	m.Parts = append([]evidence.Part{w.text.part}, docs...)
	if m.SubmittedAt, err = s.clock(ahead, time.Time{}); err != nil {
		return err
	}
	m.RetainUntil = w.sub.Policy.retainUntil(m.SubmittedAt)
	var b pgx.Batch
	if err := queueMessages(&b, w); err != nil {
		return err
	}
	w.list = make([]Delivery, 0, len(w.sub.Recipients))
	for part := range slices.Chunk(w.sub.Recipients, chunk) {
		jobs, err := s.queueDeliveries(&b, start{w, part, len(w.list)})
		if err != nil {
			return err
		}
		if len(w.list) == len(w.sub.Recipients) {
			s.putAside(&b, w)
		}
		if err := tx.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		if _, err := s.Outbox.InsertManyTx(ctx, tx, jobs); err != nil {
			return err
		}
		b = pgx.Batch{}
	}
	return tx.Commit(ctx)
}

// textPart is the message text, encrypted, as it becomes part 0.
type textPart struct {
	id     string
	part   evidence.Part
	sealed []byte
	stored Stored
}

// messageText is the text that becomes part 0.
func messageText(sub Submission) []byte { return []byte(sub.Subject + "\n\n" + sub.Body + "\n") }

func textOf(plain []byte, sum [32]byte) evidence.Part {
	return evidence.Part{
		Name: "message.txt", MediaType: "text/plain; charset=utf-8", Size: int64(len(plain)), SHA256: hex.EncodeToString(sum[:]),
	}
}

// sealText makes the text that the recipient will read and the digest that
// binds subject and body together.
func (s *Service) sealText(m Message, sub Submission) (textPart, error) {
	plain := messageText(sub)
	sum := sha256.Sum256(plain)
	id := evidence.NewID()
	sealed, stored, err := s.Box.SealSmall(objectName(m.Account, id), plain)
	if err != nil {
		return textPart{}, fmt.Errorf("delivery: seal message text: %w", err)
	}
	return textPart{id: id, sealed: sealed, stored: stored, part: textOf(plain, sum)}, nil
}

func objectName(account, id string) string { return account + "/" + id }

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
// for m, in one round trip. The transaction is the caller's to end, after an
// error too; it is nil when it was not begun.
func (s *Service) claim(ctx context.Context, conn *pgxpool.Conn, w *submitting) (pgx.Tx, []evidence.Part, time.Duration, error) {
	m, ids, once := w.message, w.sub.Documents, w.once
	var b pgx.Batch
	b.BeginTx(pgx.TxOptions{})
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
	sent := conn.SendBatch(ctx, &b)
	tx := sent.Tx()
	if err := sent.Close(); err != nil {
		return tx, nil, 0, err
	}
	if earlier != "" && earlier != m.ID {
		return tx, nil, 0, replay{earlier}
	}
	if second {
		return tx, nil, 0, ErrSecondPerson
	}
	var faults FieldErrors
	for i, p := range parts {
		if p.SHA256 == "" {
			faults = append(faults, FieldError{Pointer: fmt.Sprintf("/documents/%d", i), Code: "document_unknown"})
		}
	}
	if len(faults) > 0 {
		return tx, nil, 0, faults
	}
	return tx, parts, time.Duration(aheadUS) * time.Microsecond, nil
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
