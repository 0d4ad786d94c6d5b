package notify_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/notify"
)

// Two jobs for one notice, as after a rescue: it is sent once.
func TestTwoJobsSendOnce(t *testing.T) {
	t.Parallel()
	channel := &scripted{results: []notify.Result{{Outcome: notify.Sent}}}
	r := newRig(t, byMail(channel))
	n := r.notice("an@example.be")
	err := pgx.BeginFunc(context.Background(), r.pool, func(tx pgx.Tx) error {
		if err := r.service.Enqueue(context.Background(), tx, n); err != nil {
			return err
		}
		for range 10 {
			if _, err := r.client.InsertTx(context.Background(), tx, notify.SendArgs{NoticeID: n.ID}, nil); err != nil {
				return err
			}
		}
		_, err := tx.Exec(context.Background(), `UPDATE river_job SET queue = $1`, notify.Queue)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.closed(n.ID)
	r.idle()
	r.pass(time.Hour)
	r.idle()
	if got := len(channel.messages()); got != 1 {
		t.Errorf("sent %d times", got)
	}
}

// Removed with its delivery while it was queued: nothing is sent.
func TestForget(t *testing.T) {
	t.Parallel()
	channel := &scripted{results: []notify.Result{{Outcome: notify.Temporary}}}
	r := newRig(t, byMail(channel))
	n, other := r.notice("an@example.be"), r.notice("bo@example.be")
	r.enqueue(n, other)
	r.told(n.ID, 1)
	r.told(other.ID, 1)
	r.idle()
	err := pgx.BeginFunc(context.Background(), r.pool, func(tx pgx.Tx) error {
		return r.service.Forget(context.Background(), tx, n.Delivery, uuid.NewString())
	})
	if err != nil {
		t.Fatal(err)
	}
	r.pass(time.Hour)
	r.told(other.ID, 2)
	r.idle()
	if rows := r.told(n.ID, 0); len(rows) != 1 {
		t.Errorf("%d attempts", len(rows))
	}
	var left int
	if err := r.pool.QueryRow(context.Background(), `SELECT count(*) FROM notify_attempt`).Scan(&left); err != nil || left != 2 {
		t.Errorf("%d attempts are left, %v", left, err)
	}
}

// An account whose clock is ahead gets its own times; its jobs wait by ours.
func TestAccountWithItsOwnClock(t *testing.T) {
	t.Parallel()
	channel := &scripted{results: []notify.Result{{Outcome: notify.Temporary}}}
	r := newRig(t, byMail(channel))
	const ahead = 16 * 24 * time.Hour
	r.clock.accounts.Store(r.account, ahead)
	n := r.notice("an@example.be")
	r.enqueue(n)
	row := r.told(n.ID, 1)[0]
	if row.StartedAt.Before(time.Now().Add(ahead-time.Hour)) || row.RetryAt == nil || row.RetryAt.Sub(row.EndedAt) > 2*time.Minute {
		t.Errorf("%+v", row)
	}
	r.idle()
	var scheduled time.Time
	if err := r.pool.QueryRow(context.Background(), `SELECT max(scheduled_at) FROM river_job`).Scan(&scheduled); err != nil || scheduled.After(time.Now().Add(5*time.Minute)) {
		t.Errorf("the retry waits until %s, %v", scheduled, err)
	}
}

// blocking says when it was reached, and stays until it is cancelled.
type blocking struct{ reached chan struct{} }

func (b blocking) Deliver(ctx context.Context, _ notify.Message) (notify.Result, string) {
	close(b.reached)
	<-ctx.Done()
	return notify.Result{Outcome: notify.Technical, InDoubt: true, Reply: "(no reply)"}, ""
}

// A process that stops in the middle of an attempt still stores what it knows.
func TestStopStoresTheResult(t *testing.T) {
	t.Parallel()
	b := blocking{make(chan struct{})}
	r := newRig(t, byMail(b))
	n := r.notice("an@example.be")
	r.enqueue(n)
	<-b.reached
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.client.StopAndCancel(ctx); err != nil {
		t.Fatal(err)
	}
	if rows := r.told(n.ID, 1); rows[0].Outcome != notify.Technical || !rows[0].InDoubt || rows[0].RetryAt == nil {
		t.Errorf("%+v", rows)
	}
}

// A notice whose job got lost is sent after all; one that is done is left alone.
func TestRequeue(t *testing.T) {
	t.Parallel()
	channel := &scripted{results: []notify.Result{{Outcome: notify.Temporary}, {Outcome: notify.Sent}}}
	r := newRig(t, byMail(channel))
	lost := r.notice("an@example.be")
	r.enqueue(lost)
	r.told(lost.ID, 1)
	r.idle()
	r.exec(`DELETE FROM river_job`)
	requeue := func(before time.Time) (n int) {
		t.Helper()
		err := pgx.BeginFunc(context.Background(), r.pool, func(tx pgx.Tx) (err error) {
			n, err = r.service.Requeue(context.Background(), tx, before, 10)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	r.pass(time.Hour)
	if n := requeue(r.clock.now("").Add(-2 * time.Hour)); n != 0 {
		t.Errorf("%d notices that were touched since", n)
	}
	for range 2 {
		if n := requeue(r.clock.now("")); n > 1 {
			t.Errorf("%d notices", n)
		}
	}
	if got := r.closed(lost.ID); got != "sent" || len(channel.messages()) != 2 {
		t.Errorf("%s after %d attempts", got, len(channel.messages()))
	}
	r.idle()
	if n := requeue(r.clock.now("")); n != 0 {
		t.Errorf("%d notices that are done", n)
	}
}
