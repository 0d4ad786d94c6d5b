package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// storeRig is a store of backups as the commands make it, but for the server: what
// PostgreSQL writes is made by hand. The drill of restoring has the real one.
type storeRig struct {
	t     *testing.T
	s     backupStore
	vault string
}

const segmentOctets = 1 << 20

func newStoreRig(t *testing.T) storeRig {
	t.Helper()
	return storeRig{t, backupStore{t.TempDir()}, t.TempDir()}
}

func (r storeRig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// base makes a base backup that was taken so long ago and needs the log from a
// segment on.
func (r storeRig) base(ago time.Duration, segment int64) string {
	r.t.Helper()
	began := time.Now().UTC().Add(-ago)
	m := backupManifest{Name: began.Format(baseName), Began: began, Ended: began, Segment: segmentName("00000001", segment, segmentOctets)}
	data := filepath.Join(r.s.base(m.Name), "data")
	digest, _, err := keepWhole(filepath.Join(data, "PG_VERSION"), strings.NewReader("17\n"))
	r.must(err)
	m.Manifest, _, err = keepWhole(filepath.Join(data, "backup_manifest"),
		strings.NewReader(fmt.Sprintf(`{"Files":[{"Path":"PG_VERSION","Size":3,"Checksum-Algorithm":"SHA256","Checksum":%q}]}`, digest)))
	r.must(err)
	r.must(writeJSONFile(filepath.Join(r.s.base(m.Name), "manifest.json"), m))
	return m.Name
}

// log stores segments as PostgreSQL has them stored.
func (r storeRig) log(from, to int64) {
	r.t.Helper()
	for n := from; n <= to; n++ {
		path := filepath.Join(r.t.TempDir(), segmentName("00000001", n, segmentOctets))
		r.must(os.WriteFile(path, bytes.Repeat([]byte{byte(n)}, segmentOctets), 0o600))
		r.must(backupWAL{backupPlace{r.s.dir}, path}.Run())
	}
}

// content puts objects into the vault and copies them.
func (r storeRig) content(names ...string) {
	r.t.Helper()
	for _, name := range names {
		_, _, err := keepWhole(filepath.Join(r.vault, name), strings.NewReader("noise "+name))
		r.must(err)
	}
	r.must(copyContent(r.t.Context(), r.s, contentConfig{Dir: r.vault}))
}

func (r storeRig) verify() (string, error) {
	var said strings.Builder
	err := verifyStore(r.t.Context(), r.s, &said)
	return said.String(), err
}

func (r storeRig) prune(keep time.Duration) error {
	return backupPrune{backupPlace{r.s.dir}, keep, contentConfig{Dir: r.vault}}.Run(r.t.Context())
}

// TestBackupVerify: each kind of damage is found and named, and no more than that.
func TestBackupVerify(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil func(storeRig, string)
		want  string
	}{
		"nothing":          {func(storeRig, string) {}, "0 faults"},
		"a file of a base": {func(r storeRig, b string) { r.flip(filepath.Join(r.s.base(b), "data", "PG_VERSION")) }, "PG_VERSION is damaged"},
		"a file less":      {func(r storeRig, b string) { r.must(os.Remove(filepath.Join(r.s.base(b), "data", "PG_VERSION"))) }, "PG_VERSION is missing"},
		"a manifest":       {func(r storeRig, b string) { r.flip(filepath.Join(r.s.base(b), "data", "backup_manifest")) }, "not what it was"},
		"a segment": {func(r storeRig, _ string) {
			r.flip(filepath.Join(r.s.log(), segmentName("00000001", 4, segmentOctets)))
		}, "is damaged"},
		"a segment less": {func(r storeRig, _ string) {
			r.must(os.Remove(filepath.Join(r.s.log(), segmentName("00000001", 4, segmentOctets))))
		}, "are missing"},
		"no log":            {func(r storeRig, _ string) { r.must(os.RemoveAll(r.s.log())) }, "without which no backup is of use"},
		"an object":         {func(r storeRig, _ string) { r.flip(filepath.Join(r.s.content(), "aa", "one")) }, "aa/one is damaged"},
		"an object less":    {func(r storeRig, _ string) { r.must(os.Remove(filepath.Join(r.s.content(), "aa", "one"))) }, "aa/one is missing"},
		"a list of content": {func(r storeRig, _ string) { r.flip(r.s.contentList()) }, "its list is not what it was"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newStoreRig(t)
			base := r.base(time.Hour, 3)
			r.log(3, 6)
			r.content("aa/one", "bb/two")
			tc.spoil(r, base)
			said, err := r.verify()
			if !strings.Contains(said, tc.want) || errors.Is(err, errDamaged) == (name == "nothing") {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
	if _, err := newStoreRig(t).verify(); !errors.Is(err, errNoBackup) {
		t.Errorf("an empty store: %v", err)
	}
}

// flip changes one octet in the middle of a file: in a list, of a digest.
func (r storeRig) flip(path string) {
	r.t.Helper()
	b, err := os.ReadFile(path)
	r.must(err)
	at := len(b) / 2
	if path == r.s.contentList() {
		at = 0
	}
	if b[at]++; path == r.s.contentList() && b[at] > '9' && b[at] < 'a' {
		b[at] = '0'
	}
	r.must(os.WriteFile(path, b, 0o600))
}

// TestBackupPrune: what may still be restored stays whole, whatever was cut off
// before; what is older goes, content last.
func TestBackupPrune(t *testing.T) {
	t.Parallel()
	r := newStoreRig(t)
	day := 24 * time.Hour
	old, kept, newest := r.base(30*day, 2), r.base(20*day, 5), r.base(time.Hour, 9)
	cut := filepath.Join(r.s.dir, "base", time.Now().UTC().Add(-40*day).Format(baseName), "data")
	running := filepath.Join(r.s.dir, "base", time.Now().UTC().Add(-time.Minute).Format(baseName), "data")
	r.must(errors.Join(os.MkdirAll(cut, 0o700), os.MkdirAll(running, 0o700)))
	r.log(2, 10)
	r.content("aa/one", "bb/two", "cc/three")
	r.must(os.Remove(filepath.Join(r.vault, "aa/one")))
	r.must(os.Remove(filepath.Join(r.vault, "bb/two")))
	r.must(r.prune(14 * day))
	for path, there := range map[string]bool{r.s.base(old): false, r.s.base(kept): true, r.s.base(newest): true, cut: false, running: true,
		filepath.Join(r.s.log(), segmentName("00000001", 4, segmentOctets)): false, filepath.Join(r.s.log(), segmentName("00000001", 5, segmentOctets)): true,
		filepath.Join(r.s.content(), "aa/one"): true} {
		if _, err := os.Stat(path); (err == nil) != there {
			t.Errorf("%s: %v", path, err)
		}
	}
	if said, err := r.verify(); err != nil {
		t.Errorf("after removing: %v\n%s", err, said)
	}
	// One comes back, as after a restore; the other is gone for longer than is kept.
	long := time.Now().Add(-15 * day)
	for _, name := range []string{"aa/one", "bb/two"} {
		r.must(os.Chtimes(filepath.Join(r.s.content(), name)+".gone", long, long))
	}
	r.content("aa/one")
	r.must(r.prune(14 * day))
	r.must(os.Remove(filepath.Join(r.vault, "aa/one")))
	r.must(r.prune(14 * day)) // it went just now
	for name, there := range map[string]bool{"aa/one": true, "bb/two": false, "cc/three": true} {
		if _, err := os.Stat(filepath.Join(r.s.content(), name)); (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A crash between the copy and the list.
	r.must(os.Remove(filepath.Join(r.s.content(), "aa/one")))
	r.must(os.Chtimes(filepath.Join(r.s.content(), "aa/one")+".gone", long, long))
	r.must(r.prune(14 * day))
	if said, err := r.verify(); err != nil || !strings.Contains(said, "1 objects of content") {
		t.Errorf("after all: %v\n%s", err, said)
	}
	// A disk that is not there is no vault without content.
	r.must(os.RemoveAll(filepath.Join(r.vault, "aa")))
	r.must(os.RemoveAll(filepath.Join(r.vault, "bb")))
	r.must(os.RemoveAll(filepath.Join(r.vault, "cc")))
	if err := r.prune(0); !errors.Is(err, errEmptyVault) {
		t.Errorf("an empty vault: %v", err)
	}
	if _, err := os.Stat(filepath.Join(r.s.content(), "cc/three")); err != nil {
		t.Error(err)
	}
}
