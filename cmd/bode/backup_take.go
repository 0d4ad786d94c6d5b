package main

import (
	"bufio"
	"bytes"
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

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/migrations/pgproc"
)

// backupTake makes a base backup.
type backupTake struct {
	backupPlace
	Database string        `help:"PostgreSQL address of a role that may replicate." env:"BODE_BACKUP_DATABASE" required:"" placeholder:"postgres://…"`
	Content  contentConfig `embed:"" prefix:"content-"`
	Keys     string        `help:"Directory of the key-encryption keys: their digests go into the manifest, they do not." type:"path" env:"BODE_KEYS"`
	Secrets  string        `help:"Directory of link.key and the others; as --keys." type:"path" env:"BODE_SECRETS"`

	ContentFirst bool `hidden:"" help:"The wrong order, for the drill that shows what it loses."`
}

// Run copies in the order in which things are put, turned round: the vault puts
// content before the row that names it and removes it after, so the database is
// copied first and content after. What comes in between is content without a row,
// which is noise; the other way round it would be a row without content.
func (c backupTake) Run(ctx context.Context, log *slog.Logger) error {
	steps := []func(context.Context) error{c.database, func(ctx context.Context) error { return copyContent(ctx, backupStore{c.Store}, c.Content) }}
	if c.ContentFirst {
		steps[0], steps[1] = steps[1], steps[0]
	}
	began := time.Now()
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	log.InfoContext(ctx, "backup taken", "store", c.Store, "took", time.Since(began).String())
	return nil
}

// database takes the base backup; its manifest comes last.
func (c backupTake) database(ctx context.Context) error {
	s, began := backupStore{c.Store}, time.Now().UTC()
	m := backupManifest{Name: began.Format(baseName), Began: began}
	var err error
	if m.Server, err = serverVersion(ctx, c.Database); err != nil {
		return err
	}
	found, err := pgproc.Find(ctx, pgproc.Search{Major: m.Server / 10000})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.base(m.Name), 0o700); err != nil {
		return err
	}
	data := filepath.Join(s.base(m.Name), "data")
	out, err := serverTool(ctx, found.Dir, "pg_basebackup", c.Database, "--pgdata="+data, "--wal-method=none",
		"--checkpoint=fast", "--manifest-checksums=SHA256").CombinedOutput()
	if err != nil {
		return errors.Join(fmt.Errorf("pg_basebackup: %w: %s", err, out), os.RemoveAll(s.base(m.Name)))
	}
	m.Ended = time.Now().UTC()
	if err := s.describe(&m); err != nil {
		return err
	}
	if m.Keys, err = digestsIn(c.Keys, ".json"); err != nil {
		return err
	}
	if m.Secrets, err = digestsIn(c.Secrets, ".key"); err != nil {
		return err
	}
	if err := s.sealLog(); err != nil {
		return err
	}
	return writeJSONFile(filepath.Join(s.base(m.Name), "manifest.json"), m)
}

func serverVersion(ctx context.Context, address string) (n int, err error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&n)
	return n, err
}

// serverManifest is the part of PostgreSQL's backup_manifest that we read.
type serverManifest struct {
	Files []struct {
		Path, Checksum string
		Size           int64
		Algorithm      string `json:"Checksum-Algorithm"`
	}
	Ranges []struct {
		Timeline int
		Start    string `json:"Start-LSN"`
		End      string `json:"End-LSN"`
	} `json:"WAL-Ranges"`
}

