package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// restoreCmd makes from a store what a server can be started on.
type restoreCmd struct {
	backupPlace
	To      string `help:"latest: all that the log has; content: the last moment of which the store has all content; or a moment, RFC 3339." default:"latest"`
	Keys    string `help:"Directory of the key-encryption keys, which are not in the store." type:"path" env:"BODE_KEYS"`
	Secrets string `help:"Directory of link.key and the others, which are not in the store." type:"path" env:"BODE_SECRETS"`
	NoKeys  bool   `name:"without-keys" help:"Restore although keys are missing: what they sealed stays closed for ever."`
	Into    string `arg:"" help:"Directory that is empty or not there yet; gets data and content." type:"path"`
}

// moment is what --to says; the zero time is the end of the log.
func (c restoreCmd) moment(s backupStore) (time.Time, error) {
	switch c.To {
	case "latest", "":
		return time.Time{}, nil
	case "content":
		var state contentState
		if err := readJSONFile(s.contentState(), &state); err != nil {
			return time.Time{}, fmt.Errorf("%w: no content in the store: %w", errNoBackup, err)
		}
		return state.Until, nil
	}
	at, err := time.Parse(time.RFC3339Nano, c.To)
	if err != nil {
		return at, fmt.Errorf("%w: --to: latest, content, or a moment such as 2026-11-22T19:30:00Z", errUsage)
	}
	return at.UTC(), nil
}

// Run restores; nothing of what is served or sent happens here. A crash leaves a
// directory without recovery.signal: remove it and begin again.
func (c restoreCmd) Run(ctx context.Context, log *slog.Logger) error {
	s := backupStore{c.Store}
	to, err := c.moment(s)
	if err != nil {
		return err
	}
	m, err := s.baseFor(to)
	if err != nil {
		return err
	}
	// 1. Without the keys everything else would be in vain: they come first.
	if err := c.keys(m); err != nil && !c.NoKeys {
		return err
	} else if err != nil {
		log.WarnContext(ctx, "restoring although keys are missing", "err", err)
	}
	if err := emptyDir(c.Into); err != nil {
		return err
	}
	data := filepath.Join(c.Into, "data")
	// 2. The base backup, each file held against its digest as it is copied.
	if err := s.verifyBaseInto(ctx, m, data); err != nil {
		return err
	}
	// 3. The log since.
	if err := s.restoreLog(m, filepath.Join(data, "pg_wal")); err != nil {
		return err
	}
	// 4. Content.
	if err := s.restoreContent(ctx, filepath.Join(c.Into, "content"), to); err != nil {
		return err
	}
	// 5. What makes the next start of the server a recovery; last.
	if err := recoverySettings(data, to); err != nil {
		return err
	}
	log.InfoContext(ctx, "restored", "base", m.Name, "to", c.To, "into", c.Into)
	fmt.Printf("base     %s\nto       %s\ndata     %s\ncontent  %s\nserver   %d\n", m.Name, c.To, data, filepath.Join(c.Into, "content"), m.Server/10000)
	return nil
}

// baseFor is the newest base backup that ended before the moment.
func (s backupStore) baseFor(to time.Time) (backupManifest, error) {
	bases, err := s.bases()
	if err != nil {
		return backupManifest{}, err
	}
	for _, m := range slices.Backward(bases) {
		if to.IsZero() || !m.Ended.After(to) {
			return m, nil
		}
	}
	if len(bases) == 0 {
		return backupManifest{}, fmt.Errorf("%w in %s", errNoBackup, s.dir)
	}
	return backupManifest{}, fmt.Errorf("%w that ended before %s; the oldest ended at %s", errNoBackup,
		to.Format(time.RFC3339Nano), bases[0].Ended.Format(time.RFC3339Nano))
}

// keys says which keys of the time of the backup are missing or others. A month
// that was destroyed on purpose is none of them.
func (c restoreCmd) keys(m backupManifest) error {
	var errs []error
	for _, part := range []struct {
		flag, dir string
		want      map[string]string
	}{{"--keys", c.Keys, m.Keys}, {"--secrets", c.Secrets, m.Secrets}} {
		for _, name := range slices.Sorted(maps.Keys(part.want)) {
			path := filepath.Join(part.dir, name)
			if _, err := os.Stat(strings.TrimSuffix(path, ".json") + ".destroyed"); err == nil && part.dir != "" {
				continue
			}
			switch digest, _, err := digestOf(path); {
			case part.dir == "" || errors.Is(err, fs.ErrNotExist):
				errs = append(errs, fmt.Errorf("%w: %s of %s", errKeysApart, name, part.flag))
			case err != nil:
				errs = append(errs, err)
			case digest != part.want[name]:
				errs = append(errs, fmt.Errorf("%w: %s of %s is another key than that of the backup", errKeysApart, name, part.flag))
			}
		}
	}
	if len(errs) > 0 {
		errs = append(errs, errors.New("keys are kept apart from the store: bring back their own copy; without them no content, authenticator or identification can be read"))
	}
	return errors.Join(errs...)
}

// emptyDir makes a directory, or makes sure that nothing is in it.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return os.MkdirAll(dir, 0o700)
	}
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%w: %s is not empty", errUsage, dir)
	}
	return err
}
