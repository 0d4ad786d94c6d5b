package post

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

// faulty is a drop that fails at one call, before or after doing it.
type faulty struct {
	drop
	at    int // the call that fails; counted down
	after bool
	calls *int
}

var errDied = errors.New("power failure")

func (f *faulty) step(do func() error) error {
	*f.calls++
	if *f.calls > f.at {
		return errDied // dead from here on
	}
	if *f.calls < f.at {
		return do()
	}
	if f.after {
		if err := do(); err != nil {
			return err
		}
	}
	return errDied
}

func (f *faulty) put(ctx context.Context, name string, b []byte) error {
	return f.step(func() error { return f.drop.put(ctx, name, b) })
}

func (f *faulty) move(ctx context.Context, from, to string) error {
	return f.step(func() error { return f.drop.move(ctx, from, to) })
}

func (f *faulty) remove(ctx context.Context, name string) error {
	return f.step(func() error { return f.drop.remove(ctx, name) })
}

// TestCancelCrash stops cancelling at every step, on disk and in the folder, done
// and not done, with a partner that takes what it can in between or not. In the
// end the letter was cancelled or the partner has it: never both, never neither.
func TestCancelCrash(t *testing.T) {
	t.Parallel()
	for _, quick := range []bool{false, true} {
		for _, after := range []bool{false, true} {
			for step := 1; step <= 7; step++ {
				name := fmt.Sprintf("step %d, done %v, partner quick %v", step, after, quick)
				h := newFolder(t, nil)
				l := newLetter("nl")
				p, _ := handOver(t, h, l)
				dies(h, step, after)
				first, err := h.Cancel(t.Context(), p.Item)
				if first && err != nil {
					t.Errorf("%s: cancelled, and an error: %v", name, err)
				}
				taken := 0
				if quick {
					items, err := (StandIn{h.cfg.Dir}).Process(delivery.PostPrinted, "", clock)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					taken = len(items)
				}
				if first && taken > 0 {
					t.Errorf("%s: cancelled, but the partner has it", name)
				}
				again := newFolder(t, func(c *Config) { c.Dir = h.cfg.Dir })
				ok, err := again.Cancel(t.Context(), p.Item)
				if err != nil {
					t.Fatalf("%s: again: %v", name, err)
				}
				if ok == (taken == 1) {
					t.Errorf("%s: cancelled %v, the partner took %d", name, ok, taken)
				}
				if _, err := again.HandOver(t.Context(), l); errors.Is(err, ErrCancelled) != ok {
					t.Errorf("%s: handing over again: %v", name, err)
				}
				if items, err := (StandIn{h.cfg.Dir}).Process(delivery.PostPrinted, "", clock); err != nil || len(items) != 0 {
					t.Errorf("%s: the partner then got %v, %v", name, items, err)
				}
				if got := filesIn(t, again); len(got) != 0 {
					t.Errorf("%s: left: %v", name, got)
				}
			}
		}
	}
}

// dies lets the nth change, in our records or in the folder, be the last.
func dies(h *HotFolder, n int, after bool) {
	calls := 0
	h.drop = &faulty{drop: dirDrop{newTwin(h.desk)}, at: n, after: after, calls: &calls}
	h.create = func(name string) (*os.File, error) {
		if calls++; calls >= n {
			return nil, errDied
		}
		return createFile(name)
	}
}

// newTwin is a desk on the same folder whose files can always be made.
func newTwin(d *desk) *desk {
	return &desk{cfg: d.cfg, setter: d.setter, causes: d.causes, turn: make(chan struct{}, 1), create: createFile}
}

