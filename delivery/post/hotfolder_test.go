package post

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// filesIn lists what lies where the partner looks, and in tmp.
func filesIn(t *testing.T, h *HotFolder) []string {
	t.Helper()
	var all []string
	for _, dir := range []string{"", "test", "tmp"} {
		entries, err := os.ReadDir(h.path(dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !e.IsDir() || dir == "tmp" {
				all = append(all, filepath.Join(dir, e.Name()))
			}
		}
	}
	return all
}

func TestHandOver(t *testing.T) {
	t.Parallel()
	h := newFolder(t, func(c *Config) { c.Return = []string{"Bode retouren", "Postbus 1", "1000 BRUSSEL"} })
	l := newLetter("nl", newPart("a.pdf", "application/pdf", newPDF(t, 3, 210, 297, nil)))
	p, _ := handOver(t, h, l)
	raw, err := os.ReadFile(h.path(p.Item + ".json"))
	if err != nil {
		t.Fatal(err)
	}
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	if m.Pages != 8 || m.Sheets != 4 || !m.Duplex || m.Colour || m.Test || m.Product != "registered" || m.Country != "BE" ||
		m.SHA256 != p.SHA256 || m.Size != int64(len(p.PDF)) || m.Envelope != "C5/6" || m.Grams != 25 ||
		strings.Join(m.Address, "/") != "Mevrouw Ann Janssens/Kerkstraat 12 bus 4/2800 MECHELEN" ||
		m.Return[0] != "Bode retouren" || !m.Created.Equal(clock) || m.Delivery != l.Delivery {
		t.Errorf("manifest: %s", raw)
	}
	again, err := h.HandOver(t.Context(), l)
	if err != nil || again.Item != p.Item || again.SHA256 != p.SHA256 || string(again.PDF) != string(p.PDF) {
		t.Errorf("again: %v, item %s, want %s", err, again.Item, p.Item)
	}
	if got := filesIn(t, h); len(got) != 2 {
		t.Errorf("folder has %v", got)
	}
}

// TestHandOverNeverTwice: once the partner took the letter, no call and no
// process puts it there again.
func TestHandOverNeverTwice(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	l := newLetter("fr")
	first, _ := handOver(t, h, l)
	if items, err := (StandIn{h.cfg.Dir}).Process(delivery.PostAccepted, "", clock); err != nil || len(items) != 1 {
		t.Fatalf("stand-in took %v, %v", items, err)
	}
	restarted := newFolder(t, func(c *Config) { c.Dir = h.cfg.Dir; c.Now = func() time.Time { return clock.Add(time.Hour) } })
	for range 3 {
		p, err := restarted.HandOver(t.Context(), l)
		if err != nil || p.SHA256 != first.SHA256 {
			t.Fatalf("again: %v", err)
		}
	}
	if got := filesIn(t, h); len(got) != 0 {
		t.Errorf("a second letter waits: %v", got)
	}
}

func TestHandOverConflict(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*delivery.Letter){
		"subject": func(l *delivery.Letter) { l.Subject += "." },
		"address": func(l *delivery.Letter) { l.To = []string{"Iemand Anders", "Dorp 1", "9000 Gent", "BE"} },
		"content": func(l *delivery.Letter) { l.Parts[0] = newPart("message.txt", "text/plain", []byte("other")) },
		"reason":  func(l *delivery.Letter) { l.Reason = "undeliverable" },
		"parts":   func(l *delivery.Letter) { l.Parts = append(l.Parts, newPart("b.zip", "application/zip", nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFolder(t, nil)
			l := newLetter("en")
			handOver(t, h, l)
			change(&l)
			if _, err := h.HandOver(t.Context(), l); !errors.Is(err, ErrConflict) {
				t.Errorf("got %v", err)
			}
			if got := filesIn(t, h); len(got) != 2 {
				t.Errorf("folder has %v", got)
			}
		})
	}
}

func TestHandOverTestLettersApart(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	l := newLetter("en")
	l.Test = true
	p, _ := handOver(t, h, l)
	for _, name := range filesIn(t, h) {
		if filepath.Dir(name) != "test" {
			t.Errorf("%s lies where a partner posts", name)
		}
	}
	if !strings.HasPrefix(p.Item, "T") {
		t.Errorf("item %s", p.Item)
	}
}

// TestHandOverFullDisk lets every file in turn meet a full disk. Nothing half
// written is ever visible, and the next call makes the one letter.
func TestHandOverFullDisk(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skipf("no /dev/full to play a full disk: %v", err)
	}
	l := newLetter("de")
	for n := 1; ; n++ {
		h := newFolder(t, nil)
		calls := 0
		h.create = func(name string) (*os.File, error) {
			if calls++; calls == n {
				return os.OpenFile("/dev/full", os.O_WRONLY, 0)
			}
			return createFile(name)
		}
		_, err := h.HandOver(t.Context(), l)
		if err == nil {
			if n < 5 {
				t.Errorf("only %d files were written", n-1)
			}
			return
		}
		if Permanent(err) {
			t.Errorf("file %d: %v counts as permanent", n, err)
		}
		oneLetter(t, h, l)
	}
}

