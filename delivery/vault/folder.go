package vault

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// folder makes files appear whole or not at all, and never over another one.
//
// Where the kernel can, a file has no name until it is published, so that a
// crash leaves nothing. Elsewhere it has a temporary one in the same file
// system, which a crash leaves behind for the sweep.
type folder struct {
	tmp       string // directory of temporary names
	anonymous bool   // files without a name work here
}

// openFolder creates dir (mode 0700) and finds out how files are made there.
// An error means that dir cannot hold files durably.
func openFolder(dir, tmp string) (folder, error) {
	for _, d := range []string{dir, tmp} {
		if err := makeDir(d); err != nil {
			return folder{}, err
		}
	}
	f := folder{tmp: tmp, anonymous: true}
	for _, anonymous := range []bool{true, false} {
		f.anonymous = anonymous
		err := f.probe(dir)
		if err == nil {
			return f, nil
		}
		if !anonymous {
			return folder{}, fmt.Errorf("cannot publish files in %s: %w", dir, err)
		}
	}
	return f, nil
}

func (f folder) probe(dir string) error {
	d, err := f.create(dir)
	if err != nil {
		return err
	}
	defer d.discard()
	name := filepath.Join(dir, ".probe-"+rand.Text())
	if err := d.publish(name); err != nil {
		return err
	}
	return os.Remove(name)
}

// draft is a file that nobody can see yet. Exactly one of publish and discard
// takes effect; discard after publish does nothing.
type draft struct {
	*os.File
	anonymous bool
	done      bool
}

// create opens a draft of mode 0600 that can be published in dir.
func (f folder) create(dir string) (*draft, error) {
	if f.anonymous {
		file, err := openAnonymous(dir)
		if err != nil {
			return nil, err
		}
		return &draft{File: file, anonymous: true}, nil
	}
	file, err := os.CreateTemp(f.tmp, "draft-*")
	if err != nil {
		return nil, err
	}
	return &draft{File: file}, nil
}

// publish makes the draft durable under path and closes it. The error is
// os.ErrExist when path is taken; on any error the draft is gone.
//
// A crash before the link leaves no file; after the link, before the sync of
// the directory, the file may or may not be there, and nobody was told yet.
func (d *draft) publish(path string) error {
	defer d.discard()
	if err := d.Sync(); err != nil {
		return err
	}
	if err := d.link(path); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		// The caller is told that nothing happened, so nothing may remain.
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func (d *draft) link(path string) error {
	if d.anonymous {
		return linkAnonymous(d.File, path)
	}
	// Link and not rename: a rename would silently replace an existing file.
	return os.Link(d.Name(), path)
}

func (d *draft) discard() {
	if d.done {
		return
	}
	d.done = true
	d.Close()
	if !d.anonymous {
		os.Remove(d.Name())
	}
}

// makeDir creates dir and its missing parents, each durable before the next.
func makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// syncDir makes the entries of a directory durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
