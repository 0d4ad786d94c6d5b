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
	segments, err := s.pruneLog(bases[first])
	if err != nil {
		return err
	}
	objects, err := s.pruneContent(ctx, c.Content.Dir, now.Add(-c.Keep))
	fmt.Printf("removed %d base backups, %d segments, %d objects\n", first, segments, objects)
	return err
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
	if _, err := os.Stat(vault); err != nil {
		return 0, err // an empty mount point must not look like a vault without content
	}
	all, err := s.listed()
	if err != nil {
		return 0, err
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
		if err := errors.Join(os.Remove(path), os.Remove(path+".gone")); err != nil {
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

// goneSince is since when an object is seen to be gone; zero while it is there.
func (s backupStore) goneSince(path, mark string) (time.Time, error) {
	if _, err := os.Stat(path); err == nil {
		return time.Time{}, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return time.Time{}, err
	}
	if info, err := os.Stat(mark); err == nil {
		return info.ModTime(), nil
	}
	return time.Now(), os.WriteFile(mark, nil, 0o600)
}
