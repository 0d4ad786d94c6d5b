package post

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// TestUnacknowledged: after four business hours without a word the alarm is
// raised, and the letter is there once more, under the same name; never while it
// still waits, never for a letter that was heard of, cancelled or is a test.
func TestUnacknowledged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then   func(*testing.T, *HotFolder, string)
		test   bool
		alarms int
		there  bool // in the end
	}{
		"fetched":      {func(t *testing.T, h *HotFolder, _ string) { take(t, h) }, false, 2, true},
		"waiting":      {func(*testing.T, *HotFolder, string) {}, false, 2, true},
		"acknowledged": {func(t *testing.T, h *HotFolder, item string) { take(t, h); tell(t, h, item, delivery.PostAcknowledged) }, false, 0, false},
		"printed":      {func(t *testing.T, h *HotFolder, item string) { take(t, h); tell(t, h, item, delivery.PostPrinted) }, false, 0, false},
		"ended":        {func(t *testing.T, h *HotFolder, item string) { take(t, h); tell(t, h, item, delivery.PostReturned) }, false, 0, false},
		"cancelled": {func(t *testing.T, h *HotFolder, item string) {
			if ok, err := h.Cancel(t.Context(), item); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}, false, 0, false},
		"to be cancelled": {func(t *testing.T, h *HotFolder, item string) {
			take(t, h)
			if ok, err := h.Cancel(t.Context(), item); ok || err != nil {
				t.Fatal(ok, err)
			}
		}, false, 0, false},
		"test": {func(t *testing.T, h *HotFolder, _ string) { take(t, h) }, true, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			now := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC) // a Friday, 15:00 in Brussels
			h := newFolder(t, func(c *Config) {
				c.Logger = slog.New(slog.NewTextHandler(&log, nil))
				c.Now = func() time.Time { return now }
			})
			l := newLetter("nl")
			l.Test = c.test
			p, _ := handOver(t, h, l)
			c.then(t, h, p.Item)
			now = time.Date(2026, 11, 23, 9, 59, 0, 0, time.UTC) // Monday, 10:59: 2 h and 1 h 59 min
			reports(t, h)
			if strings.Contains(log.String(), "not acknowledged") {
				t.Errorf("too early: %s", log.String())
			}
			for _, at := range []int{10, 11, 14, 15} {
				now = time.Date(2026, 11, 23, at, 30, 0, 0, time.UTC)
				reports(t, h)
			}
			if n := strings.Count(log.String(), "level=ERROR msg=\"letter not acknowledged\""); n != c.alarms {
				t.Errorf("%d alarms: %s", n, log.String())
			}
			_, err := os.Stat(h.path(p.Item + ".json"))
			if (err == nil) != c.there {
				t.Errorf("manifest there: %v", err == nil)
			}
			if c.there {
				if items, err := (StandIn{h.cfg.Dir}).Process(delivery.PostAcknowledged, "", now); err != nil || len(items) != 1 || items[0] != p.Item {
					t.Errorf("partner got %v, %v", items, err)
				}
			}
		})
	}
}

func take(t *testing.T, h *HotFolder) {
	t.Helper()
	if _, err := (StandIn{h.cfg.Dir}).each(func(Manifest) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

func tell(t *testing.T, h *HotFolder, item string, status delivery.PostStatus) {
	t.Helper()
	if err := (StandIn{h.cfg.Dir}).Report(item, status, "", clock); err != nil {
		t.Fatal(err)
	}
	for _, r := range reports(t, h) {
		if err := h.Done(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBusinessHours(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	armistice := func(d time.Time) bool { return weekdays(d) && (d.Month() != 11 || d.Day() != 11) }
	for _, c := range []struct {
		from, to string
		want     time.Duration
	}{
		{"2026-11-20 10:00", "2026-11-20 12:30", 150 * time.Minute},
		{"2026-11-20 07:00", "2026-11-20 09:30", 30 * time.Minute},
		{"2026-11-20 16:00", "2026-11-20 23:00", time.Hour},
		{"2026-11-20 16:00", "2026-11-23 10:00", 2 * time.Hour},
		{"2026-11-21 10:00", "2026-11-22 23:00", 0},
		{"2026-11-10 16:00", "2026-11-12 10:00", 2 * time.Hour},
		{"2026-10-23 16:00", "2026-10-26 10:00", 2 * time.Hour}, // clocks go back
		{"2026-11-20 10:00", "2026-11-20 09:00", 0},
		{"2020-01-01 00:00", "2026-11-20 09:00", 43 * 8 * time.Hour},
	} {
		if got := businessHours(at(c.from), at(c.to), zone, armistice); got != c.want {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, got, c.want)
		}
	}
}
