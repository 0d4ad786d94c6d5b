package flowmailer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/flowmailer"
)

// memory is a cursor; broken says that its next move fails after being made, or
// before.
type memory struct {
	mu            sync.Mutex
	position      string
	failed, after bool
}

var errMemory = errors.New("no memory")

func (m *memory) Load(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.position, nil
}

func (m *memory) Move(_ context.Context, from, to string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed {
		m.failed = false
		if m.after {
			m.position = to
		}
		return false, errMemory
	}
	if m.position != from {
		return false, nil
	}
	m.position = to
	return true, nil
}

// book takes reports, each id once, and can fail.
type book struct {
	mu      sync.Mutex
	reports []notify.Report
	fail    error
}

func (b *book) Report(_ context.Context, r notify.Report) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	if !slices.ContainsFunc(b.reports, func(o notify.Report) bool { return o.ID == r.ID }) {
		b.reports = append(b.reports, r)
	}
	return nil
}

func TestPollTellsWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	f, tr := start(t)
	deliver(t, tr, message(1))
	id := f.Messages()[0].ID
	for _, e := range []string{"SUBMITTED", "PROCESSED", "ATTEMPT", "QUEUEATTEMPT", "POSTED", "DELIVERED", "OPENED", "CLICKED", "REPLY", "SOFTBOUNCE", "HARDBOUNCE",
		"REJECT", "DISCARD", "ERROR", "HELD", "COMPLAINT", "SOMETHING_NEW"} {
		f.Happen(id, e, "sub")
	}
	f.Happen("of somebody else", "DELIVERED", "")
	b, c := &book{}, &memory{}
	if err := tr.Poll(t.Context(), c, b); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ATTEMPT sub: delayed 1", "DELIVERED sub: delivered 2", "SOFTBOUNCE sub: failed 1 unreachable", "HARDBOUNCE sub: failed 1 address",
		"REJECT sub: failed 1 ours", "DISCARD sub: failed 1 ours", "ERROR sub: failed 1 ours", "HELD sub: delayed 1", "COMPLAINT sub: complained 1",
	}
	var got []string
	for _, r := range b.reports {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s: %s %d %s", r.Status, r.Fact, r.Rung, r.Cause)))
		if r.Notice != notice || r.Attempt != 1 || r.Source != "flowmailer" || len(r.Digest) != 64 || r.OccurredAt.IsZero() || r.ID == "" {
			t.Errorf("%+v", r)
		}
		if bytes.Contains(r.Raw, []byte("418302")) || strings.Contains(r.Reply, "470123456") {
			t.Errorf("it quotes the message: %+v", r)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	before := c.position
	if err := tr.Poll(t.Context(), c, b); err != nil || len(b.reports) != len(want) || c.position != before {
		t.Errorf("again: %v, %d reports, at %q", err, len(b.reports), c.position)
	}
}

// However it is interrupted, every event is told, and none twice.
func TestPollLosesNothing(t *testing.T) {
	t.Parallel()
	f, tr := start(t)
	deliver(t, tr, message(1))
	id := f.Messages()[0].ID
	for range 250 {
		f.Happen(id, "ATTEMPT", "")
	}
	b, c := &book{}, &memory{}
	steps := []struct {
		name   string
		before func()
		want   error
	}{
		{"the reporter is away", func() { b.fail = errMemory }, errMemory},
		{"the cursor fails", func() { b.fail = nil; c.failed = true }, errMemory},
		{"the cursor fails but moved", func() { c.failed, c.after = true, true }, errMemory},
		{"the token ended", f.Expire, nil},
		{"the place is forgotten", func() { f.Happen(id, "DELIVERED", ""); f.Forget() }, nil},
		{"and read again", func() {}, nil},
		{"another process was faster", func() { f.Happen(id, "HELD", "") }, nil},
	}
	for _, s := range steps {
		s.before()
		if err := tr.Poll(t.Context(), c, b); !errors.Is(err, s.want) {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
	if len(b.reports) != 252 || !slices.ContainsFunc(b.reports, func(r notify.Report) bool { return r.Fact == notify.Delivered }) {
		t.Errorf("%d of 252 events told", len(b.reports))
	}
}

func TestPollTrouble(t *testing.T) {
	t.Parallel()
	tr := transport(t, "http://127.0.0.1:1", func(c *flowmailer.Config) { c.CallTimeout = time.Second })
	c := &memory{position: "2026-11-22T10:00:00Z ref5"}
	if err := tr.Poll(t.Context(), c, &book{}); !errors.Is(err, flowmailer.ErrEvents) || c.position != "2026-11-22T10:00:00Z ref5" {
		t.Errorf("%v at %q", err, c.position)
	}
}
