package delivery

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/bode-erds/bode/evidence"
)

// move is the door: the only way a delivery changes. It locks the delivery,
// reads the clock once, lets decide decide, and applies what it decided, all in
// one transaction of its own. On error nothing happened.
func (s *Service) move(ctx context.Context, id ID, decide func(Delivery, time.Time) (Move, error)) (d Delivery, err error) {
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		d, err = s.moveTx(ctx, tx, id, decide)
		return err
	})
	return d, err
}

// moveTx is move in the caller's transaction.
//
//  1. lock the row: whoever else moves this delivery waits
//  2. read the clock, once, after the lock: events are in order of their times
//  3. decide: a pure rule; an error ends here and nothing happened
//  4. record the event, chained to the last one, together with its sealing job
//  5. compare-and-set the row: state, and the event it now stands on
//  6. what it used of its price is taken, and the rest given back
//  7. deadlines, notices and follow-up work
//
// A crash anywhere before the caller's commit leaves nothing; a crash after it
// leaves everything, and the jobs of 4 and 7 run later.
func (s *Service) moveTx(ctx context.Context, tx pgx.Tx, id ID, decide func(Delivery, time.Time) (Move, error)) (Delivery, error) {
	d, ahead, err := lock(ctx, tx, id)
	if err != nil {
		return Delivery{}, err
	}
	at, err := s.clock(ahead, d.LastAt)
	if err != nil {
		return Delivery{}, err
	}
	m, err := decide(d, at)
	if err != nil {
		return Delivery{}, err
	}
	m.Event.ID, m.Event.Seq, m.Event.Prev = evidence.NewID(), d.Seq+1, d.Hash
	hashes, err := s.Journal.Record(ctx, tx, m.Event)
	if err != nil {
		return Delivery{}, err
	}
	after := m.After
	after.Seq, after.Hash, after.LastAt = m.Event.Seq, hex.EncodeToString(hashes[0][:]), at
	if after.State != d.State {
		after.MovedAt = at
	}
	if err := save(ctx, tx, saving{d, after, m.Deadlines, m.Settle, at}); err != nil {
		return Delivery{}, err
	}
	if err := s.settleCharges(ctx, tx, saving{before: d, after: after, at: at}); err != nil {
		return Delivery{}, err
	}
	if err := s.follow(ctx, tx, after, m); err != nil {
		return Delivery{}, err
	}
	return after, s.noted(ctx, tx, d, after)
}

// clock is the delivery's own time: the real one, or, for a test delivery, as
// far ahead as its account's test clock. It never precedes the last event.
func (s *Service) clock(ahead time.Duration, last time.Time) (time.Time, error) {
	at := s.Now().Add(ahead).UTC().Truncate(time.Microsecond)
	if at.Before(last) {
		if last.Sub(at) > s.Skew {
			return time.Time{}, fmt.Errorf("%w by %s", ErrClock, last.Sub(at))
		}
		at = last // two machines whose clocks differ a little
	}
	return at, nil
}

// follow enqueues what a move asks for.
func (s *Service) follow(ctx context.Context, tx pgx.Tx, d Delivery, m Move) error {
	if len(m.Notices) > 0 {
		for i := range m.Notices {
			m.Notices[i].ID = evidence.NewID()
		}
		if err := s.Notices.Enqueue(ctx, tx, m.Notices...); err != nil {
			return err
		}
	}
	var args river.JobArgs
	switch m.Job {
	case NoJob:
		return nil
	case ConsignJob:
		args = ConsignArgs{Delivery: string(d.ID)}
	case PostJob:
		args = PostArgs{Delivery: string(d.ID)}
	case CancelPostJob:
		args = CancelPostArgs{Delivery: string(d.ID)}
	}
	jobs := []river.InsertManyParams{{Args: args}}
	if m.Job == ConsignJob && d.Post != nil && !d.Post.Ended() {
		jobs = append(jobs, river.InsertManyParams{Args: CancelPostArgs{Delivery: string(d.ID)}})
	}
	_, err := s.Outbox.InsertManyTx(ctx, tx, jobs)
	return err
}
