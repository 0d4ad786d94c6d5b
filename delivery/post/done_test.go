package post

import (
	"os"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

// TestDoneCrash stops taking a report in at every step: it comes again, the same,
// or is dealt with; it is never lost and never changed.
func TestDoneCrash(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for step := 1; step <= 6; step++ {
			h := newFolder(t, nil)
			p, _ := handOver(t, h, newLetter("nl"))
			take(t, h)
			if err := (StandIn{h.cfg.Dir}).Report(p.Item, delivery.PostDelivered, "", clock); err != nil {
				t.Fatal(err)
			}
			r := reports(t, h)
			if len(r) != 1 {
				t.Fatalf("reports: %+v", r)
			}
			dies(h, step, after)
			err := h.Done(t.Context(), r[0])
			again := newFolder(t, func(c *Config) { c.Dir = h.cfg.Dir })
			left := reports(t, again)
			if err == nil && len(left) > 0 || len(left) > 1 || len(left) == 1 && !same(left[0], r[0]) {
				t.Errorf("step %d, done %v: %v, then %+v", step, after, err, left)
			}
			for _, one := range left {
				if err := again.Done(t.Context(), one); err != nil {
					t.Error(err)
				}
			}
			if got := namesIn(t, h.path("status")); len(got) != 0 || len(reports(t, again)) != 0 {
				t.Errorf("step %d, done %v: left %v", step, after, got)
			}
			if _, err := os.Stat(h.path("sent", p.Item+".pdf")); err == nil {
				t.Errorf("step %d, done %v: the copy is still there", step, after)
			}
		}
	}
}

// TestCheck finds what would stop letters, and leaves nothing behind.
func TestCheck(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	if err := h.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if got := filesIn(t, h); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	if err := os.RemoveAll(h.path("status")); err != nil {
		t.Fatal(err)
	}
	if err := h.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "status") {
		t.Errorf("without a folder: %v", err)
	}
}

// TestDoneEndFirst: what waits beside the end of a letter still comes after the
// end was taken in.
func TestDoneEndFirst(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	p, _ := handOver(t, h, newLetter("nl"))
	waits := []delivery.PostReport{{ID: "op-a", Item: p.Item, Status: delivery.PostAccepted, At: clock}, {ID: "op-b", Item: p.Item, Status: delivery.PostDelivered, At: clock}}
	if _, err := h.change(p.Item, func(rec *record) bool { rec.Pending = waits; return true }); err != nil {
		t.Fatal(err)
	}
	if err := h.Done(t.Context(), waits[1]); err != nil {
		t.Fatal(err)
	}
	if r := reports(t, h); len(r) != 1 || r[0].ID != "op-a" {
		t.Fatalf("reports: %+v", r)
	}
	if err := h.Done(t.Context(), waits[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(h.path("sent", p.Item+".pdf")); err == nil {
		t.Error("the copy is still there")
	}
}
