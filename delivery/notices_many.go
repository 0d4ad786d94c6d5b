package delivery

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

const sqlNonces = `SELECT id, link_nonce FROM delivery WHERE id = ANY ($1::uuid[])`

// NoticesFacts is NoticeFacts for many notices, which reads all deliveries at
// once. It implements notify.BatchSource.
func (s *Service) NoticesFacts(ctx context.Context, all []notify.Notice) ([]notify.Facts, []error) {
	facts, errs := make([]notify.Facts, len(all)), make([]error, len(all))
	ids := make([]string, len(all))
	for i, n := range all {
		ids[i] = n.Delivery
	}
	found, err := s.loadMany(ctx, s.Pool, ids, "")
	nonces := make(map[ID][]byte, len(all))
	if err == nil {
		var id ID
		var nonce []byte
		var rows pgx.Rows
		if rows, err = s.Pool.Query(ctx, sqlNonces, ids); err == nil {
			_, err = pgx.ForEachRow(rows, []any{&id, &nonce}, func() error { nonces[id] = append([]byte(nil), nonce...); return nil })
		}
	}
	for i, n := range all {
		d, there := found[ID(n.Delivery)]
		switch {
		case err != nil:
			errs[i] = err
		case !there:
			errs[i] = notify.ErrStale
		default:
			facts[i], errs[i] = s.factsOf(ctx, n, d.Delivery, d.ahead, nonces[d.ID])
		}
	}
	return facts, errs
}

// read is a delivery as it was read, and how far its clock is ahead.
type read struct {
	Delivery
	ahead time.Duration
}

// loadMany reads deliveries in the order of their ids; lock is "" or a locking
// clause.
func (s *Service) loadMany(ctx context.Context, db interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, ids []string, lock string) (map[ID]read, error) {
	rows, err := db.Query(ctx, sqlDelivery+` WHERE d.id = ANY ($1::uuid[]) ORDER BY d.id`+lock, ids)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r read, err error) {
		r.Delivery, r.ahead, err = scanDelivery(row)
		return r, err
	})
	if err != nil {
		return nil, err
	}
	found := make(map[ID]read, len(list))
	for _, r := range list {
		found[r.ID] = r
	}
	return found, nil
}

// NoticesAttempted is NoticeAttempted for many attempts, in few round trips. It
// implements notify.BatchSink.
func (s *Service) NoticesAttempted(ctx context.Context, tx pgx.Tx, all []notify.Finished) error {
	for len(all) > 0 { // a delivery that is told on two channels moves twice, one after the other
		var now, later []notify.Finished
		moved := make(map[string]bool, len(all))
		for _, f := range all {
			switch {
			case f.Notice.Kind != notify.Announcement && f.Notice.Kind != notify.Reminder: // no ETSI event
			case moved[f.Notice.Delivery]:
				later = append(later, f)
			default:
				moved[f.Notice.Delivery] = true
				now = append(now, f)
			}
		}
		if err := s.attempted(ctx, tx, now); err != nil {
			return err
		}
		all = later
	}
	return nil
}

// attempted is moveTx for one attempt each of many deliveries: the same steps in
// the same order, each step for all of them. What was removed meanwhile is passed
// over.
func (s *Service) attempted(ctx context.Context, tx pgx.Tx, all []notify.Finished) error {
	if len(all) == 0 {
		return nil
	}
	ids := make([]string, len(all))
	for i, f := range all {
		ids[i] = f.Notice.Delivery
	}
	found, err := s.loadMany(ctx, tx, ids, ` FOR UPDATE OF d`)
	if err != nil {
		return err
	}
	var b pgx.Batch
	var moves []Move
	var feet []footing
	var events []evidence.Event
	for _, f := range all {
		d, there := found[ID(f.Notice.Delivery)]
		if !there {
			continue
		}
		at, err := s.clock(d.ahead, d.LastAt)
		if err != nil {
			return err
		}
		m, err := d.Attempted(f.Notice, f.Attempt, at, s.Zone)
		if err != nil {
			return err
		}
		m.Event.ID, m.Event.Seq, m.Event.Prev = evidence.NewID(), d.Seq+1, d.Hash
		events = append(events, m.Event)
		moves, feet = append(moves, m), append(feet, footing{before: d.Delivery, at: at})
	}
	hashes, jobs, err := s.Journal.Queue(ctx, &b, events...)
	if err != nil {
		return err
	}
	for i := range hashes {
		feet[i].hash = hex.EncodeToString(hashes[i][:])
	}
	saves := make([]saving, len(moves))
	for i, m := range moves {
		saves[i] = saving{feet[i].before, feet[i].after(m), m.Deadlines, m.Settle, feet[i].at}
	}
	if err := queueSaves(&b, saves...); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("delivery: store %d moves: %w", len(moves), err)
	}
	if len(jobs) > 0 {
		if _, err := s.Outbox.InsertManyTx(ctx, tx, jobs); err != nil {
			return err
		}
	}
	if err := s.settleCharges(ctx, tx, saves...); err != nil {
		return err
	}
	for i, m := range moves {
		if err := s.follow(ctx, tx, saves[i].after, m); err != nil {
			return err
		}
	}
	return nil
}

// footing is what a move stands on while it is stored with others.
type footing struct {
	before Delivery
	hash   string // of the event
	at     time.Time
}

// after is the delivery as it stands on the event.
func (t footing) after(m Move) Delivery {
	d := m.After
	d.Seq, d.Hash, d.LastAt = m.Event.Seq, t.hash, t.at
	if d.State != t.before.State {
		d.MovedAt = t.at
	}
	return d
}
