package notify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/notify"
)

func (r *rig) many(n int) (all []notify.Notice) {
	for i := range n {
		all = append(all, r.notice(fmt.Sprintf("an%d@example.be", i)))
	}
	return all
}

// perNotice is a transport that asks a function.
type perNotice struct {
	mu      sync.Mutex
	times   map[string]int
	deliver func(ctx context.Context, m notify.Message, time int) notify.Result
}

func (p *perNotice) Deliver(ctx context.Context, m notify.Message) (notify.Result, string) {
	p.mu.Lock()
	if p.times == nil {
		p.times = make(map[string]int)
	}
	p.times[m.Notice.ID]++
	n := p.times[m.Notice.ID]
	p.mu.Unlock()
	return p.deliver(ctx, m, n), strings.Repeat("a", 64)
}

func (p *perNotice) sent(id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.times[id]
}

// Many notices of one transaction travel in few jobs, codes in their own; each is
// sent once and told once, whatever its outcome.
func TestBatch(t *testing.T) {
	t.Parallel()
	channel := &perNotice{deliver: func(_ context.Context, m notify.Message, n int) notify.Result {
		switch {
		case strings.HasPrefix(m.Notice.To, "an1") && n == 1:
			return notify.Result{Outcome: notify.Temporary}
		case strings.HasPrefix(m.Notice.To, "an2"):
			return notify.Result{Outcome: notify.Permanent}
		}
		return notify.Result{Outcome: notify.Sent}
	}}
	r := newRig(t, byMail(channel))
	all := append(r.many(150), r.notice("code@example.be", func(n *notify.Notice) { n.Kind = notify.Code }))
	r.enqueue(all...)
	if n := r.jobs(context.Background(), "available", "running", "completed", "scheduled"); n < 4 {
		t.Errorf("%d jobs, want 3 and one of the code", n)
	}
	for _, n := range all {
		r.told(n.ID, 1)
	}
	r.idle()
	r.pass(5 * time.Minute)
	for _, n := range all {
		want, tries := "sent", 1
		switch {
		case strings.HasPrefix(n.To, "an1"):
			tries = 2
		case strings.HasPrefix(n.To, "an2"):
			want = "permanent"
		}
		if got := r.closed(n.ID); got != want || channel.sent(n.ID) != tries || len(r.told(n.ID, tries)) != tries {
			t.Errorf("%s: %s after %d, told %d times", n.To, got, channel.sent(n.ID), len(r.told(n.ID, 0)))
		}
	}
	r.idle()
	if n := r.jobs(context.Background(), "retryable", "scheduled", "available", "discarded"); n != 0 {
		t.Errorf("%d jobs are left", n)
	}
}

// stubborn cannot take in what became of one notice, alone or with others.
type stubborn struct {
	sink
	mu  sync.Mutex
	bad string
}

func (s *stubborn) is(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bad == id
}

func (s *stubborn) NoticeAttempted(ctx context.Context, tx pgx.Tx, n notify.Notice, a notify.Attempt) error {
	if s.is(n.ID) {
		return errSink
	}
	return s.sink.NoticeAttempted(ctx, tx, n, a)
}

func (s *stubborn) NoticesAttempted(ctx context.Context, tx pgx.Tx, all []notify.Finished) error {
	for _, f := range all {
		if err := s.NoticeAttempted(ctx, tx, f.Notice, f.Attempt); err != nil {
			return err
		}
	}
	return nil
}

// One result that cannot be told holds up no other, is not lost, and its mail is
// not sent again.
func TestOneOfABatchCannotBeTold(t *testing.T) {
	t.Parallel()
	channel := &perNotice{deliver: func(context.Context, notify.Message, int) notify.Result {
		return notify.Result{Outcome: notify.Sent, Reply: "250 taken"}
	}}
	r := newRig(t, byMail(channel))
	stop, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.client.StopAndCancel(stop); err != nil {
		t.Fatal(err)
	}
	all := r.many(20)
	bad := &stubborn{bad: all[7].ID}
	r.service, r.client = queue(t, r.pool, r.clock, r.source, bad, byMail(channel))
	if err := r.client.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.client.StopAndCancel(stop); err != nil {
			t.Error(err)
		}
	}()
	r.enqueue(all...)
	for i, n := range all {
		if i != 7 {
			r.closed(n.ID)
		}
	}
	if rows := r.told(all[7].ID, 0); len(rows) != 0 {
		t.Fatalf("%+v", rows)
	}
	bad.mu.Lock()
	bad.bad = ""
	bad.mu.Unlock()
	r.until("the last one to be told", func(context.Context) bool {
		r.pass(0)
		return len(r.told(all[7].ID, 0)) == 1
	})
	for _, n := range all {
		if rows := r.told(n.ID, 1); r.closed(n.ID) != "sent" || channel.sent(n.ID) != 1 || len(rows) != 1 || rows[0].InDoubt {
			t.Errorf("%s: sent %d times, told %+v", n.To, channel.sent(n.ID), rows)
		}
	}
}

