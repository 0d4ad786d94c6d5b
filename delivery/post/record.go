package post

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// record is what we remember of a letter, in sent/<item>.json. It outlives the
// letter: without it, a repeated call would post a second one. The manifest,
// with its personal data, goes once there is a final report.
type record struct {
	Item      string    `json:"item"`
	Letter    string    `json:"letter"` // fingerprint
	Pages     int       `json:"pages"`
	SHA256    string    `json:"sha256"`
	Created   time.Time `json:"created"`
	PDFPlaced bool      `json:"pdf_placed"`
	Placed    bool      `json:"placed"`
	Cancelled bool      `json:"cancelled,omitempty"`
	Manifest  *Manifest `json:"manifest,omitempty"`
}

// record reads what we know of an item. Errors: fs.ErrNotExist.
func (h *HotFolder) record(item string) (record, error) {
	var rec record
	b, err := os.ReadFile(h.path("sent", item+".json"))
	if err != nil {
		return rec, fmt.Errorf("post: %w", err)
	}
	if err := json.Unmarshal(b, &rec); err != nil {
		return rec, fmt.Errorf("post: record of item %s: %w", item, err)
	}
	return rec, nil
}

func (h *HotFolder) store(rec record) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	return h.put(h.path("sent", rec.Item+".json"), b)
}

// kept reads our copy of a letter. Errors: ErrCopyGone.
func (h *HotFolder) kept(rec record) ([]byte, error) {
	b, err := os.ReadFile(h.path("sent", rec.Item+".pdf"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: item %s", ErrCopyGone, rec.Item)
	}
	if err != nil {
		return nil, fmt.Errorf("post: %w", err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != rec.SHA256 {
		return nil, fmt.Errorf("post: copy of item %s is damaged", rec.Item)
	}
	return b, nil
}

// forget removes the copy of a letter and the personal data in its record.
func (h *HotFolder) forget(item string) error {
	rec, err := h.record(item)
	if err != nil {
		return err
	}
	if rec.Manifest != nil && rec.Placed {
		rec.Manifest = nil
		if err := h.store(rec); err != nil {
			return err
		}
	}
	if err := os.Remove(h.path("sent", item+".pdf")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("post: %w", err)
	}
	return nil
}

// forgetOld forgets letters that never got a final report, after
// Config.KeepCopies.
func (h *HotFolder) forgetOld(ctx context.Context) error {
	entries, err := os.ReadDir(h.path("sent"))
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	for _, e := range entries {
		item, ok := strings.CutSuffix(e.Name(), ".pdf")
		if !ok {
			continue
		}
		rec, err := h.record(item)
		if errors.Is(err, fs.ErrNotExist) {
			continue // between steps 2 and 3 of HandOver
		}
		if err == nil && h.cfg.Now().Sub(rec.Created) > h.cfg.KeepCopies {
			err = h.forget(item)
		}
		if err != nil {
			h.cfg.Logger.WarnContext(ctx, "copy of letter not removed", "item", item, "error", err)
		}
	}
	return nil
}

// createFile makes a new file that only we can read until it is in place.
func createFile(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
}

// put writes a file so that it is there in full or not at all, also after a
// power failure. What lay under the name is replaced.
func (h *HotFolder) put(path string, b []byte) error {
	tmp := h.path("tmp", filepath.Base(path)+".part")
	err := h.fill(tmp, b)
	if err == nil {
		err = rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
		return fmt.Errorf("post: writing %s: %w", filepath.Base(path), err)
	}
	return nil
}

func (h *HotFolder) fill(tmp string, b []byte) (err error) {
	f, err := h.create(tmp)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(b); err != nil {
		return err
	}
	return f.Sync()
}

// rename moves a finished file and makes the move itself durable.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("post: %w", err)
	}
	d, err := os.Open(filepath.Dir(to))
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("post: %w", err)
	}
	return nil
}

// clearDir empties a folder of what a crash left there.
func clearDir(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	if err != nil {
		return fmt.Errorf("post: clearing %s: %w", filepath.Base(dir), err)
	}
	return nil
}
