package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

const (
	keySuffix       = ".json"      // a Tink keyset, readable with Tink's own tools
	destroyedSuffix = ".destroyed" // the mark of a key that is gone on purpose
	monthLayout     = "2006-01"
)

// Keyring holds the key-encryption keys, one AES-256-GCM keyset per month, as
// files in a directory. The file is the key, unless a master encrypts it: keep the
// directory away from the database, from the objects and from their backups.
//
// Keys are read at every use, so that destroying one takes effect at once in
// every process that shares the directory; only that of the current month, which
// nobody can destroy, is kept in memory as long as its file is the same. Safe for
// concurrent use by any number of goroutines and processes.
type Keyring struct {
	dir    string
	files  folder
	now    func() time.Time
	master tink.AEAD // nil: the files are in clear
	mu     sync.Mutex
	synced map[string]bool // ids this process knows to be durable
	month  parsedKey       // guarded by mu
}

// parsedKey is a key as it was read from a file.
type parsedKey struct {
	id   string
	aead tink.AEAD
	file os.FileInfo
}

// OpenKeyring opens the keyring in dir, creating the directory if needed. The
// key of a month appears when its first object is put. now decides which month
// it is, in UTC; nil means time.Now.
func OpenKeyring(dir string, now func() time.Time) (*Keyring, error) {
	if now == nil {
		now = time.Now
	}
	files, err := openFolder(dir, dir)
	if err != nil {
		return nil, fmt.Errorf("vault: open keyring: %w", err)
	}
	return &Keyring{dir: dir, files: files, now: now, synced: map[string]bool{}}, nil
}

// OpenKeyringUnder is OpenKeyring with a master, a key in a device or in a key
// management service, which encrypts the file of each month that begins. Files in
// clear from before stay readable until they are destroyed. The master is asked
// each time a file is read: once for what the current month wraps, once for each
// object of an older month.
func OpenKeyringUnder(master tink.AEAD, dir string, now func() time.Time) (*Keyring, error) {
	k, err := OpenKeyring(dir, now)
	if err == nil {
		k.master = master
	}
	return k, err
}

// masterContext binds an encrypted file to its month: one put in the place of
// another does not open.
func masterContext(id string) []byte { return []byte("bode key-encryption key " + id) }

// IDs returns the ids of the keys that exist, oldest first.
func (k *Keyring) IDs() ([]string, error) {
	entries, err := os.ReadDir(k.dir)
	if err != nil {
		return nil, fmt.Errorf("vault: list keyring: %w", err)
	}
	var ids []string
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), keySuffix)
		if ok && checkKeyID(id) == nil && !k.destroyed(id) {
			ids = append(ids, id)
		}
	}
	sort.Strings(ids)
	return ids, nil
}

func checkKeyID(id string) error {
	if _, err := time.Parse(monthLayout, id); err != nil || len(id) != len(monthLayout) {
		return fmt.Errorf("%w: %q", ErrKeyID, id)
	}
	return nil
}

func (k *Keyring) path(id string) string { return filepath.Join(k.dir, id+keySuffix) }

func (k *Keyring) destroyed(id string) bool {
	_, err := os.Stat(filepath.Join(k.dir, id+destroyedSuffix))
	return err == nil
}

// current returns the key of this month and its id, making it when it is not
// there yet. When it returns, the key is durable.
func (k *Keyring) current() (string, tink.AEAD, error) {
	id := k.now().UTC().Format(monthLayout)
	k.mu.Lock()
	defer k.mu.Unlock()
	if file, err := os.Stat(k.path(id)); err == nil && k.month.is(id, file) && !k.destroyed(id) {
		return id, k.month.aead, nil
	}
	key, err := k.load(id)
	if errors.Is(err, ErrKeyMissing) {
		if err := k.create(id); err != nil {
			return "", nil, fmt.Errorf("vault: create key %s: %w", id, err)
		}
		key, err = k.load(id)
	}
	if err != nil {
		return "", nil, err
	}
	if !k.synced[id] {
		// Another process may have linked the file and not synced the directory
		// yet: wrapping with it now could outlive the key itself.
		if err := syncDir(k.dir); err != nil {
			return "", nil, fmt.Errorf("vault: sync keyring: %w", err)
		}
		k.synced[id] = true
	}
	k.month = key
	return id, key.aead, nil
}

