package post

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// drop is the folder that a partner reads and writes, on this machine or behind
// SFTP. Names are relative, with slashes. What is not there is fs.ErrNotExist. An
// error of put or move does not say that nothing happened: callers look again.
type drop interface {
	// put writes a file, in full or not at all. A file of the same name and
	// content is as good; with other content it stays, and that is ErrConflict.
	put(ctx context.Context, name string, b []byte) error
	open(ctx context.Context, name string) (io.ReadCloser, error)
	list(ctx context.Context, dir string) ([]entry, error)
	// move renames a file, and never over another: that is fs.ErrExist.
	move(ctx context.Context, from, to string) error
	// remove takes a file away; one that is not there is no error.
	remove(ctx context.Context, name string) error
}

// entry is a file in a drop.
type entry struct {
	name    string
	size    int64
	changed time.Time // by the clock of the machine that keeps it
	plain   bool      // an ordinary file, no folder and no link
}

// there reports whether d has a file.
func there(ctx context.Context, d drop, name string) (bool, error) {
	r, err := d.open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, r.Close()
}

// contents reads a file of at most limit octets.
func contents(ctx context.Context, d drop, name string, limit int64) ([]byte, error) {
	r, err := d.open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("post: reading %s: %w", name, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("post: %s is larger than %d octets", name, limit)
	}
	return b, nil
}

// agrees reports nil when name has content b, ErrConflict when it has other
// content, fs.ErrNotExist when it is not there.
func agrees(ctx context.Context, d drop, name string, b []byte) error {
	r, err := d.open(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	old, err := io.ReadAll(io.LimitReader(r, int64(len(b))+1))
	if err != nil {
		return fmt.Errorf("post: reading %s: %w", name, err)
	}
	if !bytes.Equal(old, b) {
		return fmt.Errorf("%w: %s", ErrConflict, name)
	}
	return nil
}

// dirDrop is a folder of this machine, below our own. One process at a time
// writes to it: callers hold the lock.
type dirDrop struct{ *desk }

func (d dirDrop) local(name string) string { return filepath.Join(d.cfg.Dir, filepath.FromSlash(name)) }

func (d dirDrop) put(ctx context.Context, name string, b []byte) error {
	if err := agrees(ctx, d, name, b); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.desk.put(d.local(name), b)
}

func (d dirDrop) open(_ context.Context, name string) (io.ReadCloser, error) {
	path := d.local(name)
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("post: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("post: %s is not a file", name)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("post: %w", err)
	}
	return f, nil
}

func (d dirDrop) list(_ context.Context, dir string) ([]entry, error) {
	found, err := os.ReadDir(d.local(dir))
	if err != nil {
		return nil, fmt.Errorf("post: %w", err)
	}
	all := make([]entry, 0, len(found))
	for _, e := range found {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("post: %w", err)
		}
		all = append(all, entry{e.Name(), info.Size(), info.ModTime(), info.Mode().IsRegular()})
	}
	return all, nil
}

func (d dirDrop) move(_ context.Context, from, to string) error {
	if _, err := os.Lstat(d.local(from)); err != nil {
		return fmt.Errorf("post: %w", err)
	}
	if _, err := os.Lstat(d.local(to)); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return fmt.Errorf("post: moving to %s: %w", to, err)
	}
	return rename(d.local(from), d.local(to))
}

func (d dirDrop) remove(_ context.Context, name string) error {
	if err := os.Remove(d.local(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("post: %w", err)
	}
	return nil
}
