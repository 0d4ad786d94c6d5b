package delivery

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// sqlDelivery selects a delivery with its message; callers add WHERE.
const sqlDelivery = `
SELECT d.id, d.position, d.state, d.last_seq, d.last_hash, d.last_at, d.moved_at, d.recipient, d.notice_code,
       d.email, d.sms, d.notified_at, d.respond_by, d.decided_at, d.handed_over_at, d.identified, d.received_by, d.taken, d.post, d.choices,
       m.id, m.account_id, m.number, m.test, m.subject, m.reference, m.cost_centre, m.language, m.sender, m.sent_by, m.parts, m.policy,
       m.deliveries, m.submitted_at, m.retain_until, m.held, m.purged_at, m.contents_gone_at, coalesce(c.ahead_us, 0)
  FROM delivery d
  JOIN message m ON m.id = d.message_id
  LEFT JOIN test_clock c ON d.test AND c.account_id = d.account_id`

// scanDelivery reads one row of sqlDelivery, and how far its clock is ahead.
func scanDelivery(row pgx.Row) (d Delivery, ahead time.Duration, err error) {
	var hash []byte
	var aheadUS int64
	var identified *evidence.Proof
	var notified, respond, decided, handed, purged, gone *time.Time
	m := &d.Message
	err = row.Scan(&d.ID, &d.Position, &d.State, &d.Seq, &hash, &d.LastAt, &d.MovedAt, &d.Recipient, &d.NoticeCode,
		&d.Email, &d.SMS, &notified, &respond, &decided, &handed, &identified, &d.ReceivedBy, &d.Taken, &d.Post, &d.Choices,
		&m.ID, &m.Account, &m.Number, &m.Test, &m.Subject, &m.Reference, &m.CostCentre, &m.Language, &m.Sender, &m.SentBy, &m.Parts,
		&m.Policy, &m.Deliveries, &m.SubmittedAt, &m.RetainUntil, &m.Held, &purged, &gone, &aheadUS)
	if errors.Is(err, pgx.ErrNoRows) {
		return Delivery{}, 0, ErrNotFound
	}
	if err != nil {
		return Delivery{}, 0, err
	}
	d.Hash = hex.EncodeToString(hash)
	d.Identified = identified
	for _, t := range []struct {
		from *time.Time
		to   *time.Time
	}{{notified, &d.NotifiedAt}, {respond, &d.RespondBy}, {decided, &d.DecidedAt}, {handed, &d.HandedOverAt}, {purged, &m.PurgedAt}, {gone, &m.ContentsGoneAt}} {
		if t.from != nil {
			*t.to = t.from.UTC()
		}
	}
	d.LastAt, d.MovedAt = d.LastAt.UTC(), d.MovedAt.UTC()
	m.SubmittedAt, m.RetainUntil = m.SubmittedAt.UTC(), m.RetainUntil.UTC()
	return d, time.Duration(aheadUS) * time.Microsecond, nil
}

// lock reads a delivery and holds it until the transaction ends.
func lock(ctx context.Context, tx pgx.Tx, id ID) (Delivery, time.Duration, error) {
	return scanDelivery(tx.QueryRow(ctx, sqlDelivery+` WHERE d.id = $1 FOR UPDATE OF d`, string(id)))
}
