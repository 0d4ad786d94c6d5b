package post

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// writeStatus puts raw into status/name, last changed at clock minus age.
func writeStatus(t *testing.T, h *HotFolder, name, raw string, age time.Duration) {
	t.Helper()
	if err := os.WriteFile(h.path("status", name), []byte(raw), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(h.path("status", name), clock, clock.Add(-age)); err != nil {
		t.Fatal(err)
	}
}

func reports(t *testing.T, h *HotFolder) []delivery.PostReport {
	t.Helper()
	r, err := h.Reports(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if !e.IsDir() {
			all = append(all, e.Name())
		}
	}
	return all
}

// TestReports follows one letter to its end: each report comes until it is
// done with, once, in order, and the copy of the letter goes with the last.
func TestReports(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	l := newLetter("nl")
	p, _ := handOver(t, h, l)
	s := StandIn{h.cfg.Dir}
	if _, err := s.Process(delivery.PostAccepted, "", clock.Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.Report(p.Item, delivery.PostReturned, "M04", clock.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r := reports(t, h)
		if len(r) != 2 || r[0].Status != delivery.PostAccepted || r[1].Status != delivery.PostReturned || r[1].Cause != "moved" || r[0].Cause != "" || r[0].Item != p.Item {
			t.Fatalf("reports: %+v", r)
		}
	}
	all := reports(t, h)
	if err := h.Done(t.Context(), all[0]); err != nil {
		t.Fatal(err)
	}
	if r := reports(t, h); len(r) != 1 || !same(r[0], all[1]) {
		t.Fatalf("after Done: %+v", r)
	}
	for range 2 {
		if err := h.Done(t.Context(), all[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Report(p.Item, delivery.PostReturned, "M04", clock.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if r := reports(t, h); len(r) != 0 {
		t.Errorf("a repeated report came again: %+v", r)
	}
	if got := namesIn(t, h.path("status")); len(got) != 0 {
		t.Errorf("status has %v", got)
	}
	if got := strings.Join(namesIn(t, h.path("sent")), " "); strings.Contains(got, ".pdf") {
		t.Errorf("sent still has %s", got)
	}
	if raw, err := os.ReadFile(h.path("sent", p.Item+".json")); err != nil || bytes.Contains(raw, []byte("Kerkstraat")) {
		t.Errorf("record keeps the address: %s, %v", raw, err)
	}
}

// TestReportsGarbage: nonsense goes to bad with a log line, and never stops a
// good report.
func TestReportsGarbage(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := newFolder(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	p, _ := handOver(t, h, newLetter("nl"))
	good := fmt.Sprintf(`{"id":"ok","item":%q,"status":"posted","at":"2026-11-20T08:00:00Z","extra":1}`, p.Item)
	with := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	bad := map[string]string{
		"empty":      "",
		"half":       good[:40],
		"trailing":   with(`"ok"`, `"t"`) + "{}",
		"array":      "[]",
		"no-id":      with(`"ok"`, `""`),
		"path-id":    with(`"ok"`, `"../../sent/x"`),
		"no-item":    with(p.Item, ""),
		"path-item":  with(p.Item, "../x"),
		"other-item": with(p.Item, "LAAAAAAAAAAAAAAA"),
		"status":     with("posted", "eaten"),
		"no-time":    with("2026-11-20T08:00:00Z", "0001-01-01T00:00:00Z"),
		"future":     with("2026", "2036"),
		"word-time":  with("2026-11-20T08:00:00Z", "yesterday"),
		"huge":       good + strings.Repeat(" ", maxStatus),
		"binary":     "\x00\xff\xfe",
		"clash":      with("posted", "delivered"),
	}
	for name, raw := range bad {
		writeStatus(t, h, name+".json", raw, time.Hour)
	}
	writeStatus(t, h, "aaa.json", good, time.Hour)
	writeStatus(t, h, "growing.json", good[:30], time.Minute)
	writeStatus(t, h, ".hidden.json", "x", time.Hour)
	writeStatus(t, h, "other.part", "x", time.Hour)
	if err := os.Symlink("/etc/passwd", h.path("status", "link.json")); err != nil {
		t.Fatal(err)
	}
	r := reports(t, h)
	if len(r) != 1 || r[0].ID != "ok" || r[0].Status != delivery.PostAccepted {
		t.Errorf("reports: %+v", r)
	}
	if got := namesIn(t, h.path("status", "bad")); len(got) != len(bad)+1 {
		t.Errorf("bad has %d files, want %d: %v", len(got), len(bad)+1, got)
	}
	if got := strings.Join(namesIn(t, h.path("status")), " "); got != ".hidden.json aaa.json growing.json other.part" {
		t.Errorf("status has %s", got)
	}
	if n := strings.Count(log.String(), "level=WARN"); n < len(bad) {
		t.Errorf("%d lines in the log", n)
	}
	writeStatus(t, h, "growing.json", strings.Replace(good, `"ok"`, `"later"`, 1), 0)
	if r := reports(t, h); len(r) != 2 {
		t.Errorf("a file that grew complete: %+v", r)
	}
	writeStatus(t, h, "empty.json", "", time.Hour)
	reports(t, h)
	if got := strings.Join(namesIn(t, h.path("status", "bad")), " "); !strings.Contains(got, "empty.json.2") {
		t.Errorf("an earlier bad file was replaced: %s", got)
	}
}

// TestReportsChangedMind: an id that comes again with other content is bad.
func TestReportsChangedMind(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	p, _ := handOver(t, h, newLetter("nl"))
	raw := fmt.Sprintf(`{"id":"a","item":%q,"status":"returned","cause":"weird thing","at":"2026-11-20T08:00:00Z","text":"zegt\u0007 %s"}`, p.Item, strings.Repeat("x", 900))
	writeStatus(t, h, "1.json", raw, 0)
	r := reports(t, h)
	if len(r) != 1 || r[0].Cause != "other" || !strings.HasPrefix(r[0].Text, "weird thing: zegt xxx") || len(r[0].Text) > 500 {
		t.Fatalf("reports: %+v", r)
	}
	if err := h.Done(t.Context(), r[0]); err != nil {
		t.Fatal(err)
	}
	writeStatus(t, h, "2.json", strings.Replace(raw, "returned", "delivered", 1), 0)
	if r := reports(t, h); len(r) != 0 {
		t.Errorf("reports: %+v", r)
	}
	if got := namesIn(t, h.path("status", "bad")); len(got) != 1 {
		t.Errorf("bad has %v", got)
	}
}

// TestCopiesAge: a letter without a final report does not lie here for ever.
func TestCopiesAge(t *testing.T) {
	t.Parallel()
	now := clock
	h := newFolder(t, func(c *Config) { c.KeepCopies = 24 * time.Hour; c.Now = func() time.Time { return now } })
	p, _ := handOver(t, h, newLetter("nl"))
	reports(t, h)
	if _, err := os.Stat(h.path("sent", p.Item+".pdf")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(25 * time.Hour)
	reports(t, h)
	if _, err := os.Stat(h.path("sent", p.Item+".pdf")); err == nil {
		t.Error("the copy is still there")
	}
}

func TestCanonicalCauses(t *testing.T) {
	t.Parallel()
	c, err := loadCauses()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		status      delivery.PostStatus
		cause, want string
	}{
		{delivery.PostReturned, "M05", "declined"}, {delivery.PostReturned, " unclaimed ", "unclaimed"},
		{delivery.PostRefused, "con996", "bad_pdf"}, {delivery.PostReturned, "", "other"},
		{delivery.PostReturned, "bad_pdf", "other"}, {delivery.PostRefused, "M05", "other"},
		{delivery.PostRefused, "M09", "other"}, {delivery.PostDelivered, "M05", ""}, {delivery.PostAccepted, "x", ""},
	} {
		if got := c.of(x.status, x.cause); got != x.want {
			t.Errorf("%s %q: %q, want %q", x.status, x.cause, got, x.want)
		}
	}
}

func TestStandInChecks(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	p, _ := handOver(t, h, newLetter("nl"))
	if err := os.WriteFile(h.path(p.Item+".pdf"), []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (StandIn{h.cfg.Dir}).Process(delivery.PostAccepted, "", clock); err == nil {
		t.Error("took a letter that is not its manifest's")
	}
	if err := (StandIn{t.TempDir()}).Report(p.Item, delivery.PostAccepted, "", clock); err == nil {
		t.Error("reported into something that is no hot folder")
	}
}
