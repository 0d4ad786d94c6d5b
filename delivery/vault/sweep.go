package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Sweep removes objects that nobody refers to: content is put before the
// transaction that names it, so a crash in between leaves an orphan. It looks
// at objects last written before olderThan, by the clock of the store, and
// removes those for which keep returns false; keep must return true when in
// doubt. olderThan must lie further back than the longest time between Put and
// the commit that refers to it. Drafts left by a crash go too.
//
// It returns how many objects and drafts it removed, also beside an error.
func (v *Dir) Sweep(ctx context.Context, olderThan time.Time, keep func(name string) bool) (int, error) {
	removed := 0
	err := filepath.WalkDir(v.root, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // deleted meanwhile
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !e.Type().IsRegular() {
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !info.ModTime().Before(olderThan) {
			return nil
		}
		switch name := objectName(e.Name()); {
		case filepath.Dir(path) == filepath.Join(v.root, draftsDir):
			err = os.Remove(path)
		case checkName(name) != nil || v.path(name) != path:
			return nil // not ours: somebody else's file is not an orphan
		case keep(name):
			return nil
		default:
			err = v.Delete(ctx, name)
		}
		if err == nil {
			removed++
		}
		return err
	})
	if err != nil {
		return removed, fmt.Errorf("vault: sweep: %w", err)
	}
	return removed, nil
}
