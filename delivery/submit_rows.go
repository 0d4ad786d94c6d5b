package delivery

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

const sqlInsertMessages = `
INSERT INTO message (id, account_id, number, test, subject, reference, cost_centre, language, sender, sent_by, parts, policy,
                     deliveries, submitted_at, retain_until)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::boolean[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[],
                     $10::jsonb[], $11::jsonb[], $12::jsonb[], $13::integer[], $14::timestamptz[], $15::timestamptz[])`

const sqlInsertTexts = `
INSERT INTO document (id, account_id, message_id, position, filename, media_type, size, sha256, object, inline, key_id, wrapped_key, created_at)
SELECT t.id, t.account_id, t.message_id, 0, t.filename, t.media_type, t.size, t.sha256, t.object, t.inline, t.key_id, t.wrapped_key, t.created_at
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bytea[], $8::text[], $9::bytea[],
              $10::text[], $11::bytea[], $12::timestamptz[])
    AS t (id, account_id, message_id, filename, media_type, size, sha256, object, inline, key_id, wrapped_key, created_at)`

// messageRows are messages as arrays, one per column of sqlInsertMessages.
type messageRows struct {
	id, account, number, subject, reference, cost, language []string
	test                                                    []bool
	sender, sentBy, parts, policy                           []string
	deliveries                                              []int
	submitted, retain                                       []time.Time
}

func (r *messageRows) add(m Message) error {
	for _, column := range []struct {
		to *[]string
		v  any
	}{{&r.sender, m.Sender}, {&r.sentBy, m.SentBy}, {&r.parts, m.Parts}, {&r.policy, m.Policy}} {
		b, err := json.Marshal(column.v)
		if err != nil {
			return err
		}
		*column.to = append(*column.to, string(b))
	}
	r.id, r.account, r.number = append(r.id, string(m.ID)), append(r.account, m.Account), append(r.number, m.Number)
	r.subject, r.reference, r.cost = append(r.subject, m.Subject), append(r.reference, m.Reference), append(r.cost, m.CostCentre)
	r.language = append(r.language, m.Language)
	r.test, r.deliveries = append(r.test, m.Test), append(r.deliveries, m.Deliveries)
	r.submitted, r.retain = append(r.submitted, m.SubmittedAt), append(r.retain, m.RetainUntil)
	return nil
}

// textRows are message texts as arrays, one per column of sqlInsertTexts.
type textRows struct {
	id, account, message, filename, media, object, key []string
	size                                               []int64
	sum, sealed, wrapped                               [][]byte
	created                                            []time.Time
}

func (r *textRows) add(m Message, t textPart) error {
	sum, err := hex.DecodeString(t.part.SHA256)
	if err != nil {
		return err
	}
	r.id, r.account, r.message = append(r.id, t.id), append(r.account, m.Account), append(r.message, string(m.ID))
	r.filename, r.media, r.size = append(r.filename, t.part.Name), append(r.media, t.part.MediaType), append(r.size, t.part.Size)
	r.sum, r.object, r.sealed = append(r.sum, sum), append(r.object, t.stored.Name), append(r.sealed, t.sealed)
	r.key, r.wrapped = append(r.key, t.stored.KeyID), append(r.wrapped, t.stored.Key)
	r.created = append(r.created, m.SubmittedAt)
	return nil
}

// queueMessages adds to b what stores messages and their texts.
func queueMessages(b *pgx.Batch, list ...*submitting) error {
	var m messageRows
	var t textRows
	for _, w := range list {
		if err := m.add(w.message); err != nil {
			return err
		}
		if err := t.add(w.message, w.text); err != nil {
			return err
		}
	}
	b.Queue(sqlInsertMessages, m.id, m.account, m.number, m.test, m.subject, m.reference, m.cost, m.language, m.sender, m.sentBy, m.parts, m.policy,
		m.deliveries, m.submitted, m.retain)
	b.Queue(sqlInsertTexts, t.id, t.account, t.message, t.filename, t.media, t.size, t.sum, t.object, t.sealed, t.key, t.wrapped, t.created)
	return nil
}

const sqlInsertDeliveries = `
INSERT INTO delivery (id, message_id, account_id, position, test, state, last_seq, last_hash, last_at, moved_at,
                      recipient, link_hash, link_nonce, notice_code)
SELECT n.id, n.message_id, n.account_id, n.position, n.test, 'submitted', 1, n.hash, n.at, n.at, n.recipient, n.link_hash, n.nonce, n.code
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::boolean[], $6::bytea[], $7::timestamptz[], $8::jsonb[], $9::bytea[],
              $10::bytea[], $11::text[])
    AS n (id, message_id, account_id, position, test, hash, at, recipient, link_hash, nonce, code)`