// is reports whether file holds the key of a month, as it was read.
func (p parsedKey) is(id string, file os.FileInfo) bool {
	return p.id == id && os.SameFile(p.file, file) && p.file.ModTime().Equal(file.ModTime()) &&
		p.file.Size() == file.Size() && p.file.Mode() == file.Mode()
}

// create makes the key file of a month. Losing the race to another process is
// success: its key is then the key.
func (k *Keyring) create(id string) error {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	d, err := k.files.create(k.dir)
	if err != nil {
		return err
	}
	defer d.discard()
	if err := k.write(handle, id, keyset.NewJSONWriter(d)); err != nil {
		return err
	}
	if err := d.publish(k.path(id)); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// load reads the key of a month.
func (k *Keyring) load(id string) (parsedKey, error) {
	if err := checkKeyID(id); err != nil {
		return parsedKey{}, err
	}
	// The mark counts, not the absence of the file: a crash within Destroy
	// leaves both.
	if k.destroyed(id) {
		return parsedKey{}, fmt.Errorf("%w: key %s was destroyed", ErrShredded, id)
	}
	f, err := os.Open(k.path(id))
	if errors.Is(err, os.ErrNotExist) {
		return parsedKey{}, fmt.Errorf("%w: %s", ErrKeyMissing, id)
	}
	if err != nil {
		return parsedKey{}, fmt.Errorf("vault: read key %s: %w", id, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return parsedKey{}, fmt.Errorf("vault: read key %s: %w", id, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return parsedKey{}, fmt.Errorf("%w: %s has mode %04o", ErrKeyExposed, k.path(id), mode)
	}
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(f); err != nil {
		return parsedKey{}, fmt.Errorf("vault: read key %s: %w", id, err)
	}
	handle, err := k.open(id, buf.Bytes())
	if err != nil {
		return parsedKey{}, err
	}
	a, err := aead.New(handle)
	if err != nil {
		return parsedKey{}, fmt.Errorf("vault: key %s is not an AEAD keyset", id)
	}
	return parsedKey{id, a, info}, nil
}

// write stores a keyset, encrypted when there is a master.
func (k *Keyring) write(handle *keyset.Handle, id string, w keyset.Writer) error {
	if k.master == nil {
		return insecurecleartextkeyset.Write(handle, w)
	}
	m := &asked{AEAD: k.master}
	if err := handle.WriteWithAssociatedData(w, m, masterContext(id)); err != nil {
		return errors.Join(m.failed, err)
	}
	return nil
}

// open reads a keyset, which is encrypted or in clear.
func (k *Keyring) open(id string, file []byte) (*keyset.Handle, error) {
	var form struct {
		Encrypted *string `json:"encryptedKeyset"`
	}
	if err := json.Unmarshal(file, &form); err != nil || form.Encrypted == nil {
		handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(file)))
		if err != nil {
			// Tink's words are left out: they could quote the file.
			return nil, fmt.Errorf("vault: key %s is not a keyset", id)
		}
		return handle, nil
	}
	if k.master == nil {
		return nil, fmt.Errorf("%w: %s is encrypted, and no device is configured that opens it", ErrKeyLocked, id)
	}
	m := &asked{AEAD: k.master}
	handle, err := keyset.ReadWithAssociatedData(keyset.NewJSONReader(bytes.NewReader(file)), m, masterContext(id))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrKeyLocked, id, errors.Join(m.failed, err))
	}
	return handle, nil
}

// asked is a master that remembers why it failed: Tink passes on words only.
type asked struct {
	tink.AEAD
	failed error
}

// Decrypt implements tink.AEAD.
func (a *asked) Decrypt(sealed, associated []byte) (plain []byte, err error) {
	plain, a.failed = a.AEAD.Decrypt(sealed, associated)
	return plain, a.failed
}

// Encrypt implements tink.AEAD.
func (a *asked) Encrypt(plain, associated []byte) (sealed []byte, err error) {
	sealed, a.failed = a.AEAD.Encrypt(plain, associated)
	return sealed, a.failed
}
