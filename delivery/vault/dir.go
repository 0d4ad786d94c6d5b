package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/bode-erds/bode/delivery"
)

// DirConfig configures [NewDir].
type DirConfig struct {
	Dir  string   // root of the objects, created when missing; needs hard links; required
	Keys *Keyring // required
}

// Dir keeps objects as files in a local directory, spread over 4096 folders.
// Any number of processes may share it.
type Dir struct {
	root  string
	files folder
	keys  *Keyring

	mu    sync.Mutex
	known map[string]bool // folders this process knows to be durable
}

// NewDir opens the directory and proves that files can be published in it.
func NewDir(cfg DirConfig) (*Dir, error) {
	if cfg.Dir == "" || cfg.Keys == nil {
		return nil, errors.New("vault: directory and keyring are required")
	}
	root, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("vault: open directory: %w", err)
	}
	files, err := openFolder(root, filepath.Join(root, draftsDir))
	if err != nil {
		return nil, fmt.Errorf("vault: open directory: %w", err)
	}
	return &Dir{root: root, files: files, keys: cfg.Keys, known: map[string]bool{}}, nil
}

// draftsDir holds what has no place yet, where files need a temporary name.
const draftsDir = ".drafts"

func (v *Dir) path(name string) string {
	return filepath.Join(v.root, fanOut(name), fileName(name))
}

// Put implements delivery.Vault. A taken name is ErrExists.
//
// Order: key durable → octets written and synced → name linked → folder synced.
// A crash before the link leaves no object; a crash after it leaves an object
// whose key nobody stored, which is noise until [Dir.Sweep] removes it.
func (v *Dir) Put(ctx context.Context, name string, r io.Reader) (delivery.Stored, error) {
	if err := checkName(name); err != nil {
		return delivery.Stored{}, err
	}
	path := v.path(name)
	if _, err := os.Lstat(path); err == nil {
		return delivery.Stored{}, fmt.Errorf("%w: %s", ErrExists, name) // before reading r in vain
	}
	r, small, err := peek(ctx, r)
	if err != nil {
		return delivery.Stored{}, err
	}
	cipher, s, err := v.keys.seal(name, small)
	if err != nil {
		return delivery.Stored{}, err
	}
	if err := v.makeFolder(fanOut(name)); err != nil {
		return delivery.Stored{}, fmt.Errorf("vault: put %s: %w", name, err)
	}
	d, err := v.files.create(filepath.Dir(path))
	if err != nil {
		return delivery.Stored{}, fmt.Errorf("vault: put %s: %w", name, err)
	}
	defer d.discard()
	if err := encrypt(&flowing{f: d.File}, r, cipher, &s); err != nil {
		return delivery.Stored{}, err
	}
	err = d.publish(path)
	if errors.Is(err, os.ErrExist) {
		return delivery.Stored{}, fmt.Errorf("%w: %s", ErrExists, name)
	}
	if err != nil {
		return delivery.Stored{}, fmt.Errorf("vault: put %s: %w", name, err)
	}
	return s, nil
}

// makeFolder creates the two levels above an object. The first use in this
// process syncs them even when they exist: another process may have made them
// and not synced yet, and an object is no more durable than its folder.
func (v *Dir) makeFolder(rel string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known[rel] {
		return nil
	}
	dir := filepath.Join(v.root, rel)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, parent := range []string{filepath.Dir(dir), v.root} {
		if err := syncDir(parent); err != nil {
			return err
		}
	}
	v.known[rel] = true
	return nil
}

// Open implements delivery.Vault. Errors: ErrMissing, ErrShredded,
// ErrKeyMissing at once; ErrAltered at once or from a later Read.
func (v *Dir) Open(ctx context.Context, s delivery.Stored) (io.ReadCloser, error) {
	if err := checkName(s.Name); err != nil {
		return nil, err
	}
	cipher, err := v.keys.unseal(s)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(v.path(s.Name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrMissing, s.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("vault: open %s: %w", s.Name, err)
	}
	return decrypt(ctx, f, cipher, s)
}

// Delete implements delivery.Vault. When it returns, the removal is durable.
func (v *Dir) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	path := v.path(name)
	err := os.Remove(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("vault: delete %s: %w", name, err)
	}
	return nil
}

// flowing writes to a file and keeps the disk busy meanwhile, so that neither
// the final sync nor the kernel's cache of unwritten octets grows with the file.
type flowing struct {
	f           *os.File
	at, started int64
}

const writebackStep = 8 << 20 // octets

func (w *flowing) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	w.at += int64(n)
	if w.at-w.started >= writebackStep {
		startWriteback(w.f, w.started, w.at-w.started)
		w.started = w.at
	}
	return n, err
}