// deliveryRows are deliveries as arrays, one per column of sqlInsertDeliveries.
type deliveryRows struct {
	id, message, account, recipient, code []string
	position                              []int
	test                                  []bool
	hash, link, nonce                     [][]byte
	at                                    []time.Time
}

func (r *deliveryRows) add(d Delivery, link, nonce []byte) error {
	body, err := json.Marshal(d.Recipient)
	if err != nil {
		return err
	}
	m := d.Message
	r.id, r.message, r.account = append(r.id, string(d.ID)), append(r.message, string(m.ID)), append(r.account, m.Account)
	r.recipient, r.code, r.position = append(r.recipient, string(body)), append(r.code, d.NoticeCode), append(r.position, d.Position)
	r.test, r.at = append(r.test, m.Test), append(r.at, m.SubmittedAt)
	r.link, r.nonce = append(r.link, link), append(r.nonce, nonce)
	return nil
}

// start is some of the recipients of a message, the first of which is number
// first (from 0) of it.
type start struct {
	of         *submitting
	recipients []Recipient
	first      int
}

// queueDeliveries adds to b what begins the deliveries to recipients, appends
// them to those of their message, and returns the jobs that belong to them.
func (s *Service) queueDeliveries(ctx context.Context, b *pgx.Batch, starts ...start) ([]river.InsertManyParams, error) {
	var rows deliveryRows
	var events []evidence.Event
	var notices []notify.Notice
	var begun []*Delivery
	for _, st := range starts {
		from := len(st.of.list)
		for i, r := range st.recipients {
			d := s.begin(st.of.message, r, st.first+i+1)
			nonce := make([]byte, 16)
			rand.Read(nonce)
			_, link := s.link(d.ID, nonce)
			if err := rows.add(d, link, nonce); err != nil {
				return nil, err
			}
			event := d.event(evidence.SubmissionAcceptance, d.LastAt)
			event.ID, event.Seq = evidence.NewID(), 1
			events = append(events, event)
			for _, ch := range []notify.Channel{notify.Email, notify.SMS} {
				notice := d.tell(notify.Announcement, ch)
				notice.ID = evidence.NewID()
				notices = append(notices, notice)
			}
			st.of.list = append(st.of.list, d)
		}
		for i := range st.of.list[from:] {
			begun = append(begun, &st.of.list[from+i])
		}
	}
	sums, jobs, err := s.Journal.Queue(ctx, b, events...)
	if err != nil {
		return nil, err
	}
	for i := range sums {
		rows.hash = append(rows.hash, sums[i][:])
		begun[i].Hash = hex.EncodeToString(sums[i][:])
	}
	b.Queue(sqlInsertDeliveries, rows.id, rows.message, rows.account, rows.position, rows.test, rows.hash, rows.at, rows.recipient,
		rows.link, rows.nonce, rows.code)
	queueLastTries(b, begun)
	sending, err := s.Notices.Queue(b, notices...)
	return append(jobs, sending...), err
}

// queueLastTries adds to b what ends the attempts to tell recipients in time for
// the letter, where there is a date to keep.
func queueLastTries(b *pgx.Batch, begun []*Delivery) {
	var ends []saving
	for _, d := range begun {
		if at := d.Message.Policy.lastTry(); !at.IsZero() {
			ends = append(ends, saving{after: *d, set: []Deadline{{Kind: Expiry, DueAt: at}}})
		}
	}
	queueDeadlines(b, ends)
}

// begin is a delivery as its first event finds it.
func (s *Service) begin(m Message, r Recipient, position int) Delivery {
	if r.NationalNumber != "" {
		r.NationalNumber = s.Identities.NationalNumberDigest(r.NationalNumber)
	}
	d := Delivery{ID: ID(evidence.NewID()), Message: m, Position: position, Recipient: r, State: Submitted, Seq: 1,
		LastAt: m.SubmittedAt, MovedAt: m.SubmittedAt, NoticeCode: newNoticeCode()}
	if id, code, ok := m.seededDelivery(position); ok {
		d.ID, d.NoticeCode = id, code
	}
	return d
}