// describe reads from the base backup what it is.
func (s backupStore) describe(m *backupManifest) (err error) {
	path := filepath.Join(s.base(m.Name), "data", "backup_manifest")
	if m.Manifest, _, err = digestOf(path); err != nil {
		return err
	}
	var pg serverManifest
	if err := readJSONFile(path, &pg); err != nil {
		return err
	}
	for _, f := range pg.Files {
		m.Files, m.Octets = m.Files+1, m.Octets+f.Size
	}
	label, err := os.ReadFile(filepath.Join(s.base(m.Name), "data", "backup_label"))
	if err != nil {
		return err
	}
	// START WAL LOCATION: 0/2000028 (file 000000010000000000000002)
	_, rest, _ := bytes.Cut(label, []byte("(file "))
	if len(rest) < 24 || len(pg.Ranges) == 0 {
		return fmt.Errorf("%w: base %s does not say where its log begins", errDamaged, m.Name)
	}
	m.Segment, m.Last = string(rest[:24]), pg.Ranges[len(pg.Ranges)-1].End
	return nil
}

// digestsIn are the digests of the files of one kind in a folder; none without
// a folder.
func digestsIn(dir, suffix string) (map[string]string, error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), suffix) || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if all[e.Name()], _, err = digestOf(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// backupContent copies content between base backups.
type backupContent struct {
	backupPlace
	Content contentConfig `embed:"" prefix:"content-"`
	Every   time.Duration `help:"Again after this time, until told to stop; 0: once."`
}

// Run copies what is new.
func (c backupContent) Run(ctx context.Context, log *slog.Logger) error {
	for {
		err := copyContent(ctx, backupStore{c.Store}, c.Content)
		if c.Every <= 0 {
			return err
		}
		if err != nil {
			log.ErrorContext(ctx, "content is not copied", "err", err)
		}
		if pause(ctx, c.Every) != nil {
			return nil
		}
	}
}

// copyContent copies the objects that the store does not have. An object never
// changes, so one that is there is not read again. What was removed from the vault
// stays here until it is pruned: an older database still names it.
func copyContent(ctx context.Context, s backupStore, from contentConfig) error {
	if from.Dir == "" {
		return nil // of a bucket, the store of the bucket keeps a copy
	}
	state := contentState{Until: time.Now().UTC()}
	have, err := s.listed()
	if err != nil {
		return err
	}
	err = filepath.WalkDir(from.Dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		rel, err := filepath.Rel(from.Dir, path)
		if err != nil || strings.HasPrefix(d.Name(), ".") && rel != "." {
			if d.IsDir() {
				return filepath.SkipDir // drafts, which nobody can name
			}
			return err
		}
		if !d.Type().IsRegular() || have[rel].digest != "" {
			return nil
		}
		o, err := s.copyObject(path, rel)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		have[rel] = o
		return err
	})
	if err != nil {
		return err
	}
	for _, o := range have {
		state.Objects, state.Octets = state.Objects+1, state.Octets+o.size
	}
	if state.List, err = s.writeList(have); err != nil {
		return err
	}
	return writeJSONFile(s.contentState(), state)
}

// object is one copied piece of content.
type object struct {
	digest string
	size   int64
}

func (s backupStore) copyObject(path, rel string) (o object, err error) {
	f, err := os.Open(path)
	if err != nil {
		return o, err
	}
	defer f.Close()
	o.digest, o.size, err = keepWhole(filepath.Join(s.content(), rel), f)
	return o, err
}

// listed are the objects that the store has, by path.
func (s backupStore) listed() (map[string]object, error) {
	all := map[string]object{}
	f, err := os.Open(s.contentList())
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var o object
		var rel string
		if _, err := fmt.Sscanf(lines.Text(), "%64s %d %s", &o.digest, &o.size, &rel); err != nil || !filepath.IsLocal(rel) {
			return nil, fmt.Errorf("%w: a line of %s", errDamaged, s.contentList())
		}
		all[rel] = o
	}
	return all, lines.Err()
}

func (s backupStore) writeList(all map[string]object) (digest string, err error) {
	var b bytes.Buffer
	for _, rel := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s %d %s\n", all[rel].digest, all[rel].size, filepath.ToSlash(rel))
	}
	digest, _, err = keepWhole(s.contentList(), &b)
	return digest, err
}
