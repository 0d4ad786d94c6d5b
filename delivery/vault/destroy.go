package vault

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Destroy removes the key-encryption key of a month for ever: every object
// whose data key it wraps can never be opened again, whatever backup comes
// back. It is the caller's duty to have carried what is under legal hold to a
// newer key, with [Keyring.Rewrap], and to have stored the result.
//
// Destroying a key twice is no error. It returns ErrKeyInUse while the month
// lasts, and ErrKeyMissing for a key that was never here.
//
// The key file is overwritten before it is removed. On storage that copies on
// write, or under a snapshot, only the encryption of the medium itself makes
// sure that no older copy remains.
func (k *Keyring) Destroy(id string) error {
	if err := checkKeyID(id); err != nil {
		return err
	}
	if id >= k.now().UTC().Format(monthLayout) {
		return fmt.Errorf("%w: %s", ErrKeyInUse, id)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.destroyed(id) {
		if _, err := os.Stat(k.path(id)); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%w: %s", ErrKeyMissing, id)
		} else if err != nil {
			return fmt.Errorf("vault: destroy key %s: %w", id, err)
		}
		// 1. The mark. From here on no process uses the key; a crash between
		// the steps is finished by calling Destroy again.
		if err := k.mark(id); err != nil {
			return fmt.Errorf("vault: destroy key %s: %w", id, err)
		}
	}
	// 2. The octets, 3. the name.
	if err := erase(k.path(id)); err != nil {
		return fmt.Errorf("vault: destroy key %s: %w", id, err)
	}
	if err := syncDir(k.dir); err != nil {
		return fmt.Errorf("vault: destroy key %s: %w", id, err)
	}
	delete(k.synced, id)
	return nil
}

func (k *Keyring) mark(id string) error {
	d, err := k.files.create(k.dir)
	if err != nil {
		return err
	}
	defer d.discard()
	if _, err := fmt.Fprintln(d, k.now().UTC().Format(time.RFC3339)); err != nil {
		return err
	}
	err = d.publish(filepath.Join(k.dir, id+destroyedSuffix))
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

// erase overwrites and removes a file. A file that is not there is no error.
func erase(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, info.Size()), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(path))
}
