package post

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Cancel takes a letter out of the folder again. It is too late once the partner
// took the manifest. The manifest goes first: a partner takes no PDF without one.
func (h *HotFolder) Cancel(ctx context.Context, item string) (bool, error) {
	unlock, err := h.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	rec, err := h.record(item)
	switch {
	case err != nil:
		return false, err
	case rec.Cancelled:
		return true, nil
	case rec.Manifest == nil:
		return false, nil // it has ended
	}
	dir := h.cfg.Dir
	if rec.Manifest.Test {
		dir = h.path("test")
	}
	err = os.Remove(filepath.Join(dir, item+".json"))
	if errors.Is(err, fs.ErrNotExist) && rec.Placed {
		return false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("post: %w", err)
	}
	rec.Cancelled, rec.Placed = true, true
	if err := h.store(rec); err != nil {
		return false, err
	}
	if err := os.Remove(filepath.Join(dir, rec.Manifest.PDF)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return true, fmt.Errorf("post: %w", err)
	}
	return true, nil
}
