package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// MaxPage bounds a page of a list.
const MaxPage = 100

// Every read is scoped to an account: what belongs to another account is not
// found.

// Message returns a message of an account. Errors: ErrNotFound.
func (s *Service) Message(ctx context.Context, account string, id ID) (Message, error) {
	if !isID(string(id)) {
		return Message{}, ErrNotFound
	}
	m, err := scanMessage(s.Pool.QueryRow(ctx, sqlMessage+` WHERE id = $1 AND account_id = $2`, string(id), account))
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return m, err
}

const sqlMessage = `SELECT id, account_id, number, test, subject, reference, cost_centre, language, sender, sent_by, parts, policy,
       deliveries, submitted_at, retain_until, held, purged_at, contents_gone_at FROM message`

func scanMessage(row pgx.Row) (m Message, err error) {
	var purged, gone *time.Time
	err = row.Scan(&m.ID, &m.Account, &m.Number, &m.Test, &m.Subject, &m.Reference, &m.CostCentre, &m.Language, &m.Sender, &m.SentBy,
		&m.Parts, &m.Policy, &m.Deliveries, &m.SubmittedAt, &m.RetainUntil, &m.Held, &purged, &gone)
	m.SubmittedAt, m.RetainUntil = m.SubmittedAt.UTC(), m.RetainUntil.UTC()
	if purged != nil {
		m.PurgedAt = purged.UTC()
	}
	if gone != nil {
		m.ContentsGoneAt = gone.UTC()
	}
	return m, err
}

// Messages returns the messages of an account, newest first, at most limit of
// them, older than before (empty: from the newest). test restricts to live or
// test messages.
func (s *Service) Messages(ctx context.Context, account string, test bool, before ID, limit int) ([]Message, error) {
	if before == "" {
		before = ID(uuid.Max.String())
	}
	rows, err := s.Pool.Query(ctx, sqlMessage+` WHERE account_id = $1 AND test = $2 AND id < $3 ORDER BY id DESC LIMIT $4`,
		account, test, string(before), min(max(limit, 1), MaxPage))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (Message, error) { return scanMessage(r) })
}

// Delivery returns a delivery of an account. Errors: ErrNotFound.
func (s *Service) Delivery(ctx context.Context, account string, id ID) (Delivery, error) {
	if !isID(string(id)) {
		return Delivery{}, ErrNotFound
	}
	d, _, err := scanDelivery(s.Pool.QueryRow(ctx, sqlDelivery+` WHERE d.id = $1 AND d.account_id = $2`, string(id), account))
	return d, err
}

// Deliveries returns deliveries of a message of an account in order of
// position, at most limit of them, after the given position.
func (s *Service) Deliveries(ctx context.Context, account string, message ID, after, limit int) ([]Delivery, error) {
	if !isID(string(message)) {
		return nil, ErrNotFound
	}
	rows, err := s.Pool.Query(ctx, sqlDelivery+` WHERE d.message_id = $1 AND d.account_id = $2 AND d.position > $3 ORDER BY d.position LIMIT $4`,
		string(message), account, after, min(max(limit, 1), MaxRecipients))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (Delivery, error) {
		d, _, err := scanDelivery(r)
		return d, err
	})
}

// Recorded is an event with how far its evidence is. A feed does not say whether
// it waits and what it shares.
type Recorded struct {
	evidence.Event
	Hash     string    // hex
	SealedAt time.Time // zero while the evidence is being made
	Waits    bool      // it is signed and waits for a time-stamp
	Shared   bool      // its time-stamp is that of its batch, in an evidence record

	State   State // of the delivery when it was read; of a feed only
	Removed bool  // its message was removed: all but name, time, ids and hash is gone; of a feed only
}

const sqlEvents = `SELECT e.body, encode(e.hash, 'hex'), v.sealed_at, v.signed_xml IS NOT NULL OR (v.xml IS NOT NULL AND v.batch_id IS NULL),
       coalesce(NOT v.own_stamp, false) FROM erds_event e
  LEFT JOIN evidence v ON v.delivery_id = e.delivery_id AND v.seq = e.seq`

func scanRecorded(row pgx.CollectableRow) (r Recorded, err error) {
	var body string
	var sealed *time.Time
	if err = row.Scan(&body, &r.Hash, &sealed, &r.Waits, &r.Shared); err != nil {
		return r, err
	}
	if sealed != nil {
		r.SealedAt = sealed.UTC()
	}
	r.Event, err = evidence.ParseEvent([]byte(body))
	return r, err
}

// Events returns the whole timeline of a delivery of an account, oldest first.
// Errors: ErrNotFound.
func (s *Service) Events(ctx context.Context, account string, id ID) ([]Recorded, error) {
	if !isID(string(id)) {
		return nil, ErrNotFound
	}
	rows, err := s.Pool.Query(ctx, sqlEvents+` WHERE e.delivery_id = $1 AND e.account_id = $2 ORDER BY e.seq`, string(id), account)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, scanRecorded)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	return list, err
}

// Cancel withdraws every delivery of a message that nobody has decided on.
// Deliveries that are past it stay as they are. With the Once of an earlier
// call it goes on where that one stopped, and says so. Errors: ErrNotFound,
// ErrKeyReused; ErrDecided when there was nothing left to withdraw;
// identity.ErrNoMandate for a person of a company who may not send such messages.
func (s *Service) Cancel(ctx context.Context, by identity.Actor, message ID, once Once) (replayed bool, err error) {
	m, err := s.Message(ctx, by.Account, message)
	if err != nil {
		return false, err
	}
	ref, err := s.remember(ctx, by.Account, "cancel", once, ID(evidence.NewID()))
	if err != nil {
		return false, err
	}
	replayed = ref != ""
	rows, err := s.Pool.Query(ctx, `SELECT id FROM delivery WHERE message_id = $1 AND account_id = $2 AND state IN ('submitted', 'notified') ORDER BY position`,
		string(message), by.Account)
	if err != nil {
		return replayed, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return replayed, err
	}
	n := 0
	for _, id := range ids {
		err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return s.cancelOne(ctx, tx, by, m.Policy.Class, ID(id)) })
		switch {
		case err == nil:
			n++
		case !errors.Is(err, ErrDecided) && !errors.Is(err, ErrWindowClosed):
			return replayed, err
		}
	}
	if n == 0 { // unless the earlier call did it
		var done bool
		err := s.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM delivery WHERE message_id = $1 AND state = 'cancelled')`, string(message)).Scan(&done)
		if err == nil && !(replayed && done) {
			err = ErrDecided
		}
		return replayed && err == nil, err
	}
	return replayed, nil
}

// cancelOne withdraws one delivery if by may at this moment.
func (s *Service) cancelOne(ctx context.Context, tx pgx.Tx, by identity.Actor, class string, id ID) error {
	under, err := s.Identities.Authorise(ctx, tx, by, identity.PowerSend, class, s.Now())
	if err != nil {
		return err
	}
	_, err = s.moveTx(ctx, tx, id, func(d Delivery, at time.Time) (Move, error) { return d.Cancel(by, under, at) })
	return err
}

// remember claims a key for an act that may be done again without harm. It
// returns what the key stood for before, or "" when it is new or empty. Errors:
// ErrKeyReused.
func (s *Service) remember(ctx context.Context, account, kind string, once Once, ref ID) (ID, error) {
	if once.Key == "" {
		return "", nil
	}
	was, err := sameOnce(s.Pool.QueryRow(ctx, sqlClaimKey, account, once.Key, kind, once.Digest, string(ref), s.Now()), kind, once)
	if err != nil || was == ref {
		return "", err
	}
	return was, nil
}
