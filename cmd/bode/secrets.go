package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secrets are the keys that the service itself keeps, 32 octets each. Losing
// link breaks the links in later reminders; losing codes, the codes on their
// way; losing digest, every match by national number; losing box, every
// authenticator secret and identification record; losing bounce, every report
// about a mail that is on its way.
type secrets struct {
	link, box, digest, codes, bounce []byte
}

// loadSecrets reads dir/{link,box,digest,codes,bounce}.key, each 64 hexadecimal digits
// in a file that only its owner can read. With create, missing ones are made.
func loadSecrets(dir string, create bool) (s secrets, err error) {
	if create {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return s, err
		}
	}
	for _, f := range []struct {
		name string
		to   *[]byte
	}{{"link", &s.link}, {"box", &s.box}, {"digest", &s.digest}, {"codes", &s.codes}, {"bounce", &s.bounce}} {
		if *f.to, err = loadSecret(filepath.Join(dir, f.name+".key"), create); err != nil {
			return s, err
		}
	}
	return s, nil
}

func loadSecret(path string, create bool) ([]byte, error) {
	text, err := os.ReadFile(path)
	if create && errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, 32)
		rand.Read(key)
		text = []byte(hex.EncodeToString(key) + "\n")
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others: chmod 600", path)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s: want 64 hexadecimal digits", path)
	}
	return key, nil
}
