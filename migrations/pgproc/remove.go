//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"context"
	"errors"
	"os"
)

// Remove deletes the instance dir, after ending a server whose owner died.
// ErrInUse when somebody owns it. No instance, nothing to do.
func Remove(ctx context.Context, dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	cfg, err := Config{Dir: dir}.validate()
	if err != nil {
		return err
	}
	inst, err := openInstance(cfg)
	if err != nil {
		return err
	}
	defer inst.close()
	if err := inst.endOrphan(ctx); err != nil {
		return err
	}
	inst.remove = append(inst.remove, inst.dir)
	return nil
}
