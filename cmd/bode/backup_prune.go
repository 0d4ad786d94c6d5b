package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// backupPrune forgets: backups no older than one can answer for.
type backupPrune struct {
	backupPlace
	Keep    time.Duration `help:"How far back a moment can still be restored." default:"336h"`
	Content contentConfig `embed:"" prefix:"content-"`
}

// Run removes base backups that nothing within Keep needs, the log before the
// oldest that stays, and content that is neither in the vault nor older than the
// first removal that Keep still covers. The newest base backup stays always.
func (c backupPrune) Run(ctx context.Context) error {
	s, now := backupStore{c.Store}, time.Now()
	bases, err := s.bases()
	if err != nil {
		return err
	}
	if len(bases) == 0 {
		return fmt.Errorf("%w in %s", errNoBackup, s.dir)
	}
	first := 0
	for i, m := range bases {
		if m.Ended.Before(now.Add(-c.Keep)) {
			first = i // the newest that is older begins what can be restored
		}
	}
	for _, m := range bases[:first] {
		// The manifest first: half a backup is none.
		if err := errors.Join(os.Remove(filepath.Join(s.base(m.Name), "manifest.json")), os.RemoveAll(s.base(m.Name))); err != nil {
			return err
		}
	}
	if err := s.pruneCut(now.Add(-c.Keep)); err != nil {
		return err
	}
	segments, err := s.pruneLog(bases[first])
	if err != nil {
		return err
	}
	objects, err := s.pruneContent(ctx, c.Content.Dir, now.Add(-c.Keep))
	fmt.Printf("removed %d base backups, %d segments, %d objects\n", first, segments, objects)
	return err
}

// pruneCut removes base backups that were cut off while they were taken or removed,
// and began before a moment. One under way is younger.
func (s backupStore) pruneCut(before time.Time) error {
	entries, err := os.ReadDir(filepath.Join(s.dir, "base"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		began, err := time.Parse(baseName, e.Name())
		if err != nil || began.After(before) {
			continue
		}
		_, err = os.Stat(filepath.Join(s.base(e.Name()), "manifest.json"))
		if errors.Is(err, os.ErrNotExist) {
			err = os.RemoveAll(s.base(e.Name()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s backupStore) pruneLog(oldest backupManifest) (n int, err error) {
	names, err := s.segments()
	if err != nil {
		return 0, err
	}
	size, err := s.segmentSize(names)
	if err != nil {
		return 0, err
	}
	first, _, _ := position(oldest.Segment, size)
	for _, name := range names {
		if at, _, ok := position(name, size); !ok || at >= first {
			continue
		}
		if err := os.Remove(filepath.Join(s.log(), name)); err != nil {
			return n, err
		}
		_ = os.Remove(s.digest(name)) // received ones may have none
		n++
	}
	return n, nil
}

// pruneContent removes copies of what the vault has no more. That it has gone is
// noted at the first look, by a mark beside the copy; it is removed once the mark
// is older than what can be restored.
func (s backupStore) pruneContent(ctx context.Context, vault string, before time.Time) (n int, err error) {
	if vault == "" {
		return 0, nil
	}
	all, err := s.listed()
	if err != nil || len(all) == 0 {
		return 0, err
	}
	if entries, err := os.ReadDir(vault); err != nil {
		return 0, err
	} else if len(entries) == 0 {
		return 0, fmt.Errorf("%w: %s", errEmptyVault, vault)
	}
	for rel := range all {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		gone, err := s.goneSince(filepath.Join(vault, rel), filepath.Join(s.content(), rel)+".gone")
		if err != nil {
			return n, err
		}
		if gone.IsZero() || gone.After(before) {
			continue
		}
		path := filepath.Join(s.content(), rel)
		// The copy first: after a crash the mark leads here again.
		if err := errors.Join(removeFile(path), removeFile(path+".gone")); err != nil {
			return n, err
		}
		delete(all, rel)
		n++
	}
	if n == 0 {
		return 0, nil
	}
	var state contentState
	if err := readJSONFile(s.contentState(), &state); err != nil {
		return n, err
	}
	state.Objects, state.Octets = 0, 0
	for _, o := range all {
		state.Objects, state.Octets = state.Objects+1, state.Octets+o.size
	}
	if state.List, err = s.writeList(all); err != nil {
		return n, err
	}
	return n, writeJSONFile(s.contentState(), state)
}

// removeFile removes a file that may have been removed before.
func removeFile(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// errEmptyVault: more likely a disk that is not there than a vault whose messages
// all went; their copies stay.
var errEmptyVault = errors.New("the vault is empty and the store has content of it: is its disk there?")

// goneSince is since when an object is seen to be gone; zero while it is there, or
// there again.
func (s backupStore) goneSince(path, mark string) (time.Time, error) {
	if _, err := os.Stat(path); err == nil {
		return time.Time{}, removeFile(mark)
	} else if !errors.Is(err, os.ErrNotExist) {
		return time.Time{}, err
	}
	if info, err := os.Stat(mark); err == nil {
		return info.ModTime(), nil
	}
	return time.Now(), os.WriteFile(mark, nil, 0o600)
}
