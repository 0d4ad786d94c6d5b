package post

import (
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

// StandIn plays the print and post partner at the other end of a hot folder,
// for tests and for the demonstration: it takes letters and writes status
// files as a partner would. What it took lies in Dir/partner.
type StandIn struct {
	Dir string
}

// Process takes every letter that waits, test letters too, and reports status
// for each. It gives the items it took. Errors: a letter that does not match
// its manifest, or what the disk said.
func (s StandIn) Process(status delivery.PostStatus, cause string, at time.Time) ([]string, error) {
	var items []string
	for _, dir := range []string{s.Dir, filepath.Join(s.Dir, "test")} {
		found, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil {
			return items, fmt.Errorf("post: stand-in: %w", err)
		}
		for _, path := range found {
			m, err := s.take(path)
			if err != nil {
				return items, err
			}
			if err := s.Report(m.Item, status, cause, at); err != nil {
				return items, err
			}
			items = append(items, m.Item)
		}
	}
	return items, nil
}

// take checks a letter against its manifest and moves both away, the manifest
// last.
func (s StandIn) take(path string) (Manifest, error) {
	var m Manifest
	raw, err := os.ReadFile(path)
	if err != nil {
		return m, fmt.Errorf("post: stand-in: %w", err)
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("post: stand-in: manifest: %w", err)
	}
	to := filepath.Join(s.Dir, "partner")
	if err := os.MkdirAll(to, 0o750); err != nil {
		return m, fmt.Errorf("post: stand-in: %w", err)
	}
	pdf := filepath.Join(filepath.Dir(path), filepath.Base(m.PDF))
	b, err := os.ReadFile(pdf)
	if err != nil {
		return m, fmt.Errorf("post: stand-in: %w", err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != m.SHA256 || int64(len(b)) != m.Size {
		return m, fmt.Errorf("post: stand-in: item %s is not what its manifest says", m.Item)
	}
	for _, p := range []string{pdf, path} {
		if err := os.Rename(p, filepath.Join(to, filepath.Base(p))); err != nil {
			return m, fmt.Errorf("post: stand-in: %w", err)
		}
	}
	return m, nil
}

// Report writes one status file. The same item and status make the same id.
func (s StandIn) Report(item string, status delivery.PostStatus, cause string, at time.Time) error {
	id := strings.ToLower(item + "-" + string(status))
	b, err := json.Marshal(statusFile{ID: id, Item: item, Status: status, Cause: cause, At: at})
	if err != nil {
		return fmt.Errorf("post: stand-in: %w", err)
	}
	dir := filepath.Join(s.Dir, "status")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("post: stand-in: %s is not a hot folder: %w", s.Dir, err)
	}
	tmp := filepath.Join(dir, "."+id+".part")
	if err := os.WriteFile(tmp, b, 0o640); err != nil {
		return fmt.Errorf("post: stand-in: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, id+".json")); err != nil {
		return fmt.Errorf("post: stand-in: %w", err)
	}
	return nil
}
