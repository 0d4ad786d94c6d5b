package post

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/bode-erds/bode/delivery"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestSFTPWholeStory runs one letter to its end through OpenSSH.
func TestSFTPWholeStory(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, 0)
	h := newSFTPFolder(t, s, nil)
	if err := h.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := newLetter("nl")
	p, _ := handOver(t, h, l)
	again, err := h.HandOver(t.Context(), l)
	if err != nil || again.SHA256 != p.SHA256 {
		t.Fatalf("again: %v", err)
	}
	if got := strings.Join(namesIn(t, s.folder), " "); got != p.Item+".json "+p.Item+".pdf" {
		t.Errorf("the folder has %s", got)
	}
	if got := namesIn(t, filepath.Join(s.folder, "tmp")); len(got) != 0 {
		t.Errorf("left in tmp: %v", got)
	}
	partner := StandIn{s.folder}
	if items, err := partner.Post(clock.Add(-3 * time.Hour)); err != nil || len(items) != 1 {
		t.Fatalf("stand-in took %v, %v", items, err)
	}
	if err := partner.Report(p.Item, delivery.PostReturned, "N03", clock.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	r := reports(t, h)
	if len(r) != 4 || r[0].Status != delivery.PostAcknowledged || r[2].Documents == nil || !ValidS10(r[2].Tracking) || r[3].Cause != "unclaimed" {
		t.Fatalf("reports: %+v", r)
	}
	if got := read(t, r[2].Documents[0]); !bytes.HasPrefix(got, []byte("%PDF-")) {
		t.Errorf("deposit proof: %q", got)
	}
	for _, one := range r {
		if err := h.Done(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	if r := reports(t, h); len(r) != 0 {
		t.Errorf("after done: %+v", r)
	}
	if got := namesIn(t, filepath.Join(s.folder, "status")); len(got) != 0 {
		t.Errorf("status has %v", got)
	}
	if got := namesIn(t, filepath.Join(s.folder, "status", "done")); len(got) != 6 {
		t.Errorf("done has %v", got)
	}
	if _, err := h.HandOver(t.Context(), l); !errors.Is(err, ErrCopyGone) {
		t.Errorf("after the end: %v", err)
	}
	if got := namesIn(t, s.folder); len(got) != 0 {
		t.Errorf("the folder has %v", got)
	}
}

// TestSFTPCut cuts the line after ever more octets. Nothing half written is ever
// under a name that the partner looks for, and the next call makes the one letter.
func TestSFTPCut(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, 0)
	l := newLetter("de", newPart("a.pdf", "application/pdf", newPDF(t, 3, 210, 297, nil)))
	line := &cutter{left: -1}
	dir := t.TempDir()
	probe := newSFTPFolder(t, s, func(c *SFTPConfig) { c.Dir = dir })
	handOver(t, probe, l) // once, to have the letter on disk: each run below begins with a copy
	clearFolder(t, s.folder)
	for _, n := range []int{0, 100, 1500, 2500, 3000, 3500, 4000, 5000, 20_000, 60_000, 100_000, 140_000, 160_000, 170_000} {
		h := newSFTPFolder(t, s, func(c *SFTPConfig) { c.Dir, c.Dial = t.TempDir(), line.dial })
		copyDir(t, filepath.Join(dir, "sent"), h.path("sent"))
		unplaced(t, h, itemID(l))
		line.after(n)
		_, err := h.HandOver(t.Context(), l)
		line.after(-1)
		if err != nil && Permanent(err) {
			t.Errorf("cut at %d: %v counts as permanent", n, err)
		}
		neverHalf(t, s.folder, itemID(l))
		if _, err := h.HandOver(t.Context(), l); err != nil {
			t.Fatalf("cut at %d: then %v", n, err)
		}
		if items, err := (StandIn{s.folder}).Process(delivery.PostAcknowledged, "", clock); err != nil || len(items) != 1 {
			t.Errorf("cut at %d: partner got %v, %v", n, items, err)
		}
		clearFolder(t, s.folder)
	}
	if line.cuts < 8 {
		t.Errorf("only %d lines were cut", line.cuts)
	}
}

// neverHalf fails when a PDF under its final name is not the letter.
func neverHalf(t *testing.T, folder, item string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder, item+".pdf"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(folder, item+".json")); err == nil {
			t.Error("a manifest without its letter")
		}
		return
	}
	if err != nil || !bytes.Contains(b[max(0, len(b)-20):], []byte("%%EOF")) {
		t.Errorf("half a letter: %d octets, %v", len(b), err)
	}
}

// unplaced lets the record of a letter say that nothing was uploaded.
func unplaced(t *testing.T, h *HotFolder, item string) {
	t.Helper()
	rec, err := h.record(item)
	if err != nil {
		t.Fatal(err)
	}
	rec.PDFPlaced, rec.Placed, rec.PlacedAt = false, false, time.Time{}
	if err := h.store(rec); err != nil {
		t.Fatal(err)
	}
	if err := h.put(h.path("open", item), nil); err != nil {
		t.Fatal(err)
	}
}

func clearFolder(t *testing.T, dir string) {
	t.Helper()
	if err := clearDir(dir); err != nil {
		t.Fatal(err)
	}
	for _, sub := range remoteFolders {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	for _, name := range namesIn(t, from) {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSFTPReconnects: a connection that died between two calls is no error.
func TestSFTPReconnects(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, 0)
	h := newSFTPFolder(t, s, nil)
	if err := h.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.drop.(*sftpDrop).live.conn.Close()
	if r := reports(t, h); len(r) != 0 {
		t.Errorf("reports: %+v", r)
	}
}

// TestSFTPStrangers: a server with another key is sent nothing, and neither is
// one that does not know us, or says nothing.
func TestSFTPStrangers(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, 0)
	other := newKey(t, filepath.Join(t.TempDir(), "other"))
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, c := range map[string]struct {
		change func(*SFTPConfig)
		want   error
	}{
		"host key": {func(c *SFTPConfig) { c.HostKeys = []ssh.PublicKey{other.PublicKey()} }, ErrHostKey},
		"sign in":  {func(c *SFTPConfig) { c.Auth = []ssh.AuthMethod{ssh.PublicKeys(other)} }, ErrSignIn},
		"password": {func(c *SFTPConfig) { c.Auth = []ssh.AuthMethod{ssh.Password("guess")} }, ErrSignIn},
		"user":     {func(c *SFTPConfig) { c.User = "nobody-here" }, ErrSignIn},
		"folder":   {func(c *SFTPConfig) { c.Folder = "/nowhere" }, fs.ErrNotExist},
		"silence": {func(c *SFTPConfig) {
			c.Addr, c.Timeout = silent.Addr().String(), 200*time.Millisecond
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newSFTPFolder(t, s, c.change)
			_, err := h.HandOver(t.Context(), newLetter("nl"))
			if err == nil || Permanent(err) || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
			if err := h.Check(t.Context()); err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("check: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		if got := namesIn(t, s.folder); len(got) != 0 {
			t.Errorf("the folder has %v", got)
		}
	})
}