// TestHandOverCrash stops at every step by making its last write fail after it
// took effect, then starts a new process. In half the runs the partner takes
// what waits in between. There is exactly one letter in the end.
func TestHandOverCrash(t *testing.T) {
	t.Parallel()
	for _, quick := range []bool{false, true} {
		for n := 1; n <= 5; n++ {
			h := newFolder(t, nil)
			l := newLetter("nl")
			calls := 0
			died := errors.New("power failure")
			h.create = func(name string) (*os.File, error) {
				if calls++; calls >= n {
					return nil, died
				}
				return createFile(name)
			}
			if _, err := h.HandOver(t.Context(), l); !errors.Is(err, died) {
				t.Fatalf("file %d: %v", n, err)
			}
			if err := os.WriteFile(h.path("tmp", "left.part"), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
			taken := 0
			if quick {
				items, err := StandIn{h.cfg.Dir}.Process(delivery.PostAccepted, "", clock)
				if err != nil {
					t.Fatalf("file %d: the partner saw half a letter: %v", n, err)
				}
				taken = len(items)
			}
			again := newFolder(t, func(c *Config) { c.Dir = h.cfg.Dir })
			if _, err := again.HandOver(t.Context(), l); err != nil {
				t.Fatalf("file %d: after the crash: %v", n, err)
			}
			items, err := StandIn{h.cfg.Dir}.Process(delivery.PostAccepted, "", clock)
			if err != nil || taken+len(items) != 1 {
				t.Errorf("crash at file %d, partner quick %v: %d letters, %v", n, quick, taken+len(items), err)
			}
		}
	}
}

// oneLetter hands over again without faults and checks that one letter waits.
func oneLetter(t *testing.T, h *HotFolder, l delivery.Letter) {
	t.Helper()
	h.create = createFile
	if _, err := h.HandOver(t.Context(), l); err != nil {
		t.Errorf("after room was made: %v", err)
	}
	if items, err := (StandIn{h.cfg.Dir}).Process(delivery.PostAccepted, "", clock); err != nil || len(items) != 1 {
		t.Errorf("partner got %v, %v", items, err)
	}
}

func TestHandOverAtOnce(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	other := newFolder(t, func(c *Config) { c.Dir = h.cfg.Dir })
	l := newLetter("en")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := []*HotFolder{h, other}[i%2].HandOver(t.Context(), l); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := filesIn(t, h); len(got) != 2 {
		t.Errorf("folder has %v", got)
	}
}

func TestHandOverBusy(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	unlock, err := newFolder(t, func(c *Config) { c.Dir = h.cfg.Dir }).lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.HandOver(ctx, newLetter("nl")); !errors.Is(err, ErrBusy) && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	unlock()
	handOver(t, h, newLetter("nl"))
}

func TestHandOverDamagedMemory(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	l := newLetter("nl")
	p, _ := handOver(t, h, l)
	if err := os.WriteFile(h.path("sent", p.Item+".pdf"), []byte("altered"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.HandOver(t.Context(), l); err == nil || Permanent(err) {
		t.Errorf("altered copy: %v", err)
	}
	if err := os.Remove(h.path("sent", p.Item+".pdf")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.HandOver(t.Context(), l); !errors.Is(err, ErrCopyGone) {
		t.Errorf("no copy: %v", err)
	}
	if err := os.WriteFile(h.path("sent", p.Item+".json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.HandOver(t.Context(), l); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("damaged record: %v", err)
	}
}
