package post

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

// stumbles lets the nth change of h, in our records or on the server, be the
// last.
func stumbles(h *HotFolder, n int, after bool) {
	server := h.drop
	dies(h, n, after)
	h.drop.(*faulty).drop = server
}

// TestSFTPCrash stops handing over, and then cancelling, at every step, done on
// the server and not done, with a partner that takes what it can in between or
// not. There is one letter in the end, or none and it was cancelled.
func TestSFTPCrash(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, 0)
	for _, quick := range []bool{false, true} {
		for _, after := range []bool{false, true} {
			for step := 3; step <= 6; step++ {
				name := fmt.Sprintf("step %d, done %v, partner quick %v", step, after, quick)
				clearFolder(t, s.folder)
				h := newSFTPFolder(t, s, nil)
				l := newLetter("nl")
				stumbles(h, step, after)
				if _, err := h.HandOver(t.Context(), l); !errors.Is(err, errDied) {
					t.Fatalf("%s: %v", name, err)
				}
				neverHalf(t, s.folder, itemID(l))
				taken := partnerTakes(t, s, quick)
				again := newSFTPFolder(t, s, func(c *SFTPConfig) { c.Dir = h.cfg.Dir })
				if _, err := again.HandOver(t.Context(), l); err != nil {
					t.Fatalf("%s: after the crash: %v", name, err)
				}
				if taken += partnerTakes(t, s, true); taken != 1 {
					t.Errorf("%s: %d letters", name, taken)
				}
			}
		}
	}
}

func TestSFTPCancelCrash(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, 0)
	for _, quick := range []bool{false, true} {
		for _, after := range []bool{false, true} {
			for step := 1; step <= 6; step++ {
				name := fmt.Sprintf("step %d, done %v, partner quick %v", step, after, quick)
				clearFolder(t, s.folder)
				h := newSFTPFolder(t, s, nil)
				l := newLetter("nl")
				p, _ := handOver(t, h, l)
				stumbles(h, step, after)
				first, _ := h.Cancel(t.Context(), p.Item)
				taken := partnerTakes(t, s, quick)
				again := newSFTPFolder(t, s, func(c *SFTPConfig) { c.Dir = h.cfg.Dir })
				ok, err := again.Cancel(t.Context(), p.Item)
				if err != nil || ok == (taken == 1) || first && taken == 1 {
					t.Errorf("%s: cancelled %v, then %v, the partner took %d, %v", name, first, ok, taken, err)
				}
				if n := partnerTakes(t, s, true); n != 0 {
					t.Errorf("%s: the partner then got %d", name, n)
				}
				if got := append(namesIn(t, s.folder), namesIn(t, filepath.Join(s.folder, "withdrawn"))...); len(got) != 0 {
					t.Errorf("%s: left: %v", name, got)
				}
			}
		}
	}
}

// partnerTakes lets the partner take what waits, if it is quick.
func partnerTakes(t *testing.T, s *sshServer, quick bool) int {
	t.Helper()
	if !quick {
		return 0
	}
	items, err := (StandIn{s.folder}).Process(delivery.PostPrinted, "", clock)
	if err != nil {
		t.Fatal(err)
	}
	return len(items)
}
