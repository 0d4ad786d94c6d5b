package delivery

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

const sqlInsertMessage = `
INSERT INTO message (id, account_id, number, test, subject, reference, language, sender, sent_by, parts, policy,
                     deliveries, submitted_at, retain_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`

const sqlInsertText = `
INSERT INTO document (id, account_id, message_id, position, filename, media_type, size, sha256, object, inline, key_id, wrapped_key, created_at)
VALUES ($1, $2, $3, 0, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

func queueMessage(b *pgx.Batch, m Message, t textPart) error {
	b.Queue(sqlInsertMessage, string(m.ID), m.Account, m.Number, m.Test, m.Subject, m.Reference, m.Language, m.Sender,
		m.SentBy, m.Parts, m.Policy, m.Deliveries, m.SubmittedAt, m.RetainUntil)
	sum, err := hex.DecodeString(t.part.SHA256)
	if err != nil {
		return err
	}
	b.Queue(sqlInsertText, t.id, m.Account, string(m.ID), t.part.Name, t.part.MediaType, t.part.Size, sum,
		t.stored.Name, t.sealed, t.stored.KeyID, t.stored.Key, m.SubmittedAt)
	return nil
}

const sqlInsertDeliveries = `
INSERT INTO delivery (id, message_id, account_id, position, test, state, last_seq, last_hash, last_at, moved_at,
                      recipient, link_hash, link_nonce, notice_code)
SELECT n.id, $1, $2, n.position, $3, 'submitted', 1, n.hash, $4, $4, n.recipient, n.link_hash, n.nonce, n.code
  FROM unnest($5::uuid[], $6::integer[], $7::bytea[], $8::jsonb[], $9::bytea[], $10::bytea[], $11::text[])
    AS n (id, position, hash, recipient, link_hash, nonce, code)`

// queueDeliveries adds to b what begins the deliveries to recipients, the first
// of which is number first (from 0) of the message, and returns them with the
// jobs that belong to them.
func (s *Service) queueDeliveries(b *pgx.Batch, m Message, recipients []Recipient, first int) ([]Delivery, []river.InsertManyParams, error) {
	n := len(recipients)
	ids, positions, hashes := make([]string, n), make([]int, n), make([][]byte, n)
	bodies, links, nonces, codes := make([]string, n), make([][]byte, n), make([][]byte, n), make([]string, n)
	list, events, notices := make([]Delivery, n), make([]evidence.Event, n), make([]notify.Notice, 0, 2*n)
	for i, r := range recipients {
		if r.NationalNumber != "" {
			r.NationalNumber = s.Identities.NationalNumberDigest(r.NationalNumber)
		}
		body, err := json.Marshal(r)
		if err != nil {
			return nil, nil, err
		}
		d := Delivery{ID: ID(evidence.NewID()), Message: m, Position: first + i + 1, Recipient: r, State: Submitted, Seq: 1,
			LastAt: m.SubmittedAt, MovedAt: m.SubmittedAt, NoticeCode: newNoticeCode()}
		nonces[i] = make([]byte, 16)
		rand.Read(nonces[i])
		_, links[i] = s.link(d.ID, nonces[i])
		ids[i], positions[i], bodies[i], codes[i] = string(d.ID), d.Position, string(body), d.NoticeCode
		events[i] = d.event(evidence.SubmissionAcceptance, m.SubmittedAt)
		events[i].ID, events[i].Seq = evidence.NewID(), 1
		for _, ch := range []notify.Channel{notify.Email, notify.SMS} {
			notice := d.tell(notify.Announcement, ch)
			notice.ID = evidence.NewID()
			notices = append(notices, notice)
		}
		list[i] = d
	}
	sums, jobs, err := s.Journal.Queue(b, events...)
	if err != nil {
		return nil, nil, err
	}
	for i := range sums {
		hashes[i], list[i].Hash = sums[i][:], hex.EncodeToString(sums[i][:])
	}
	b.Queue(sqlInsertDeliveries, string(m.ID), m.Account, m.Test, m.SubmittedAt, ids, positions, hashes, bodies, links, nonces, codes)
	sending, err := s.Notices.Queue(b, notices...)
	return list, append(jobs, sending...), err
}
