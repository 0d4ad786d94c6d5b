package post

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// TestAcknowledgement: only the digest of our letter acknowledges it. Any other
// raises the alarm, is set aside and changes nothing.
func TestAcknowledgement(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := newFolder(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	p, _ := handOver(t, h, newLetter("nl"))
	before, err := os.ReadFile(h.path("sent", p.Item+".json"))
	if err != nil {
		t.Fatal(err)
	}
	ack := func(name, status, sha string) {
		writeStatus(t, h, name+".json", fmt.Sprintf(`{"id":%q,"item":%q,"status":%q,"sha256":%q,"at":"2026-11-20T08:00:00Z"}`, name, p.Item, status, sha), time.Hour)
	}
	other := sha256.Sum256([]byte("another letter"))
	ack("other", "acknowledged", hex.EncodeToString(other[:]))
	ack("none", "acknowledged", "")
	ack("cut", "acknowledged", p.SHA256[:63])
	ack("printed-other", "printed", hex.EncodeToString(other[:]))
	if r := reports(t, h); len(r) != 0 {
		t.Fatalf("reports: %+v", r)
	}
	if got := namesIn(t, h.path("status", "bad")); len(got) != 4 {
		t.Errorf("bad has %v", got)
	}
	if n := strings.Count(log.String(), "level=ERROR msg=\"answer to another letter\""); n != 4 {
		t.Errorf("%d alarms in %s", n, log.String())
	}
	if after, err := os.ReadFile(h.path("sent", p.Item+".json")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("record changed: %s, %v", after, err)
	}
	ack("right", "acknowledged", strings.ToUpper(p.SHA256))
	if r := reports(t, h); len(r) != 1 || r[0].Status != delivery.PostAcknowledged {
		t.Errorf("reports: %+v", r)
	}
}

// TestWholeList: every status, and the words of others for them, with causes and
// modes where they belong.
func TestWholeList(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	p, _ := handOver(t, h, newLetter("nl"))
	for _, c := range []struct {
		status, cause, mode string
		want                delivery.PostReport
	}{
		{"printed", "M05", "", delivery.PostReport{Status: delivery.PostPrinted}},
		{"posted", "", "signed", delivery.PostReport{Status: delivery.PostAccepted}},
		{"presented", "", "", delivery.PostReport{Status: delivery.PostPresented}},
		{"awaiting", "", "", delivery.PostReport{Status: delivery.PostAwaiting}},
		{"delivered", "", "unsigned", delivery.PostReport{Status: delivery.PostDelivered, Mode: "unsigned"}},
		{"returned", "M04", "", delivery.PostReport{Status: delivery.PostReturned, Cause: "moved"}},
		{"returned", "Niet afgehaald", "", delivery.PostReport{Status: delivery.PostReturned, Cause: "unclaimed"}},
		{"returned", "moon", "", delivery.PostReport{Status: delivery.PostReturned, Cause: "other", Text: "moon"}},
		{"refused", "CON997", "", delivery.PostReport{Status: delivery.PostRefused, Cause: "bad_postcode"}},
		{"refused", "M04", "", delivery.PostReport{Status: delivery.PostRefused, Cause: "other", Text: "M04"}},
		{"lost", "F01", "", delivery.PostReport{Status: delivery.PostLost, Cause: "theft"}},
		{"cancelled", "", "", delivery.PostReport{Status: delivery.PostCancelled}},
		{"CON080", "", "", delivery.PostReport{Status: delivery.PostPrinted}},
		{"recrn001c", "", "", delivery.PostReport{Status: delivery.PostDelivered, Mode: "signed"}},
		{"RECRN003C", "", "signed", delivery.PostReport{Status: delivery.PostDelivered, Mode: "signed"}},
		{"RECRN002F", "", "", delivery.PostReport{Status: delivery.PostReturned, Cause: "untraceable"}},
		{"N03", "", "", delivery.PostReport{Status: delivery.PostReturned, Cause: "unclaimed"}},
	} {
		r, err := h.report(statusFile{ID: "a", Item: p.Item, Status: c.status, Cause: c.cause, Mode: c.mode, At: clock})
		c.want.ID, c.want.Item, c.want.At = "a", p.Item, clock
		if err != nil || !same(r, c.want) {
			t.Errorf("%s %s %s: %+v, %v", c.status, c.cause, c.mode, r, err)
		}
	}
	for _, c := range []statusFile{
		{Status: "sent"}, {Status: "undeliverable"}, {Status: ""}, {Status: "delivered", Mode: "by drone"},
		{Status: "posted", Tracking: "RR473124828BE"}, {Status: "posted", Tracking: "<script>"}, {Status: "posted", Tracking: strings.Repeat("1", 51)},
	} {
		c.ID, c.Item, c.At = "a", p.Item, clock
		if r, err := h.report(c); !errors.Is(err, errNonsense) {
			t.Errorf("%+v: %+v, %v", c, r, err)
		}
	}
}

// TestPapers: papers come with their report once they are there in full, and are
// no longer the partner's to change.
func TestPapers(t *testing.T) {
	t.Parallel()
	now := clock
	h := newFolder(t, func(c *Config) { c.Now = func() time.Time { return now } })
	p, _ := handOver(t, h, newLetter("nl"))
	paper := proofPDF("proof")
	sum := sha256.Sum256(paper)
	sha := hex.EncodeToString(sum[:])
	writeStatus(t, h, "a.json", fmt.Sprintf(`{"id":"a","item":%q,"status":"posted","tracking":"rr 4731 2482 9be","at":"2026-11-20T08:00:00Z",
		"documents":[{"kind":"deposit_proof","file":"a.pdf","media_type":"application/pdf","size":%d,"sha256":%q}]}`, p.Item, len(paper), sha), time.Minute)
	if r := reports(t, h); len(r) != 0 {
		t.Errorf("without its paper: %+v", r)
	}
	writeStatus(t, h, "a.pdf", string(paper[:100]), 0)
	if r := reports(t, h); len(r) != 0 {
		t.Errorf("with half a paper: %+v", r)
	}
	writeStatus(t, h, "a.pdf", string(paper), 0)
	r := reports(t, h)
	if len(r) != 1 || len(r[0].Documents) != 1 || r[0].Tracking != "RR473124829BE" {
		t.Fatalf("reports: %+v", r)
	}
	writeStatus(t, h, "a.pdf", "something else", 0)
	if got := read(t, r[0].Documents[0]); !bytes.Equal(got, paper) || r[0].Documents[0].Size != int64(len(paper)) || r[0].Documents[0].SHA256 != sha {
		t.Errorf("paper: %q", got)
	}
	if err := h.Done(t.Context(), r[0]); err != nil {
		t.Fatal(err)
	}
	if got := append(namesIn(t, h.path("status")), namesIn(t, h.path("papers"))...); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

// TestPapersRefused: a fact counts without papers that are not what they should
// be, and nothing else comes in under their name.
func TestPapersRefused(t *testing.T) {
	t.Parallel()
	paper := proofPDF("proof")
	sum := sha256.Sum256(paper)
	good := paperFile{Kind: delivery.DepositProof, File: "a.pdf", MediaType: "application/pdf", Size: int64(len(paper)), SHA256: hex.EncodeToString(sum[:])}
	for name, spoil := range map[string]func(*paperFile){
		"missing":      func(p *paperFile) { p.File = "b.pdf" },
		"path":         func(p *paperFile) { p.File = "../sent/.lock" },
		"no file":      func(p *paperFile) { p.File = "" },
		"digest":       func(p *paperFile) { p.SHA256 = strings.Repeat("0", 64) },
		"digest path":  func(p *paperFile) { p.SHA256 = "../../x" },
		"short":        func(p *paperFile) { p.Size-- },
		"long":         func(p *paperFile) { p.Size++ },
		"empty":        func(p *paperFile) { p.Size = 0 },
		"huge":         func(p *paperFile) { p.Size = maxPaper + 1 },
		"kind":         func(p *paperFile) { p.Kind = "letter" },
		"type":         func(p *paperFile) { p.MediaType = "text/html" },
		"another type": func(p *paperFile) { p.MediaType = "image/png" },
		"not json":     func(p *paperFile) { p.MediaType = "application/json" },
		"link":         func(p *paperFile) { p.File = "link.pdf" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			now := clock
			h := newFolder(t, func(c *Config) {
				c.Logger = slog.New(slog.NewTextHandler(&log, nil))
				c.Now = func() time.Time { return now }
			})
			l, _ := handOver(t, h, newLetter("nl"))
			p := good
			spoil(&p)
			raw, err := json.Marshal(statusFile{ID: "a", Item: l.Item, Status: "posted", At: clock, Documents: []paperFile{p}})
			if err != nil {
				t.Fatal(err)
			}
			writeStatus(t, h, "a.pdf", string(paper), 0)
			writeStatus(t, h, "a.json", string(raw), 0)
			if err := os.Symlink(h.path("status", "a.pdf"), h.path("status", "link.pdf")); err != nil {
				t.Fatal(err)
			}
			now = now.Add(2 * time.Hour)
			r := reports(t, h)
			if len(r) != 1 || len(r[0].Documents) != 0 || r[0].Status != delivery.PostAccepted {
				t.Errorf("reports: %+v", r)
			}
			if !strings.Contains(log.String(), "papers of report refused") {
				t.Errorf("log: %s", log.String())
			}
			if got := namesIn(t, h.path("papers")); len(got) != 0 {
				t.Errorf("kept: %v", got)
			}
		})
	}
}

// TestDailyList: each line counts once, whether it comes in a list, in a file of
// its own or both; nonsense in a line spoils no other.
func TestDailyList(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := newFolder(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	p, _ := handOver(t, h, newLetter("nl"))
	list := "item,id,at,status,cause,tracking,mode,sha256,text\n" +
		p.Item + ",1,2026-11-19T08:00:00Z,posted,,RR473124829BE,,,\n" +
		p.Item + ",2,2026-11-20T08:00:00Z,returned,M04,RR473124829BE,,," + "\"moved, says the neighbour\"\n" +
		p.Item + ",3,yesterday,posted,,,,,\n" +
		"LAAAAAAAAAAAAAAA,4,2026-11-20T08:00:00Z,posted,,,,,\n" +
		p.Item + ",5,2026-11-20T08:00:00Z,posted,,,," + strings.Repeat("0", 64) + ",\n" +
		p.Item + ",6,2026\n"
	writeStatus(t, h, "day.csv", list, time.Minute)
	if r := reports(t, h); len(r) != 0 {
		t.Errorf("a list that may be growing: %+v", r)
	}
	writeStatus(t, h, "day.csv", list, time.Hour)
	writeStatus(t, h, "1.json", fmt.Sprintf(`{"id":"1","item":%q,"status":"posted","tracking":"RR473124829BE","at":"2026-11-19T08:00:00Z"}`, p.Item), time.Hour)
	r := reports(t, h)
	if len(r) != 2 || r[0].Status != delivery.PostAccepted || r[1].Cause != "moved" || r[1].Text != "moved, says the neighbour" {
		t.Fatalf("reports: %+v", r)
	}
	for i, one := range r {
		if err := h.Done(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		if left := reports(t, h); len(left) != 1-i {
			t.Errorf("after %d: %+v", i+1, left)
		}
	}
	if got := namesIn(t, h.path("status")); len(got) != 0 {
		t.Errorf("status has %v", got)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n == 0 {
		t.Errorf("no alarm over a line about another letter: %s", log.String())
	}
	for name, raw := range map[string]string{"no-columns": "a,b\n1,2\n", "empty": "", "binary": "\x00\xff", "nothing": "item,id,at,status\nx,y,z,w\n"} {
		writeStatus(t, h, name+".csv", raw, time.Hour)
		if r := reports(t, h); len(r) != 0 {
			t.Errorf("%s: %+v", name, r)
		}
		if _, err := os.Stat(h.path("status", "bad", name+".csv")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOutOfOrder: reports come in the order of their times, whatever the order of
// their files, and each of them is taken in; which of them counts is decided by
// rank, elsewhere.
func TestOutOfOrder(t *testing.T) {
	t.Parallel()
	h := newFolder(t, nil)
	p, _ := handOver(t, h, newLetter("nl"))
	for i, s := range []string{"delivered", "printed", "posted", "presented"} {
		at := map[string]string{"printed": "08", "posted": "08", "presented": "09", "delivered": "09"}[s]
		writeStatus(t, h, fmt.Sprintf("%d.json", i), fmt.Sprintf(`{"id":%q,"item":%q,"status":%q,"at":"2026-11-20T%s:00:00Z"}`, s, p.Item, s, at), 0)
	}
	var got []string
	for _, r := range reports(t, h) {
		got = append(got, string(r.Status))
	}
	if strings.Join(got, " ") != "printed posted presented delivered" {
		t.Errorf("order: %v", got)
	}
	all := reports(t, h)
	for _, i := range []int{3, 0, 1, 2} {
		if err := h.Done(t.Context(), all[i]); err != nil {
			t.Fatal(err)
		}
	}
	rec, err := h.record(p.Item)
	if err != nil || rec.Status != delivery.PostDelivered {
		t.Errorf("the record went back: %+v, %v", rec.Status, err)
	}
}

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

// TestProofPDF: the stand-in's papers are PDFs for others too.
func TestProofPDF(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "proof.pdf")
	if err := os.WriteFile(path, proofPDF("deposit_proof", "(a\\b)", "é"), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "qpdf", "--check", path)
	if got := textOf(t, path, 1, 1); got != "deposit_proof ?a?b? ?" {
		t.Errorf("text: %s", got)
	}
}
