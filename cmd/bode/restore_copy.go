package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// verifyBaseInto copies a base backup and checks it on the way, so that it is
// read once.
func (s backupStore) verifyBaseInto(ctx context.Context, m backupManifest, to string) error {
	from := filepath.Join(s.base(m.Name), "data")
	if digest, _, err := digestOf(filepath.Join(from, "backup_manifest")); err != nil || digest != m.Manifest {
		return fmt.Errorf("%w: the manifest of base %s", errDamaged, m.Name)
	}
	var pg serverManifest
	if err := readJSONFile(filepath.Join(from, "backup_manifest"), &pg); err != nil {
		return err
	}
	want := map[string]string{}
	for _, f := range pg.Files {
		want[f.Path] = f.Checksum
	}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		digest, err := copyPlain(path, filepath.Join(to, rel))
		if sum, known := want[rel]; err == nil && known && digest != sum {
			err = fmt.Errorf("%w: %s of base %s", errDamaged, rel, m.Name)
		}
		delete(want, rel)
		return err
	})
	if err != nil {
		return err
	}
	for rel := range want {
		return fmt.Errorf("%w: %s of base %s is missing", errDamaged, rel, m.Name)
	}
	return ctx.Err()
}

// copyPlain copies a file and returns its digest.
func copyPlain(from, to string) (string, error) {
	f, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer f.Close()
	digest, _, err := keepWhole(to, f)
	return digest, err
}

// restoreLog puts the log since the base backup beside it. The segment that was
// being received counts as far as it was written, unless the whole one is there.
func (s backupStore) restoreLog(m backupManifest, to string) error {
	names, err := s.segments()
	if err != nil {
		return err
	}
	size, err := s.segmentSize(names)
	if err != nil {
		return err
	}
	first, _, _ := position(m.Segment, size)
	found := false
	for _, name := range names {
		at, _, ok := position(name, size)
		if ok && at < first {
			continue
		}
		if err := s.verifySegment(name); err != nil {
			return fmt.Errorf("%w: log: %w", errDamaged, err)
		}
		whole := strings.TrimSuffix(name, partial)
		if _, err := os.Stat(filepath.Join(to, whole)); err == nil {
			continue
		}
		if _, err := copyPlain(filepath.Join(s.log(), name), filepath.Join(to, whole)); err != nil {
			return err
		}
		found = found || whole == m.Segment
	}
	if !found {
		return fmt.Errorf("%w: the log has no %s, with which base %s begins", errDamaged, m.Segment, m.Name)
	}
	return nil
}

// restoreContent copies what the store has, checking it. Content that came later
// than the last copy is not there: fsck will name it.
func (s backupStore) restoreContent(ctx context.Context, into string, to time.Time) error {
	all, err := s.listed()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(into, 0o700); err != nil {
		return err
	}
	for rel, o := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		digest, err := copyPlain(filepath.Join(s.content(), rel), filepath.Join(into, rel))
		if err != nil {
			return err
		}
		if digest != o.digest {
			return fmt.Errorf("%w: content %s", errDamaged, rel)
		}
	}
	return nil
}

// recoverySettings lets the next start of the server replay the log that lies in
// place, to its end or to a moment, and then take writes.
func recoverySettings(data string, to time.Time) error {
	f, err := os.OpenFile(filepath.Join(data, "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	lines := "\nrestore_command = 'false'\nrecovery_target_timeline = 'latest'\narchive_mode = 'off'\nsynchronous_standby_names = ''\n"
	if !to.IsZero() {
		lines += "recovery_target_time = '" + to.Format("2006-01-02 15:04:05.000000-07") + "'\nrecovery_target_action = 'promote'\n"
	}
	if _, err := io.WriteString(f, lines); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	_, _, err = keepWhole(filepath.Join(data, "recovery.signal"), strings.NewReader(""))
	return err
}
