package asic

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
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
// it packs what it read again and compares. Before that, nothing is taken from
// it but where files may be, in memory that the number of files bounds.
func unpack(doc []byte) ([]file, error) {
	places, err := directory(doc)
	if err != nil {
		return nil, err
	}
	again := &compare{rest: doc}
	a := &archive{out: again}
	seen := map[string]bool{}
	files := make([]file, 0, len(places))
	for _, p := range places {
		if seen[p.name] {
			return nil, errors.New("container has a file twice")
		}
		seen[p.name] = true
		if err := a.add(p.name, p.data); err != nil {
			return nil, err
		}
		files = append(files, file{p.name, p.data, sha256.Sum256(p.data)})
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

// place is where the directory says that a file is.
type place struct {
	name string
	data []byte
}

// directory reads the central directory. APPNOTE 6.3 §4.3.12, §4.3.16
func directory(doc []byte) ([]place, error) {
	const local, central, end = 30, 46, 22 // octets of the headers, without names
	if len(doc) < end || !bytes.HasPrefix(doc[len(doc)-end:], []byte("PK\x05\x06")) {
		return nil, errNotOurs
	}
	tail := doc[len(doc)-end:]
	count := int(binary.LittleEndian.Uint16(tail[10:]))
	size, start := uint64(binary.LittleEndian.Uint32(tail[12:])), uint64(binary.LittleEndian.Uint32(tail[16:]))
	if count < 5 || count > maxFiles+3 || start+size != uint64(len(doc)-end) {
		return nil, errors.New("container has too few or too many files, or something after them")
	}
	rest := doc[start : len(doc)-end]
	places := make([]place, 0, count)
	for range count {
		if len(rest) < central {
			return nil, errNotOurs
		}
		length := uint64(binary.LittleEndian.Uint32(rest[24:]))
		from := uint64(binary.LittleEndian.Uint32(rest[42:]))
		name := int(binary.LittleEndian.Uint16(rest[28:]))
		if len(rest) < central+name {
			return nil, errNotOurs
		}
		from += local + uint64(name)
		if from+length > start {
			return nil, errNotOurs
		}
		places = append(places, place{string(rest[central : central+name]), doc[from : from+length : from+length]})
		rest = rest[central+name:]
	}
	return places, nil
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
