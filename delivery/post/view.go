package post

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// ViewerConfig says how pages of PDF become pictures.
type ViewerConfig struct {
	Dir     string        // of pdfinfo, pdftotext and pdftoppm, below /usr or /opt; default /usr/bin
	Slots   int           // documents at once; default 2
	Timeout time.Duration // of one document; default 30 seconds
	Memory  int64         // octets of address space; default 1 GiB
	Pages   int           // of a document at most; default 30
	Octets  int64         // of a document, and of its pictures together, at most; default 20 MiB
}

// Viewer makes pictures of the pages of PDF, in the sandbox of [Converter]: what
// reads a document that a stranger made has no network, no files of this machine,
// bounded memory and time, and hands back pictures only. Safe for concurrent use.
type Viewer struct {
	cfg   ViewerConfig
	slots chan struct{}
}

// NewViewer checks that the sandbox and the programs can be had on this machine.
func NewViewer(ctx context.Context, cfg ViewerConfig) (*Viewer, error) {
	def(&cfg.Dir, "/usr/bin")
	def(&cfg.Slots, 2)
	def(&cfg.Timeout, 30*time.Second)
	def(&cfg.Memory, 1<<30)
	def(&cfg.Pages, 30)
	def(&cfg.Octets, 20<<20)
	if !filepath.IsAbs(cfg.Dir) || cfg.Slots < 1 || cfg.Pages < 1 {
		return nil, errors.New("post: viewer: needs a whole path, a slot and a page")
	}
	dir, remove, err := jobDir()
	if err != nil {
		return nil, err
	}
	defer remove()
	for _, program := range []string{"pdfinfo", "pdftotext", "pdftoppm"} {
		path := filepath.Join(cfg.Dir, program)
		if said, err := sandboxed(ctx, cfg.Memory, dir, "/usr/bin/test", "-x", path); err != nil {
			return nil, fmt.Errorf("post: viewer: no sandbox, or no %s in it: %w: %s", path, err, said)
		}
	}
	return &Viewer{cfg: cfg, slots: make(chan struct{}, cfg.Slots)}, nil
}

// jobDir makes a directory for one run of the sandbox.
func jobDir() (dir string, remove func(), err error) {
	if dir, err = os.MkdirTemp("", "bode-view-"); err != nil {
		return "", nil, fmt.Errorf("post: viewer: %w", err)
	}
	remove = func() { os.RemoveAll(dir) }
	if err = os.Mkdir(filepath.Join(dir, "job"), 0o700); err != nil {
		remove()
		return "", nil, fmt.Errorf("post: viewer: %w", err)
	}
	return dir, remove, nil
}

// viewScript makes everything in one sandbox. A document of too many pages ends
// it before the pictures.
const viewScript = `set -e
cd /job
"$1/pdfinfo" in.pdf >info
[ "$(sed -n 's/^Pages: *//p' info)" -le "$2" ]
"$1/pdftotext" -enc UTF-8 in.pdf text
"$1/pdftoppm" -jpeg -jpegopt quality=72,optimize=y -scale-to-x 1000 -scale-to-y -1 in.pdf page`

// View implements delivery.PageViewer.
func (v *Viewer) View(ctx context.Context, pdf io.Reader) ([]delivery.PagePicture, error) {
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	dir, remove, err := jobDir()
	if err != nil {
		return nil, err
	}
	defer remove()
	job := filepath.Join(dir, "job")
	if err := v.take(filepath.Join(job, "in.pdf"), pdf); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, v.cfg.Timeout)
	defer cancel()
	said, err := sandboxed(limited, v.cfg.Memory, dir, "/bin/sh", "-c", viewScript, "view", v.cfg.Dir, strconv.Itoa(v.cfg.Pages))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if _, exited := errors.AsType[*exec.ExitError](err); exited || limited.Err() != nil {
		return nil, fmt.Errorf("%w: %s", delivery.ErrNoView, strings.ToValidUTF8(said, ""))
	}
	if err != nil {
		return nil, fmt.Errorf("post: viewer: %w", err)
	}
	return v.pictures(job)
}

// take writes the document down for the sandbox. An error of the reader is
// returned as it is.
func (v *Viewer) take(path string, pdf io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("post: viewer: %w", err)
	}
	n, err := io.Copy(f, io.LimitReader(pdf, v.cfg.Octets+1))
	if err == nil && n > v.cfg.Octets {
		err = fmt.Errorf("%w: over %d octets", delivery.ErrNoView, v.cfg.Octets)
	}
	return errors.Join(err, f.Close())
}

// pictures reads what the sandbox made. What ran there may have written anything:
// only plain files that are JPEG count.
func (v *Viewer) pictures(job string) ([]delivery.PagePicture, error) {
	left := v.cfg.Octets
	text, err := plainFile(filepath.Join(job, "text"), left)
	if err != nil {
		return nil, err
	}
	texts := strings.Split(strings.ToValidUTF8(string(text), ""), "\f")
	names, err := filepath.Glob(filepath.Join(job, "page-*.jpg")) // numbers have the same length: in order
	if err != nil || len(names) == 0 || len(names) > v.cfg.Pages {
		return nil, fmt.Errorf("%w: %d pages", delivery.ErrNoView, len(names))
	}
	var out []delivery.PagePicture
	for i, name := range names {
		b, err := plainFile(name, left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(b))
		c, err := jpeg.DecodeConfig(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("%w: page %d: %w", delivery.ErrNoView, i+1, err)
		}
		p := delivery.PagePicture{JPEG: b, Width: c.Width, Height: c.Height}
		if i < len(texts) {
			p.Text = strings.TrimSpace(texts[i])
		}
		out = append(out, p)
	}
	return out, nil
}

// plainFile reads a file of at most max octets that is no link.
func plainFile(path string, max int64) ([]byte, error) {
	s, err := os.Lstat(path)
	if err != nil || !s.Mode().IsRegular() || s.Size() > max {
		return nil, fmt.Errorf("%w: %s is missing, too large or no file", delivery.ErrNoView, filepath.Base(path))
	}
	return os.ReadFile(path)
}
