package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// backupCmd keeps in a store, a directory on another machine, what is lost with
// this one: base backups of the database, its write-ahead log and the content.
//
// The keys are never in it: whoever has a store without them reads no content.
// The database is in it in clear; encrypting it is left to what carries the store.
type backupCmd struct {
	Take    backupTake    `cmd:"" help:"Copy the database while it works, then the content that the store does not have."`
	Content backupContent `cmd:"" help:"Copy the content that the store does not have; once, or again and again."`
	WAL     backupWAL     `cmd:"" name:"wal" help:"Put one finished segment of the log into the store; for PostgreSQL's archive_command."`
	Receive backupReceive `cmd:"" help:"Receive the log as it is written, so that PostgreSQL can wait for it, until told to stop."`
	Verify  backupVerify  `cmd:"" help:"Hold everything in the store against its digests, and the log against gaps."`
	Prune   backupPrune   `cmd:"" help:"Remove base backups that are old, and the log and content that only they need."`
}

// backupPlace is where a store is.
type backupPlace struct {
	Store string `help:"Directory of the store, on another machine." type:"path" env:"BODE_BACKUP_STORE" required:""`
}

// What is wrong with a store, or with what is asked of it.
var (
	errNoBackup  = errors.New("no complete base backup")
	errDamaged   = errors.New("the store is damaged")
	errKeysApart = errors.New("keys are not there")
	errOtherLog  = errors.New("the store has another segment of this name")
)

// backupStore is a directory:
//
//	base/NAME/data           a base backup, with PostgreSQL's own manifest
//	base/NAME/manifest.json  what it is; written last: without it there is no backup
//	log/                     segments of the write-ahead log, by PostgreSQL's names
//	digests/                 the SHA-256 of each finished segment
//	content/                 objects, as they lie in the vault: encrypted
//	content.sha256           the SHA-256, size and path of each of them
//	content.json             since when everything is there
type backupStore struct{ dir string }

func (s backupStore) base(name string) string   { return filepath.Join(s.dir, "base", name) }
func (s backupStore) log() string               { return filepath.Join(s.dir, "log") }
func (s backupStore) digest(name string) string { return filepath.Join(s.dir, "digests", name) }
func (s backupStore) content() string           { return filepath.Join(s.dir, "content") }
func (s backupStore) contentList() string       { return filepath.Join(s.dir, "content.sha256") }
func (s backupStore) contentState() string      { return filepath.Join(s.dir, "content.json") }

// backupManifest says what a base backup is and what it needs.
type backupManifest struct {
	Name     string    `json:"name"`
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended"`  // no moment before it can be restored
	Server   int       `json:"server"` // version of PostgreSQL, as its server_version_num
	Segment  string    `json:"segment"`
	Last     string    `json:"last"` // segments of the log from and to which it is of no use without
	Files    int       `json:"files"`
	Octets   int64     `json:"octets"`
	Manifest string    `json:"backup_manifest"` // SHA-256 of PostgreSQL's manifest, which has that of every file

	// SHA-256 of the keys that the service had, by file. A digest of 256 random
	// bits tells nobody what they are.
	Keys    map[string]string `json:"keys,omitempty"`
	Secrets map[string]string `json:"secrets,omitempty"`
}

// baseName is how a base backup is called, after when it began.
const baseName = "20060102T150405Z"

// contentState says how far the copy of the content goes.
type contentState struct {
	Until   time.Time `json:"until"` // whatever was named by then is there
	Objects int       `json:"objects"`
	Octets  int64     `json:"octets"`
	List    string    `json:"list"` // SHA-256 of content.sha256
}

// bases are the complete base backups, oldest first.
func (s backupStore) bases() ([]backupManifest, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "base"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []backupManifest
	for _, e := range entries {
		var m backupManifest
		err := readJSONFile(filepath.Join(s.base(e.Name()), "manifest.json"), &m)
		if errors.Is(err, fs.ErrNotExist) {
			continue // cut off, or under way
		}
		if err != nil {
			return nil, fmt.Errorf("%w: base %s: %w", errDamaged, e.Name(), err)
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b backupManifest) int { return a.Ended.Compare(b.Ended) })
	return all, nil
}

func readJSONFile(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func writeJSONFile(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, _, err = keepWhole(path, strings.NewReader(string(text)+"\n"))
	return err
}

// keepWhole writes a file that is there whole and durably, or not at all. It
// returns its SHA-256 and size.
func keepWhole(path string, r io.Reader) (digest string, n int64, err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", 0, err
	}
	f, err := os.CreateTemp(dir, ".part-")
	if err != nil {
		return "", 0, err
	}
	defer os.Remove(f.Name()) // in vain once it has its name
	sum := sha256.New()
	n, err = io.Copy(io.MultiWriter(f, sum), r)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", 0, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(sum.Sum(nil)), n, syncFolder(dir)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// digestOf is the SHA-256 and the size of a file.
func digestOf(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), n, err
}
