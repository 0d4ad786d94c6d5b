package notify_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/notify"
)

// texted is a desk, an SMS that a provider took as peer, and receipts before it.
func texted(t *testing.T, peer string) (*desk, notify.Notice, *notify.Receipts) {
	t.Helper()
	sent := &scripted{results: []notify.Result{{Outcome: notify.Sent, Reply: "ok", ID: peer}}}
	r := newRig(t, map[notify.Channel]notify.Transport{notify.SMS: sent})
	n := r.notice("+32470123456", func(n *notify.Notice) { n.Channel = notify.SMS })
	r.enqueue(n)
	r.closed(n.ID)
	d := newDesk(t, r)
	return d, n, receiptsOf(t, d)
}

func receiptsOf(t *testing.T, d *desk) *notify.Receipts {
	t.Helper()
	receipts, err := notify.NewReceipts(notify.ReceiptsConfig{Pool: d.pool, Reporter: d.service, Now: func() time.Time { return d.clock.now("") }})
	if err != nil {
		t.Fatal(err)
	}
	return receipts
}

func receipt(id string) notify.Report {
	return notify.Report{Source: "smpp", ID: id, Fact: notify.Delivered, Rung: notify.RungFarSide, Status: "DELIVRD", Raw: []byte("raw")}
}

func (d *desk) waiting() (n int) {
	d.t.Helper()
	if err := d.pool.QueryRow(context.Background(), `SELECT count(*) FROM notify_receipt`).Scan(&n); err != nil {
		d.t.Fatal(err)
	}
	return n
}

func TestReceiptFindsItsNotice(t *testing.T) {
	t.Parallel()
	d, n, receipts := texted(t, "one/m-7")
	ctx := t.Context()
	for range 2 { // the second time is the same receipt
		if err := receipts.Receive(ctx, "one/m-7", receipt("r1")); err != nil {
			t.Fatal(err)
		}
	}
	if heard := d.reports(); len(heard) != 1 || heard[0].Notice != n.ID || heard[0].Attempt != 1 || heard[0].Rung != notify.RungFarSide {
		t.Errorf("%+v", heard)
	}
	other := receipt("r2")
	other.Recipients = []string{"+32470999999"} // an id that means another message to them
	for peer, rep := range map[string]notify.Report{"one/m-7": other, "two/m-7": receipt("r3"), "m-7": receipt("r4")} {
		if err := receipts.Receive(ctx, peer, rep); err != nil {
			t.Errorf("%q: %v", peer, err)
		}
	}
	if len(d.reports()) != 1 || d.stored(n) != 1 {
		t.Errorf("%+v", d.reports())
	}
	if _, err := receipts.Settle(ctx, 10); err != nil || len(d.reports()) != 1 {
		t.Errorf("%v, %+v", err, d.reports())
	}
}

// A receipt that overtakes the answer of the provider waits for it, also over a
// restart, and is told once.
func TestReceiptBeforeItsAttempt(t *testing.T) {
	t.Parallel()
	d, n, receipts := texted(t, "one/m-7")
	ctx := t.Context()
	d.exec(`ALTER TABLE notify_attempt DISABLE TRIGGER notify_attempt_told_is_final`)
	d.exec(`UPDATE notify_attempt SET peer_id = '', told_at = NULL`)
	for range 2 {
		if err := receipts.Receive(ctx, "one/m-7", receipt("r1")); err != nil {
			t.Fatal(err)
		}
	}
	early := receipt("r2")
	early.Notice, early.Attempt = n.ID, 1
	if err := receipts.Report(ctx, early); err != nil || d.waiting() != 2 {
		t.Fatalf("%v, %d wait", err, d.waiting())
	}
	if taken, err := receipts.Settle(ctx, 10); err != nil || taken != 0 || len(d.reports()) != 0 || d.waiting() != 2 {
		t.Fatalf("too early: %d, %v", taken, err)
	}
	d.exec(`UPDATE notify_attempt SET peer_id = 'one/m-7', told_at = ended_at`)
	d.failures.Store(1) // the delivery is busy
	again := receiptsOf(t, d)
	if _, err := again.Settle(ctx, 10); !errors.Is(err, errSink) || d.waiting() != 2 {
		t.Fatalf("%v, %d wait", err, d.waiting())
	}
	if taken, err := again.Settle(ctx, 10); err != nil || taken != 2 || d.waiting() != 0 || len(d.reports()) != 2 {
		t.Errorf("%d, %v, %d wait, %+v", taken, err, d.waiting(), d.reports())
	}
}

func TestReceiptsOfNothingGo(t *testing.T) {
	t.Parallel()
	d, _, receipts := texted(t, "one/m-7")
	ctx := t.Context()
	stranger := receipt("r1")
	stranger.Notice, stranger.Attempt = uuid.NewString(), 1
	broken := receipt("r2")
	broken.Notice, broken.Attempt, broken.Rung = uuid.NewString(), 1, notify.RungRecipient
	if err := errors.Join(receipts.Report(ctx, stranger), receipts.Report(ctx, broken), receipts.Receive(ctx, "one/m-8", receipt("r3")),
		receipts.Receive(ctx, "one/m-8", receipt("")), receipts.Receive(ctx, "one/m-8\x00", receipt("r4")),
		receipts.Receive(ctx, "one/m-8\xff", receipt("r5")), receipts.Receive(ctx, "", receipt("r6"))); err != nil {
		t.Fatal(err)
	}
	if d.waiting() != 1 {
		t.Errorf("%d wait", d.waiting())
	}
	d.clock.ahead.Store(int64(71 * time.Hour))
	if _, err := receipts.Settle(ctx, 10); err != nil || d.waiting() != 1 {
		t.Errorf("%v, %d wait", err, d.waiting())
	}
	d.clock.ahead.Store(int64(73 * time.Hour))
	if _, err := receipts.Settle(ctx, 10); err != nil || d.waiting() != 0 || len(d.reports()) != 0 {
		t.Errorf("%v, %d wait", err, d.waiting())
	}
	if _, err := notify.NewReceipts(notify.ReceiptsConfig{}); !errors.Is(err, notify.ErrConfig) {
		t.Errorf("%v", err)
	}
}

func TestCursorMovesOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := notify.Cursor{Pool: r.pool, Source: "flowmailer", Now: func() time.Time { return r.clock.now("") }}
	ctx := t.Context()
	for _, from := range []string{"", "one"} {
		if at, err := c.Load(ctx); err != nil || at != from {
			t.Fatalf("at %q, %v", at, err)
		}
		var won sync.WaitGroup
		wins := make(chan bool, 8)
		for range 8 {
			won.Go(func() {
				moved, err := c.Move(ctx, from, map[string]string{"": "one", "one": "two"}[from])
				if err != nil {
					t.Error(err)
				}
				wins <- moved
			})
		}
		won.Wait()
		close(wins)
		n := 0
		for w := range wins {
			if w {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d moved it from %q", n, from)
		}
	}
	if moved, err := c.Move(ctx, "one", "three"); err != nil || moved {
		t.Errorf("moved from where it is not: %v, %v", moved, err)
	}
	if _, err := c.Move(ctx, "two", ""); err == nil {
		t.Error("moved to nowhere")
	}
	bad := notify.Cursor{Pool: r.pool, Source: "No Name", Now: c.Now}
	if _, err := bad.Move(ctx, "", "one"); err == nil {
		t.Error("a source without a plain name")
	}
}
