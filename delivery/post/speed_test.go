package post

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// spent is the processor time of this process.
func spent(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestSpeed: a core renders at least twenty letters of a cover, a text and two
// pages a second, unsealed. Processor time is counted, not time on the clock:
// others use this machine too. It does not run beside other tests.
func TestSpeed(t *testing.T) {
	setter, l := newFolder(t, nil).setter, newLetter("nl", newPart("a.pdf", "application/pdf", pagesPDF(2)))
	dir := t.TempDir()
	render := func(n int) {
		for range n {
			to := filepath.Join(dir, "letter")
			if err := os.Mkdir(to, 0o700); err != nil {
				t.Fatal(err)
			}
			if _, err := setter.render(t.Context(), l, "LTEST", clock, to); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(to); err != nil {
				t.Fatal(err)
			}
		}
	}
	render(5)
	runtime.GC()
	const n = 60
	before := spent(t)
	render(n)
	each := (spent(t) - before) / n
	t.Logf("%v of processor time a letter, %.0f letters a second and core", each.Round(10*time.Microsecond), float64(time.Second)/float64(each))
	if limit := time.Second / 20; each > limit && !raceEnabled {
		t.Errorf("%v a letter, want at most %v", each, limit)
	}
}
