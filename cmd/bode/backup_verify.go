package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// backupVerify checks a store without a server.
type backupVerify struct{ backupPlace }

// Run prints each fault and ends with status 1 when there is any. Digests find
// damage, not forgery: who may write to the store may write both.
func (c backupVerify) Run(ctx context.Context) error {
	return verifyStore(ctx, backupStore{c.Store}, os.Stdout)
}

func verifyStore(ctx context.Context, s backupStore, w io.Writer) error {
	bases, err := s.bases()
	if err != nil {
		return err
	}
	if len(bases) == 0 {
		return fmt.Errorf("%w in %s", errNoBackup, s.dir)
	}
	var faults int
	fault := func(format string, a ...any) { faults++; fmt.Fprintf(w, format+"\n", a...) }
	for _, m := range bases {
		if err := s.verifyBase(ctx, m, fault); err != nil {
			return err
		}
	}
	segments, err := s.verifyLog(bases[0], fault)
	if err != nil {
		return err
	}
	objects, until, err := s.verifyContent(ctx, fault)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "store: %d base backups from %s, %d segments of the log, %d objects of content until %s; %d faults\n",
		len(bases), bases[0].Ended.Format(time.RFC3339), segments, objects, until.Format(time.RFC3339), faults)
	if faults > 0 {
		return fmt.Errorf("%w: %d faults", errDamaged, faults)
	}
	return nil
}

// verifyBase holds every file of a base backup against PostgreSQL's manifest,
// and that against ours.
func (s backupStore) verifyBase(ctx context.Context, m backupManifest, fault func(string, ...any)) error {
	data := filepath.Join(s.base(m.Name), "data")
	digest, _, err := digestOf(filepath.Join(data, "backup_manifest"))
	if err != nil || digest != m.Manifest {
		fault("base %s: its manifest is not what it was", m.Name)
		return nil
	}
	var pg serverManifest
	if err := readJSONFile(filepath.Join(data, "backup_manifest"), &pg); err != nil {
		return err
	}
	for _, f := range pg.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !filepath.IsLocal(f.Path) || f.Algorithm != "SHA256" {
			fault("base %s: %s cannot be checked", m.Name, f.Path)
			continue
		}
		digest, _, err := digestOf(filepath.Join(data, f.Path))
		if err != nil {
			fault("base %s: %s is missing", m.Name, f.Path)
		} else if digest != f.Checksum {
			fault("base %s: %s is damaged", m.Name, f.Path)
		}
	}
	return nil
}

// verifyLog looks for gaps from the oldest base backup on, and checks digests.
func (s backupStore) verifyLog(oldest backupManifest, fault func(string, ...any)) (n int, err error) {
	names, err := s.segments()
	if err != nil {
		return 0, err
	}
	size, err := s.segmentSize(names)
	if err != nil {
		return 0, err
	}
	first, _, _ := position(oldest.Segment, size)
	next := map[string]int64{oldest.Segment[:8]: first} // by timeline
	for _, name := range names {
		at, timeline, ok := position(name, size)
		if !ok || at < first {
			continue
		}
		n++
		want, known := next[timeline]
		if known && at > want {
			fault("log: segments between %s and %s are missing", segmentName(timeline, want, size), name)
		}
		if !known || at >= want { // a partial one may come after the whole
			next[timeline] = at + 1
		}
		if err := s.verifySegment(name); err != nil {
			fault("log: %v", err)
		}
	}
	if next[oldest.Segment[:8]] == first {
		fault("log: %s is missing, without which no backup is of use", oldest.Segment)
	}
	return n, nil
}

func segmentName(timeline string, n, size int64) string {
	per := int64(1<<32) / size
	return fmt.Sprintf("%s%08X%08X", timeline, n/per, n%per)
}

// verifySegment holds a finished segment against its digest.
func (s backupStore) verifySegment(name string) error {
	if strings.HasSuffix(name, partial) {
		return nil // it grows
	}
	want, err := os.ReadFile(s.digest(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil // received since the last backup
	}
	if err != nil {
		return err
	}
	digest, _, err := digestOf(filepath.Join(s.log(), name))
	if err == nil && digest != strings.TrimSpace(string(want)) {
		err = fmt.Errorf("%s is damaged", name)
	}
	return err
}

func (s backupStore) verifyContent(ctx context.Context, fault func(string, ...any)) (n int, until time.Time, err error) {
	var state contentState
	if err := readJSONFile(s.contentState(), &state); errors.Is(err, os.ErrNotExist) {
		return 0, until, nil
	} else if err != nil {
		return 0, until, err
	}
	if list, _, err := digestOf(s.contentList()); err != nil || list != state.List {
		fault("content: its list is not what it was")
	}
	all, err := s.listed()
	if err != nil {
		return 0, until, err
	}
	for rel, o := range all {
		if err := ctx.Err(); err != nil {
			return n, until, err
		}
		n++
		digest, _, err := digestOf(filepath.Join(s.content(), rel))
		if err != nil {
			fault("content: %s is missing", rel)
		} else if digest != o.digest {
			fault("content: %s is damaged", rel)
		}
	}
	return n, state.Until, nil
}