// One notice that takes long does not keep what became of the others from being
// told.
func TestSlowOneOfABatch(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	channel := &perNotice{deliver: func(_ context.Context, m notify.Message, _ int) notify.Result {
		if m.Notice.To == "an0@example.be" {
			<-hold
		}
		return notify.Result{Outcome: notify.Sent}
	}}
	r := newRig(t, byMail(channel))
	all := r.many(8)
	r.enqueue(all...)
	for _, n := range all[1:] {
		r.closed(n.ID)
	}
	if len(r.told(all[0].ID, 0)) != 0 {
		t.Error("told before it ended")
	}
	close(hold)
	r.closed(all[0].ID)
}

// Stale ones, ones whose facts are not to be had and ones that were removed leave
// the others of their job alone.
func TestMixedBatch(t *testing.T) {
	t.Parallel()
	channel := &perNotice{deliver: func(context.Context, notify.Message, int) notify.Result { return notify.Result{Outcome: notify.Sent} }}
	r := newRig(t, byMail(channel))
	failing := true
	r.source.answer = func(n notify.Notice) (notify.Facts, error) {
		switch n.To {
		case "an1@example.be":
			return notify.Facts{}, notify.ErrStale
		case "an2@example.be":
			if failing {
				failing = false
				return notify.Facts{}, errors.New("no database")
			}
		}
		return factsOf(notify.Cancelled), nil
	}
	all := r.many(5)
	for i := range all {
		all[i].Kind = notify.Cancelled
	}
	if err := pgx.BeginFunc(context.Background(), r.pool, func(tx pgx.Tx) error {
		if err := r.service.Enqueue(context.Background(), tx, all...); err != nil {
			return err
		}
		return r.service.Forget(context.Background(), tx, all[3].Delivery)
	}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"sent", "stale", "", "", "sent"} {
		if want != "" {
			if got := r.closed(all[i].ID); got != want {
				t.Errorf("%d: %s", i, got)
			}
		}
	}
	r.until("the one without facts", func(context.Context) bool {
		r.pass(0)
		return channel.sent(all[2].ID) == 1
	})
	r.closed(all[2].ID)
	for i, want := range []int{1, 0, 1, 0, 1} {
		if got := channel.sent(all[i].ID); got != want {
			t.Errorf("%d was sent %d times", i, got)
		}
	}
}

// Killed in the middle of a batch: every attempt was registered before the first
// mail went out, each is told, and nothing is lost; what went out twice is the
// same mail.
func TestKilledInABatch(t *testing.T) {
	t.Parallel()
	box, transports := toCatcher(t)
	r := newRig(t, transports)
	stopped, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.client.StopAndCancel(stopped); err != nil {
		t.Fatal(err)
	}
	all := r.many(6)
	r.enqueue(all...)
	kill(t, r.pool.Config().ConnString(), box.SMTPAddr())
	for _, n := range all {
		h, err := r.service.History(context.Background(), r.pool, n.Delivery)
		if err != nil || len(h[0].Attempts) != 1 || !h[0].Attempts[0].EndedAt.IsZero() || len(r.told(n.ID, 0)) != 0 {
			t.Fatalf("after the kill: %+v, %v", h, err)
		}
	}
	if n := len(box.Messages()); n < 1 || n > 6 {
		t.Fatalf("%d mails before the kill", n)
	}
	r.exec(`UPDATE river_job SET state = 'retryable' WHERE state = 'running'`)
	_, client := queue(t, r.pool, r.clock, r.source, r.sink, transports)
	if err := client.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer client.StopAndCancel(stopped)
	r.pass(5 * time.Minute)
	for _, n := range all {
		if rows := r.told(n.ID, 1); rows[0].Outcome != notify.Technical || !rows[0].InDoubt || rows[0].RetryAt == nil {
			t.Fatalf("the interrupted attempt: %+v", rows[0])
		}
	}
	r.idle()
	r.pass(10 * time.Minute)
	for _, n := range all {
		if got := r.closed(n.ID); got != "sent" || len(r.told(n.ID, 2)) != 2 {
			t.Errorf("%s: %s", n.To, got)
		}
	}
	ids := map[string]map[string]bool{}
	for _, m := range box.Messages() {
		if ids[m.To] == nil {
			ids[m.To] = map[string]bool{}
		}
		ids[m.To][m.Headers["Message-Id"]] = true
	}
	for _, n := range all {
		if len(ids[n.To]) != 1 {
			t.Errorf("%s got %d different mails", n.To, len(ids[n.To]))
		}
	}
}
