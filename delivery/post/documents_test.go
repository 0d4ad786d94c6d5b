package post

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

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

// TestPapersAge: papers that were dealt with do not lie here for ever; those that
// wait to be taken in stay.
func TestPapersAge(t *testing.T) {
	t.Parallel()
	h := newFolder(t, func(c *Config) { c.KeepCopies = 24 * time.Hour })
	for _, name := range []string{"status/done/old.pdf", "papers/old", "papers/waits", "status/done/old.json", "papers/new"} {
		if err := os.WriteFile(h.path(name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		age := 25 * time.Hour
		if name == "papers/new" {
			age = 23 * time.Hour
		}
		if err := os.Chtimes(h.path(name), clock, clock.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	p, _ := handOver(t, h, newLetter("nl"))
	if _, err := h.change(p.Item, func(rec *record) bool {
		rec.Pending = append(rec.Pending, delivery.PostReport{ID: "a", Item: p.Item, Documents: []delivery.PostDocument{{SHA256: "waits"}}})
		return true
	}); err != nil {
		t.Fatal(err)
	}
	reports(t, h)
	if got := append(namesIn(t, h.path("papers")), namesIn(t, h.path("status", "done"))...); strings.Join(got, " ") != "new waits old.json" {
		t.Errorf("kept: %v", got)
	}
}
