package asic

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
)

type file struct {
	name string
	data []byte
}

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
	var total uint64
	for _, f := range z.File {
		total += f.UncompressedSize64
		if f.Method != zip.Store || seen[f.Name] || total > uint64(len(doc)) {
			return nil, errors.New("container has a compressed, doubled or overlapping file")
		}
		seen[f.Name] = true
		data, err := readAll(f)
		if err != nil {
			return nil, err
		}
		if err := a.add(f.Name, data); err != nil {
			return nil, err
		}
		files = append(files, file{f.Name, data})
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

func readAll(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
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
