package post

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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
