package post

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/bode-erds/bode/delivery"
)

// newViewer is poppler in the sandbox.
func newViewer(t *testing.T, change func(*ViewerConfig)) *Viewer {
	t.Helper()
	cfg := ViewerConfig{}
	if change != nil {
		change(&cfg)
	}
	v, err := NewViewer(t.Context(), cfg)
	if err != nil {
		t.Fatalf("pictures of pages need poppler-utils and user namespaces: %v", err)
	}
	return v
}

// Every page comes in order, with the text that stands on it.
func TestView(t *testing.T) {
	t.Parallel()
	pages, err := newViewer(t, nil).View(t.Context(), bytes.NewReader(newPDF(t, 11, 210, 297, nil)))
	if err != nil || len(pages) != 11 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for i, p := range pages {
		if p.Width != 1000 || p.Height < 1410 || p.Height > 1420 || !bytes.HasPrefix(p.JPEG, []byte("\xff\xd8\xff")) {
			t.Errorf("page %d: %d × %d", i+1, p.Width, p.Height)
		}
		if i > 0 && p.Text == pages[0].Text {
			t.Errorf("page %d has the text of page 1: %q", i+1, p.Text)
		}
	}
}

// What cannot be shown gives nothing, and says so in the one way.
func TestNoView(t *testing.T) {
	t.Parallel()
	good := newPDF(t, 3, 210, 297, nil)
	v := newViewer(t, func(c *ViewerConfig) { c.Pages, c.Octets = 3, 1<<20 })
	for name, b := range map[string][]byte{
		"nothing": nil, "no PDF": []byte("<html><script>alert(1)</script>"), "half": good[:len(good)/8], "header": []byte("%PDF-1.7\n"),
		"too many pages": newPDF(t, 4, 210, 297, nil), "too large": append(bytes.Clone(good), make([]byte, 1<<20)...),
		"protected":   qpdfOut(t, good, "--encrypt", "secret", "owner", "256", "--"),
		"a long page": rawPDF("/MediaBox [0 0 1 900000] /Resources <<>>", "", ""),
	} {
		if pages, err := v.View(t.Context(), bytes.NewReader(b)); !errors.Is(err, delivery.ErrNoView) || pages != nil {
			t.Errorf("%s: %d pages, %v", name, len(pages), err)
		}
	}
	broken := errors.New("content is not what was sent")
	if _, err := v.View(t.Context(), io.MultiReader(bytes.NewReader(good), iotest.ErrReader(broken))); !errors.Is(err, broken) || errors.Is(err, delivery.ErrNoView) {
		t.Errorf("the reader's own error: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.View(ended, bytes.NewReader(good)); !errors.Is(err, context.Canceled) {
		t.Errorf("when nobody waits any more: %v", err)
	}
	slow := newViewer(t, func(c *ViewerConfig) { c.Timeout = 1 })
	if _, err := slow.View(t.Context(), bytes.NewReader(good)); !errors.Is(err, delivery.ErrNoView) {
		t.Errorf("too slow: %v", err)
	}
	if _, err := NewViewer(t.Context(), ViewerConfig{Dir: "/usr/no/such"}); err == nil {
		t.Error("programs that are not there were accepted")
	}
}

// What ran in the sandbox may leave links to our own files: they are not read.
func TestViewFollowsNoLinks(t *testing.T) {
	t.Parallel()
	v := newViewer(t, nil)
	job, secret := t.TempDir(), filepath.Join(t.TempDir(), "secret.jpg")
	if err := os.WriteFile(secret, []byte("\xff\xd8\xff secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{{"text", "page-1.jpg"}, {"page-1.jpg", "text"}} {
		if err := errors.Join(os.Symlink(secret, filepath.Join(job, c[0])), os.WriteFile(filepath.Join(job, c[1]), []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
		if pages, err := v.pictures(job); !errors.Is(err, delivery.ErrNoView) || pages != nil || strings.Contains(err.Error(), "JPEG") {
			t.Errorf("%s a link: %v", c[0], err)
		}
		os.Remove(filepath.Join(job, "text"))
		os.Remove(filepath.Join(job, "page-1.jpg"))
	}
}
