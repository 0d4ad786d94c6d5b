package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Bounds on the files of a ring.
const (
	maxKeys = 32
	maxFile = 1 << 20
)

// Reload reads the folder again and swaps the keys at once. What did not change
// stays open; a file that gives no key leaves the key that it gave before; a key
// whose file is gone stays open for Grace. Without any key in the folder nothing
// changes. It is cheap when nothing changed: call it on a signal, or every
// minute. A PIN that was refused is not tried again before its file changes.
// Errors: [ErrConfig] for the folder, [ErrClosed], and those of [New], joined;
// the keys are in use all the same.
func (r *Ring) Reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	r.sweep()
	files, err := r.files()
	if err != nil {
		return err
	}
	old := make(map[string]*member)
	for _, m := range *r.keys.Load() {
		old[m.name] = m
	}
	failed := make(map[string]failedKey)
	var keys []*member
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		m, fault := r.read(name, file, old[name])
		if fault != nil {
			failed[name] = *fault
		}
		if m != nil {
			keys = append(keys, m)
		}
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		errs = append(errs, failed[name].err)
	}
	r.failed = failed
	r.faults.Store(&errs)
	if len(keys) > 0 {
		r.swap(keys)
	}
	return errors.Join(errs...)
}

// files lists the descriptions of keys.
func (r *Ring) files() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(r.cfg.Dir, "*.json"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	case len(files) == 0:
		return nil, fmt.Errorf("%w: no key in %s", ErrConfig, r.cfg.Dir)
	case len(files) > maxKeys:
		return nil, fmt.Errorf("%w: %d keys in %s", ErrConfig, len(files), r.cfg.Dir)
	}
	return files, nil
}

// read gives the key of one file: the one that was open, a new one, or the old
// one with a fault.
func (r *Ring) read(name, file string, old *member) (*member, *failedKey) {
	cfg, digest, err := r.describe(file)
	if err == nil && old != nil && old.digest == digest {
		return old, nil
	}
	if before, ok := r.failed[name]; ok && err == nil && before.digest == digest && errors.Is(before.err, ErrPIN) {
		return old, &before
	}
	if err == nil {
		var key Key
		if key, err = r.cfg.Open(cfg); err == nil {
			leaf := key.Certificates()[0]
			r.cfg.Log.Info("seal: key opened", "name", name, "subject", leaf.Subject.String(), "not_after", leaf.NotAfter)
			return &member{name, digest, key, leaf}, nil
		}
	}
	r.cfg.Log.Error("seal: key not opened", "name", name, "error", err)
	return old, &failedKey{digest, fmt.Errorf("%s: %w", name, err)}
}

// describe reads the file of a key. Its digest covers the files that it names,
// so that a new certificate or PIN is noticed under an old name.
func (r *Ring) describe(file string) (cfg Config, digest [32]byte, err error) {
	h := sha256.New()
	b, err := addFile(h, file)
	if err != nil {
		return cfg, digest, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&cfg); err != nil {
		return cfg, digest, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if dec.More() {
		return cfg, digest, fmt.Errorf("%w: more than one value", ErrConfig)
	}
	cfg.AllowFileKey, cfg.Now, cfg.Log = r.cfg.AllowFileKey, r.cfg.Now, r.cfg.Log
	for _, path := range cfg.files() {
		if _, err := addFile(h, path); err != nil {
			return cfg, digest, err
		}
	}
	return cfg, [32]byte(h.Sum(nil)), nil
}

// files lists the files that a configuration names, in a fixed order.
func (c Config) files() []string {
	all := []string{c.KeyFile, c.CertFile}
	if c.Token != nil {
		all = append(all, c.Token.PINFile)
	}
	if c.Remote != nil {
		all = append(all, c.Remote.SecretFile, c.Remote.RootsFile)
		for _, id := range slices.Sorted(maps.Keys(c.Remote.AuthFiles)) {
			all = append(all, c.Remote.AuthFiles[id])
		}
	}
	return slices.DeleteFunc(all, func(path string) bool { return path == "" })
}

// addFile reads a file and adds it to a digest, set off from the next.
func addFile(h hash.Hash, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%w: %s is too long", ErrConfig, path)
	}
	fmt.Fprintf(h, "%s %d ", path, len(b))
	h.Write(b)
	return b, nil
}

// swap puts keys in the place of the old ones and retires those that are left.
func (r *Ring) swap(keys []*member) {
	until := r.cfg.Now().Add(r.cfg.Grace)
	for _, m := range *r.keys.Swap(&keys) {
		if !slices.Contains(keys, m) {
			r.cfg.Log.Info("seal: key taken out", "name", m.name, "closed_after", until.UTC().Format(time.RFC3339))
			r.retired = append(r.retired, retiredKey{m.key, until})
		}
	}
}

// sweep closes what was taken out long enough ago.
func (r *Ring) sweep() {
	now := r.cfg.Now()
	r.retired = slices.DeleteFunc(r.retired, func(old retiredKey) bool {
		if now.Before(old.until) {
			return false
		}
		if err := old.key.Close(); err != nil {
			r.cfg.Log.Warn("seal: key not closed", "error", err)
		}
		return true
	})
}
