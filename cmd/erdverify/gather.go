//go:build !js

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bode-erds/bode/evidence"
)

// maxBeside is the most that is read of a file beside an XML, in octets; the
// checkers read less.
const maxBeside = 2 << 20

// gather finds what to verify: files as they are, and of folders the evidence in
// them. Files that prove an XML are part of that XML.
func gather(args []string, look bool) ([]wanted, error) {
	var paths []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil || !info.IsDir() {
			paths = append(paths, arg)
			continue
		}
		before := len(paths)
		err = filepath.WalkDir(arg, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() && isEvidence(e.Name()) {
				paths = append(paths, path)
			}
			return err
		})
		if err == nil && len(paths) == before {
			err = errors.New("no evidence in it")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", arg, err)
		}
	}
	list, loose := pair(paths, func(path string) bool { return look && isFile(path) })
	if len(loose) > 0 {
		return nil, fmt.Errorf("%s stands beside an .xml file of the same name, which is not given", loose[0])
	}
	return list, nil
}

// isEvidence says whether a file has a name that the service gives to evidence:
// a dossier, or the number of an event and its name.
func isEvidence(name string) bool {
	ext := filepath.Ext(name)
	if ext == ".asice" {
		return true
	}
	number, event, _ := strings.Cut(strings.TrimSuffix(name, ext), "-")
	return (ext == ".xml" || ext == ".pdf") && number != "" && strings.Trim(number, "0123456789") == "" &&
		slices.Contains(evidence.Names(), evidence.Name(event))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// beside reads the files beside an XML.
func (w wanted) beside() (b evidence.Beside, err error) {
	for _, f := range []struct {
		path string
		into *[]byte
	}{{w.record, &b.Record}, {w.proof, &b.Proof}} {
		if f.path != "" && err == nil {
			*f.into, err = readBeside(f.path)
		}
	}
	return b, err
}

func readBeside(path string) ([]byte, error) {
	if !isFile(path) {
		return nil, fmt.Errorf("%s: not a file", filepath.Base(path))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b, err := whole(f, info.Size(), maxBeside)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return b, nil
}

// digests reads every file, and every file of folders, once. Loose are those
// that were given by name.
func digests(paths []string) (files, loose []given, err error) {
	for _, path := range paths {
		err := filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || p != path && !e.Type().IsRegular() {
				return err
			}
			sum, err := digest(p)
			if err != nil {
				return err
			}
			files = append(files, given{File: filepath.Base(p), SHA256: sum})
			if p == path {
				loose = append(loose, files[len(files)-1])
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return files, loose, nil
}

func digest(path string) (string, error) {
	if !isFile(path) {
		return "", fmt.Errorf("%s: not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
