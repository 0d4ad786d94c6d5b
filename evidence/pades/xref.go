package pades

import (
	"bytes"
	"fmt"
	"strconv"
)

// readXref reads the increment's table and the body's, in this order, and
// demands that there is no third and that the increment ends the file.
func (f *sealedFile) readXref() error {
	at := bytes.LastIndex(f.doc, []byte("startxref\n"))
	if at < 0 {
		return fmt.Errorf("%w: no cross-reference table", errStructure)
	}
	m := startKey.FindSubmatch(f.doc[at+10:])
	if m == nil {
		return fmt.Errorf("%w: no cross-reference table", errStructure)
	}
	next := atoi(m[1])
	for section := 0; ; section++ {
		end, err := f.readTable(next)
		if err != nil {
			return err
		}
		stop := bytes.Index(f.doc[end:], []byte("%%EOF\n"))
		if stop < 0 {
			return fmt.Errorf("%w: no end", errStructure)
		}
		trailer := f.doc[end : end+stop+6]
		m := trailers.FindSubmatch(trailer)
		root := rootKey.FindSubmatch(trailer)
		if m == nil || root == nil || atoi(m[2]) != next {
			return fmt.Errorf("%w: trailer", errStructure)
		}
		prev := prevKey.FindSubmatch(trailer)
		if section == 0 {
			if prev == nil || end+stop+6 != len(f.doc) {
				return fmt.Errorf("%w: something was added", errStructure)
			}
			if f.catalog, err = f.object(atoi(root[1])); err != nil {
				return err
			}
			next = atoi(prev[1])
			continue
		}
		if prev != nil {
			return fmt.Errorf("%w: changed before it was sealed", errStructure)
		}
		return nil
	}
}

// readTable reads one classic cross-reference table; an object named twice
// counts where it is named first, in the increment.
func (f *sealedFile) readTable(at int) (end int, err error) {
	bad := fmt.Errorf("%w: cross-reference table", errStructure)
	if at < 0 || at > len(f.doc) || !bytes.HasPrefix(f.doc[at:], []byte("xref\n")) {
		return 0, bad
	}
	at += 5
	for {
		m := tableHead.FindSubmatch(f.doc[at:])
		if m == nil {
			return at, nil
		}
		first, n := atoi(m[1]), atoi(m[2])
		at += len(m[0])
		if at+20*n > len(f.doc) {
			return 0, bad
		}
		for i := range n {
			entry := f.doc[at+20*i : at+20*i+20]
			off, err := strconv.Atoi(string(entry[:10]))
			if err != nil || entry[17] != 'n' && first+i != 0 {
				return 0, bad
			}
			if _, known := f.offsets[first+i]; !known && entry[17] == 'n' {
				f.offsets[first+i] = off
			}
		}
		at += 20 * n
	}
}

// object is what stands between "obj" and "endobj" of object id; of a stream,
// what stands before its data, and the data through stream.
func (f *sealedFile) object(id int) ([]byte, error) {
	bad := fmt.Errorf("%w: object %d", errStructure, id)
	at, ok := f.offsets[id]
	head := fmt.Appendf(nil, "%d 0 obj\n", id)
	if !ok || at < 0 || at > len(f.doc) || !bytes.HasPrefix(f.doc[at:], head) {
		return nil, bad
	}
	body := f.doc[at+len(head):]
	end := bytes.Index(body, []byte("\nendobj"))
	if end < 0 {
		return nil, bad
	}
	if s := bytes.Index(body[:end], []byte("\nstream\n")); s >= 0 {
		end = s
	}
	return body[:end], nil
}

// follow resolves the one reference that stands behind key in dict.
func (f *sealedFile) follow(dict []byte, key string) (int, []byte, error) {
	id, found := 0, 0
	for rest := dict; ; {
		_, behind, ok := bytes.Cut(rest, []byte(key))
		if !ok {
			break
		}
		if m := reference.FindSubmatch(behind); m != nil {
			id = atoi(m[1])
			found++
		}
		rest = behind
	}
	if found != 1 {
		return 0, nil, fmt.Errorf("%w: %s", errStructure, key)
	}
	body, err := f.object(id)
	return id, body, err
}
