//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// copyCluster copies the cluster and the password of the stopped instance
// cfg.From. Holding its lock keeps anybody from starting it meanwhile.
func (inst *instance) copyCluster(ctx context.Context, dir string) error {
	from := inst.cfg.From
	lock, err := shareLock(filepath.Join(from, "lock"))
	if err != nil {
		return err
	}
	defer releaseLock(lock)
	if _, err := os.Stat(filepath.Join(from, "data", "postmaster.pid")); err == nil {
		return fmt.Errorf("%w: %s was not stopped in order", ErrConfig, from)
	}
	password, err := os.ReadFile(filepath.Join(from, "password"))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := inst.writePassword(password); err != nil {
		return err
	}
	src := filepath.Join(from, "data")
	err = filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		return inst.copyEntry(path, filepath.Join(dir, rel), d)
	})
	if err != nil {
		return fmt.Errorf("%w: copying %s: %w", ErrStart, from, err)
	}
	return nil
}

func (inst *instance) copyEntry(src, dst string, d fs.DirEntry) error {
	switch {
	case d.IsDir():
		if err := os.Mkdir(dst, 0o700); err != nil {
			return err
		}
		return inst.account.own(dst, 0o700)
	case d.Type().IsRegular():
		in, err := os.Open(src)
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := os.OpenFile(dst, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in) // the kernel copies, by reference where it can
		if err == nil && !inst.cfg.Unsafe {
			err = out.Sync()
		}
		if err = errors.Join(err, out.Close()); err != nil {
			return err
		}
		return inst.account.own(dst, 0o600)
	default: // a tablespace link would make two servers share files
		return fmt.Errorf("%s is neither a file nor a directory", src)
	}
}