// TestCancelHandOverCrash cancels a letter whose handing over stopped at every
// step: the partner has it or it was cancelled, and it is never handed over later.
func TestCancelHandOverCrash(t *testing.T) {
	t.Parallel()
	for _, quick := range []bool{false, true} {
		for _, after := range []bool{false, true} {
			for step := 3; step <= 6; step++ {
				name := fmt.Sprintf("step %d, done %v, partner quick %v", step, after, quick)
				h := newFolder(t, nil)
				l := newLetter("nl")
				dies(h, step, after)
				if _, err := h.HandOver(t.Context(), l); !errors.Is(err, errDied) {
					t.Fatalf("%s: %v", name, err)
				}
				taken := 0
				if quick {
					items, err := (StandIn{h.cfg.Dir}).Process(delivery.PostPrinted, "", clock)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					taken = len(items)
				}
				again := newFolder(t, func(c *Config) { c.Dir = h.cfg.Dir })
				ok, err := again.Cancel(t.Context(), itemID(l))
				if err != nil || ok == (taken == 1) {
					t.Errorf("%s: cancelled %v, the partner took %d, %v", name, ok, taken, err)
				}
				if _, err := again.HandOver(t.Context(), l); errors.Is(err, ErrCancelled) != ok {
					t.Errorf("%s: handing over again: %v", name, err)
				}
				if items, err := (StandIn{h.cfg.Dir}).Process(delivery.PostPrinted, "", clock); err != nil || len(items) != 0 {
					t.Errorf("%s: the partner then got %v, %v", name, items, err)
				}
			}
		}
	}
}

// TestCancelWhileTaken: the partner has the PDF and goes for the manifest. Whoever
// moves the manifest has the letter.
func TestCancelWhileTaken(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	p, _ := handOver(t, h, newLetter("nl"))
	if err := os.MkdirAll(h.path("partner"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(h.path(p.Item+".pdf"), h.path("partner", p.Item+".pdf")); err != nil {
		t.Fatal(err)
	}
	if ok, err := h.Cancel(t.Context(), p.Item); !ok || err != nil {
		t.Errorf("cancelled %v, %v", ok, err)
	}
	if err := os.Rename(h.path(p.Item+".json"), h.path("partner", p.Item+".json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the partner could take the manifest: %v", err)
	}
}

// TestCancelTooLate: the partner is asked, once, and what it says counts.
func TestCancelTooLate(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	p, _ := handOver(t, h, newLetter("nl"))
	take(t, h)
	for range 2 {
		if ok, err := h.Cancel(t.Context(), p.Item); ok || err != nil {
			t.Errorf("cancelled %v, %v", ok, err)
		}
	}
	var asked request
	raw, err := os.ReadFile(h.path("cancel", p.Item+".json"))
	if err != nil || json.Unmarshal(raw, &asked) != nil || asked.Item != p.Item || asked.SHA256 != p.SHA256 {
		t.Fatalf("asked %s, %v", raw, err)
	}
	tell(t, h, p.Item, delivery.PostPrinted)
	if err := os.Remove(h.path("cancel", p.Item+".json")); err != nil {
		t.Fatal(err)
	}
	if ok, err := h.Cancel(t.Context(), p.Item); ok || err != nil {
		t.Errorf("cancelled %v, %v", ok, err)
	}
	if got := namesIn(t, h.path("cancel")); len(got) != 0 {
		t.Errorf("asked after it was printed: %v", got)
	}
	tell(t, h, p.Item, delivery.PostDelivered)
	if ok, err := h.Cancel(t.Context(), p.Item); ok || err != nil {
		t.Errorf("after the end: %v, %v", ok, err)
	}
	for _, item := range []string{"", "LAAAAAAAAAAAAAAA", "../x"} {
		if ok, err := h.Cancel(t.Context(), item); ok || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v, %v", item, ok, err)
		}
	}
}

// TestCancelIntent: once cancelling began, nothing is handed over any more, even
// when the partner's folder could not be reached to cancel.
func TestCancelIntent(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	l := newLetter("nl")
	dies(h, 5, false) // before the manifest
	if _, err := h.HandOver(t.Context(), l); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	h = newFolder(t, func(c *Config) { c.Dir = h.cfg.Dir })
	dies(h, 2, false) // the intent is noted, the folder does not answer
	if ok, err := h.Cancel(t.Context(), itemID(l)); ok || !errors.Is(err, errDied) {
		t.Fatalf("cancelled %v, %v", ok, err)
	}
	again := newFolder(t, func(c *Config) { c.Dir = h.cfg.Dir })
	if _, err := again.HandOver(t.Context(), l); !errors.Is(err, ErrCancelled) {
		t.Errorf("handed over: %v", err)
	}
	if _, err := os.Stat(again.path(itemID(l) + ".json")); err == nil {
		t.Error("the partner can take it")
	}
}
