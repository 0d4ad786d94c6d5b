package pades

import (
	"bytes"
	"fmt"
)

// maxObjects bounds the objects of a file; 40 attachments and 60 events make
// some thousand.
const maxObjects = 1 << 16

// readXref reads the table of the increment with the seal and that of the body,
// in this order, and demands that there is no third and that the increment ends
// the file. Cross-reference streams and hybrid files are not ours.
// ISO 32000-1 §7.5.4, §7.5.6
func (f *sealedFile) readXref() error {
	at := bytes.LastIndex(f.doc, []byte("startxref"))
	if at < 0 {
		return fmt.Errorf("%w: no cross-reference table", errStructure)
	}
	from := space(f.doc, at+len("startxref"))
	start, _ := number(f.doc[from:word(f.doc, from)])
	trailer, end, err := f.readSection(start)
	if err != nil {
		return err
	}
	if end != len(f.doc) {
		return fmt.Errorf("%w: something was added", errStructure)
	}
	f.start, f.trailer = start, trailer
	prev, ok := number(trailer["Prev"])
	if !ok {
		return fmt.Errorf("%w: sealed as it was made", errStructure)
	}
	body, _, err := f.readSection(prev)
	if err != nil {
		return err
	}
	if body["Prev"] != nil {
		return fmt.Errorf("%w: changed before it was sealed", errStructure)
	}
	if f.root, err = trailer.ref("Root"); err != nil {
		return err
	}
	f.catalog, err = f.dict(f.root)
	return err
}

// readSection reads the table at start and its trailer. End is the offset behind
// its end-of-file marker.
func (f *sealedFile) readSection(start int) (trailer dict, end int, err error) {
	bad := fmt.Errorf("%w: trailer", errStructure)
	at, err := f.readTable(start)
	if err != nil {
		return nil, 0, err
	}
	if !bytes.HasPrefix(f.doc[at:], []byte("trailer")) {
		return nil, 0, bad
	}
	from := space(f.doc, at+len("trailer"))
	body := value(f.doc, from, 4096)
	if trailer, err = readDict(body); err != nil {
		return nil, 0, err
	}
	if !trailer.only("Size", "Root", "Info", "ID", "Prev") {
		return nil, 0, bad
	}
	tail := f.doc[from+len(body):]
	for _, want := range []string{"startxref", fmt.Sprint(start), "%%EOF\n"} {
		tail = tail[space(tail, 0):]
		if !bytes.HasPrefix(tail, []byte(want)) {
			return nil, 0, bad
		}
		tail = tail[len(want):]
	}
	return trailer, len(f.doc) - len(tail), nil
}

// readTable reads one classic cross-reference table; an object named twice
// counts where it is named first, in the increment.
func (f *sealedFile) readTable(at int) (end int, err error) {
	bad := fmt.Errorf("%w: cross-reference table", errStructure)
	if at < 0 || at > len(f.doc) || !bytes.HasPrefix(f.doc[at:], []byte("xref\n")) {
		return 0, bad
	}
	at += 5
	for at < len(f.doc) && digit(f.doc[at]) {
		line := bytes.IndexByte(f.doc[at:], '\n')
		first, n, ok := pair2(f.doc[at : at+max(line, 0)])
		at += line + 1
		if !ok || n == 0 || first+n > maxObjects || at+20*n > len(f.doc) {
			return 0, bad
		}
		for i := range n {
			entry := f.doc[at+20*i : at+20*i+20]
			off, ok := number(entry[:10])
			if !ok || entry[17] != 'n' && first+i != 0 {
				return 0, bad
			}
			if _, known := f.offsets[first+i]; !known && entry[17] == 'n' {
				f.offsets[first+i] = off
			}
		}
		at += 20 * n
	}
	return at, nil
}

// pair2 reads two numbers with one space between them.
func pair2(b []byte) (first, second int, ok bool) {
	x, y, _ := bytes.Cut(b, []byte(" "))
	first, ok = number(x)
	if ok {
		second, ok = number(y)
	}
	return first, second, ok
}

// object is the value of object id, and the offset behind it.
func (f *sealedFile) object(id int) (body []byte, end int, err error) {
	bad := fmt.Errorf("%w: object %d", errStructure, id)
	at, ok := f.offsets[id]
	head := fmt.Appendf(nil, "%d 0 obj\n", id)
	if !ok || at < 0 || at > len(f.doc) || !bytes.HasPrefix(f.doc[at:], head) {
		return nil, 0, bad
	}
	at += len(head)
	if body = value(f.doc, at, maxObject); len(body) == 0 {
		return nil, 0, bad
	}
	return body, at + len(body), nil
}

// dict is object id, a dictionary.
func (f *sealedFile) dict(id int) (dict, error) {
	b, end, err := f.object(id)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(f.doc[space(f.doc, end):], []byte("endobj")) {
		return nil, fmt.Errorf("%w: object %d", errStructure, id)
	}
	return readDict(b)
}

// stream is object id, a stream, with its data as they stand.
func (f *sealedFile) stream(id int) (dict, []byte, error) {
	bad := fmt.Errorf("%w: stream %d", errStructure, id)
	b, end, err := f.object(id)
	if err != nil {
		return nil, nil, err
	}
	d, err := readDict(b)
	if err != nil {
		return nil, nil, err
	}
	data, ok := bytes.CutPrefix(f.doc[end:], []byte("\nstream\n"))
	n, sized := number(d["Length"])
	if !ok || !sized || n > len(data) || !bytes.HasPrefix(data[n:], []byte("\nendstream\nendobj\n")) {
		return nil, nil, bad
	}
	return d, data[:n], nil
}

// follow is the dictionary that the value of key refers to.
func (f *sealedFile) follow(d dict, key string) (int, dict, error) {
	id, err := d.ref(key)
	if err != nil {
		return 0, nil, err
	}
	target, err := f.dict(id)
	return id, target, err
}
