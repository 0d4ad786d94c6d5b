//go:build !js

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// The most that is read of evidence, in octets; the checkers read less. A dossier
// may hold any content and is not read as a whole.
const (
	maxXML = 16 << 20
	maxPDF = 96 << 20
)

var errTooLarge = errors.New("file is too large")

// read gives the octets of a file, which stay valid until the program ends. What
// begins like no evidence is not read any further, so that neither a huge file
// nor one that never ends takes memory.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path) // before it is opened: that waits for a pipe
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var first [4]byte
	n, err := io.ReadFull(f, first[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch begin := first[:n]; {
	case string(begin) == "PK\x03\x04":
		return mapped(f, info.Size())
	case string(begin) == "%PDF":
		return whole(f, info.Size(), maxPDF)
	case bytes.HasPrefix(begin, []byte("<")):
		return whole(f, info.Size(), maxXML)
	default:
		return begin, nil // for the verifier to refuse
	}
}

// whole reads a file of that size.
func whole(f io.ReaderAt, size, most int64) ([]byte, error) {
	if size > most {
		return nil, errTooLarge
	}
	b := make([]byte, size)
	_, err := f.ReadAt(b, 0)
	return b, err
}
