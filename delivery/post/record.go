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

	"github.com/bode-erds/bode/delivery"
)

// record is what we remember of a letter, in sent/<item>.json. It outlives the
// letter: without it, a repeated call would post a second one. The manifest,
// with its personal data, goes once there is a final report.
type record struct {
	Item        string              `json:"item"`
	Letter      string              `json:"letter"` // fingerprint
	Pages       int                 `json:"pages"`
	SHA256      string              `json:"sha256"`
	Created     time.Time           `json:"created"`
	PDFPlaced   bool                `json:"pdf_placed"`
	Placed      bool                `json:"placed"`
	PlacedAt    time.Time           `json:"placed_at,omitzero"`
	Again       time.Time           `json:"again,omitzero"`        // put there again, for want of an answer
	Withdrawing bool                `json:"withdrawing,omitempty"` // nothing is handed over any more
	Cancelled   bool                `json:"cancelled,omitempty"`
	Status      delivery.PostStatus `json:"status,omitempty"` // the furthest that was taken in
	Manifest    *Manifest           `json:"manifest,omitempty"`
	Remote      *remote             `json:"remote,omitempty"` // of a partner that is not a folder

	// What the postal operator's own interface said.
	Barcode string                `json:"barcode,omitempty"`
	Asked   time.Time             `json:"asked,omitzero"`    // last
	Pending []delivery.PostReport `json:"pending,omitempty"` // not yet done with
	Told    []string              `json:"told,omitempty"`    // ids that were done with
}

// record reads what we know of an item. Errors: fs.ErrNotExist.
func (d *desk) record(item string) (record, error) {
	var rec record
	b, err := os.ReadFile(d.path("sent", item+".json"))
	if err != nil {
		return rec, fmt.Errorf("post: %w", err)
	}
	if err := json.Unmarshal(b, &rec); err != nil {
		return rec, fmt.Errorf("post: record of item %s: %w", item, err)
	}
	return rec, nil
}

func (d *desk) store(rec record) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	return d.put(d.path("sent", rec.Item+".json"), b)
}

// kept reads our copy of a letter. Errors: ErrCopyGone.
func (d *desk) kept(rec record) ([]byte, error) {
	b, err := os.ReadFile(d.path("sent", rec.Item+".pdf"))
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
func (d *desk) forget(item string) error {
	rec, err := d.record(item)
	if err != nil {
		return err
	}
	if rec.Manifest != nil && (rec.Placed || rec.Cancelled) {
		rec.Manifest = nil
		if err := d.store(rec); err != nil {
			return err
		}
	}
	for _, path := range []string{d.path("sent", item+".pdf"), d.path("open", item)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("post: %w", err)
		}
	}
	return nil
}

// underWay reads the records of letters that have not ended.
func (d *desk) underWay(ctx context.Context) ([]record, error) {
	entries, err := os.ReadDir(d.path("open"))
	if err != nil {
		return nil, fmt.Errorf("post: %w", err)
	}
	var all []record
	for _, e := range entries {
		rec, err := d.record(e.Name())
		switch {
		case errors.Is(err, fs.ErrNotExist): // between steps 2 and 3 of HandOver
		case err != nil:
			d.cfg.Logger.WarnContext(ctx, "record of letter", "item", e.Name(), "error", err)
		default:
			all = append(all, rec)
		}
	}
	return all, nil
}

// change reads a record, lets edit change it, and stores it when edit says so.
// The caller holds the lock.
func (d *desk) change(item string, edit func(*record) bool) (record, error) {
	rec, err := d.record(item)
	if err != nil || !edit(&rec) {
		return rec, err
	}
	return rec, d.store(rec)
}

// forgetOld forgets letters that never got a final report, after
// Config.KeepCopies.
func (d *desk) forgetOld(ctx context.Context) error {
	entries, err := os.ReadDir(d.path("sent"))
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	for _, e := range entries {
		item, ok := strings.CutSuffix(e.Name(), ".pdf")
		if !ok {
			continue
		}
		rec, err := d.record(item)
		if errors.Is(err, fs.ErrNotExist) {
			continue // between steps 2 and 3 of HandOver
		}
		if err == nil && d.cfg.Now().Sub(rec.Created) > d.cfg.KeepCopies {
			err = d.forget(item)
		}
		if err != nil {
			d.cfg.Logger.WarnContext(ctx, "copy of letter not removed", "item", item, "error", err)
		}
	}
	return nil
}

// prune removes papers that lie in a folder of ours for longer than
// Config.KeepCopies, except those that keep names.
func (d *desk) prune(dir string, keep map[string]bool) error {
	entries, err := os.ReadDir(d.path(dir))
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || keep[e.Name()] || filepath.Ext(e.Name()) == ".json" || d.cfg.Now().Sub(info.ModTime()) <= d.cfg.KeepCopies {
			continue
		}
		if err := os.Remove(d.path(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("post: %w", err)
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
func (d *desk) put(path string, b []byte) error {
	tmp := d.path("tmp", filepath.Base(path)+".part")
	err := d.fill(tmp, b)
	if err == nil {
		err = rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
		return fmt.Errorf("post: writing %s: %w", filepath.Base(path), err)
	}
	return nil
}

func (d *desk) fill(tmp string, b []byte) (err error) {
	f, err := d.create(tmp)
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
