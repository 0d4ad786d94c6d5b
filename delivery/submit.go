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
	if err != nil {
		return s.unheard(ctx, w, err)
	}
	return w.message, w.list, false, nil
}

// unheard is what a submission that failed is told: its error, unless the message is
// there. Its id is nobody else's: a transaction of several wrote it, the answer to its
// commit was lost, and by itself it then met its own key, documents or id.
func (s *Service) unheard(ctx context.Context, w *submitting, failed error) (m Message, list []Delivery, replayed bool, err error) {
	if w.message.fixed() { // it may be somebody else's, of a second one at the same time
		if m, err = s.seededBefore(ctx, w.message, w.once); err != nil {
			return Message{}, nil, false, failed
		}
		return m, nil, true, nil
	}
	if m, err = s.Message(ctx, w.message.Account, w.message.ID); err == nil {
		list, err = s.Deliveries(ctx, m.Account, m.ID, 0, maxSmall)
	}
	if err != nil {
		return Message{}, nil, false, failed
	}
	return m, list, false, nil
}

// submitTx writes a message in one transaction of four round trips.
//
//  1. begin, and claim the key and the documents: a key that was used ends here,
//     and so does who has no mandate; one that is found cannot be withdrawn before 4
//  2. the jobs that follow, sealing and sending, of up to 500 recipients at a time
//  3. the message, its text, and the events of these recipients, the deliveries that
//     stand on them, and the notices; with the last of them the purse, which
//     everybody else of the account waits for
//  4. soon, which lets others begin, and commit
//
// A crash before the end of 4 leaves nothing; after it, everything.
func (s *Service) submitTx(ctx context.Context, w *submitting, soon func()) error {
	conn, err := s.Pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	m := &w.message
	tx, ahead, err := s.claim(ctx, conn, w)
	if tx != nil {
		defer func() { _ = tx.Rollback(ctx) }() // nothing after a commit; when ctx has ended it closes the connection, which undoes as well
	}
	if err != nil {
		return err
	}
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
		jobs, err := s.queueDeliveries(ctx, &b, start{w, part, len(w.list)})
		if err != nil {
			return err
		}
		if len(w.list) == len(w.sub.Recipients) {
			s.putAside(&b, w)
		}
		if _, err := s.Outbox.InsertManyTx(ctx, tx, jobs); err != nil {
			return err
		}
		if err := tx.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		b = pgx.Batch{}
	}
	soon()
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
