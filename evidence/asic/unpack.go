package asic

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// file is one entry; data is a part of the container and is not copied.
type file struct {
	name string
	data []byte
	sum  [sha256.Size]byte
}

func (f file) hex() string { return hex.EncodeToString(f.sum[:]) }

// unpack reads a container and refuses everything a [Writer] does not write:
// it packs what it read again and compares.
func unpack(doc []byte) ([]file, error) {
	z, err := zip.NewReader(bytes.NewReader(doc), int64(len(doc)))
	if err != nil {
		return nil, err
	}
	if len(z.File) < 5 || len(z.File) > maxFiles+3 {
		return nil, errors.New("container has too few or too many files")
	}
	again := &compare{rest: doc}
	a := &archive{out: again}
	seen := map[string]bool{}
	var files []file
	for _, f := range z.File {
		data, ok := stored(doc, f)
		if !ok || seen[f.Name] {
			return nil, errors.New("container has a compressed, doubled or misplaced file")
		}
		seen[f.Name] = true
		if err := a.add(f.Name, data); err != nil {
			return nil, err
		}
		files = append(files, file{f.Name, data, sha256.Sum256(data)})
	}
	if err := a.close(); err != nil {
		return nil, err
	}
	if len(again.rest) > 0 {
		return nil, errNotOurs
	}
	if files[0].name != mimetypeName || string(files[0].data) != mimetypeValue {
		return nil, errors.New("container does not say what it is")
	}
	if n := len(files); files[n-2].name != manifestName || files[n-1].name != signatureName {
		return nil, errors.New("container has no manifest and signature at its end")
	}
	return files, nil
}

// stored is the part of doc that f says to be. Packing it again shows whether it
// is where f should be, so that no two overlap.
func stored(doc []byte, f *zip.File) ([]byte, bool) {
	start, err := f.DataOffset()
	size := f.UncompressedSize64
	if err != nil || f.Method != zip.Store || size != f.CompressedSize64 ||
		start < 0 || start > int64(len(doc)) || size > uint64(int64(len(doc))-start) {
		return nil, false
	}
	return doc[start : start+int64(size) : start+int64(size)], true
}

var errNotOurs = errors.New("container is not built as ours are")

// compare is a writer that fails at the first octet that is not in rest.
type compare struct{ rest []byte }

func (c *compare) Write(p []byte) (int, error) {
	if !bytes.HasPrefix(c.rest, p) {
		return 0, errNotOurs
	}
	c.rest = c.rest[len(p):]
	return len(p), nil
}
