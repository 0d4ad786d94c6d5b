package statement

import (
	"bytes"
	"fmt"
)

// MaxDocument bounds what is uploaded, in octets.
const MaxDocument = 8 << 20

// section is one part of a PDF as it grows: objects, the table that says where
// they stand, a trailer. ISO 32000-1 §7.5.6
type section struct {
	objects map[int]object
	trailer map[string]value
	table   int // where the table begins
	eof     int // behind its end-of-file marker
	end     int // where the next one begins
}

// object is one indirect object.
type object struct {
	value  value
	stream bool
	length int // of its data
}

// file is a PDF in its sections, oldest first.
type file struct {
	doc      []byte
	sections []section
}

// readFile reads a PDF from end to end: whatever stands in it belongs to an object
// that the table of its section names, at the place that the table says. Then
// readers cannot differ in what they find. Cross-reference streams, object
// streams and encryption are not read.
func readFile(doc []byte) (*file, error) {
	if len(doc) > MaxDocument || !bytes.HasPrefix(doc, []byte("%PDF-1.")) {
		return nil, fmt.Errorf("%w: no header, or too large", errSyntax)
	}
	f := &file{doc: doc}
	for at := 0; at < len(doc); {
		s, err := readSection(doc, at)
		if err != nil {
			return nil, fmt.Errorf("section %d: %w", len(f.sections)+1, err)
		}
		if prev, given := s.trailer["Prev"]; given == (len(f.sections) == 0) ||
			given && (prev.kind != number || int(prev.num) != f.sections[len(f.sections)-1].table) {
			return nil, fmt.Errorf("section %d: %w: it does not follow the one before", len(f.sections)+1, errSyntax)
		}
		f.sections = append(f.sections, s)
		at = s.end
	}
	return f, nil
}

func readSection(doc []byte, from int) (section, error) {
	s := section{objects: map[int]object{}}
	in := &scanner{b: doc, at: from}
	starts := map[int]int{}
	for {
		in.skip()
		begin := in.at
		if in.keyword("xref") {
			s.table = begin
			break
		}
		id, o, err := in.object()
		if err != nil {
			return s, err
		}
		if _, twice := s.objects[id]; twice {
			return s, fmt.Errorf("%w: object %d twice", errSyntax, id)
		}
		s.objects[id], starts[id] = o, begin
	}
	if err := in.table(starts); err != nil {
		return s, err
	}
	trailer, err := in.value(0)
	if err != nil || trailer.kind != dictionary {
		return s, fmt.Errorf("%w: trailer", errSyntax)
	}
	s.trailer = trailer.dict
	for _, key := range []string{"Encrypt", "XRefStm"} {
		if _, there := s.trailer[key]; there {
			return s, fmt.Errorf("%w: trailer with %s", errSyntax, key)
		}
	}
	for id := range s.objects { // a reader takes what is beyond for missing
		if size := s.trailer["Size"]; size.kind != number || float64(id) >= size.num {
			return s, fmt.Errorf("%w: object %d is beyond the size", errSyntax, id)
		}
	}
	if !in.keyword("startxref") {
		return s, fmt.Errorf("%w: no startxref", errSyntax)
	}
	if at, ok := in.natural(); !ok || at != s.table {
		return s, fmt.Errorf("%w: startxref", errSyntax)
	}
	in.skip()
	if !in.marks("%%EOF") {
		return s, fmt.Errorf("%w: no end of file", errSyntax)
	}
	s.eof = in.at + len("%%EOF")
	for s.end = s.eof; s.end < len(doc) && blank(doc[s.end]); s.end++ {
	}
	return s, s.lengths()
}

// object reads "1 0 obj … endobj".
func (s *scanner) object() (id int, o object, err error) {
	id, ok := s.natural()
	gen, zero := s.natural()
	if !ok || !zero || gen != 0 || !s.keyword("obj") {
		return 0, object{}, fmt.Errorf("%w: neither object nor table at %d", errSyntax, s.at)
	}
	if o.value, err = s.value(0); err != nil {
		return 0, object{}, fmt.Errorf("object %d: %w", id, err)
	}
	if s.keyword("stream") {
		if o.length, err = s.data(o.value); err != nil {
			return 0, object{}, fmt.Errorf("object %d: %w", id, err)
		}
		o.stream = true
	}
	if !s.keyword("endobj") {
		return 0, object{}, fmt.Errorf("object %d: %w: no end", id, errSyntax)
	}
	if kind := o.value.dict["Type"]; kind.word == "ObjStm" || kind.word == "XRef" {
		return 0, object{}, fmt.Errorf("object %d: %w: %s", id, errSyntax, kind.word)
	}
	return id, o, nil
}

// data goes over the data of a stream. A length that stands in another object is
// found by the end, and compared by [section.lengths]. ISO 32000-1 §7.3.8
func (s *scanner) data(d value) (int, error) {
	switch {
	case s.marks("\r\n"):
		s.at += 2
	case s.marks("\n"):
		s.at++
	default:
		return 0, fmt.Errorf("%w: stream", errSyntax)
	}
	n := -1
	switch length := d.dict["Length"]; length.kind {
	case number:
		n = int(length.num)
	case reference:
		n = bytes.Index(s.b[s.at:], []byte("endstream"))
		for _, eol := range []string{"\n", "\r"} {
			if n > 0 && string(s.b[s.at+n-1]) == eol {
				n--
			}
		}
	}
	if n < 0 || n > len(s.b)-s.at {
		return 0, fmt.Errorf("%w: length of a stream", errSyntax)
	}
	s.at += n
	before := s.at
	for s.at < len(s.b) && blank(s.b[s.at]) && s.at < before+2 {
		s.at++
	}
	if !s.keyword("endstream") {
		return 0, fmt.Errorf("%w: length of a stream", errSyntax)
	}
	return n, nil
}

// lengths compares the lengths that stand in other objects.
func (s section) lengths() error {
	for id, o := range s.objects {
		if length := o.value.dict["Length"]; o.stream && length.kind == reference {
			if said := s.objects[length.id].value; said.kind != number || int(said.num) != o.length {
				return fmt.Errorf("object %d: %w: length", id, errSyntax)
			}
		}
	}
	return nil
}

// table reads a cross-reference table, which must name the objects at starts and
// no others, up to the word "trailer". ISO 32000-1 §7.5.4
func (s *scanner) table(starts map[int]int) error {
	bad := fmt.Errorf("%w: cross-reference table", errSyntax)
	named := 0
	for !s.keyword("trailer") {
		first, ok := s.natural()
		n, counted := s.natural()
		if !ok || !counted || n > maxValues {
			return bad
		}
		for id := first; id < first+n; id++ {
			at, ok := s.natural()
			_, aged := s.natural()
			s.skip()
			use := s.token()
			start, there := starts[id]
			switch {
			case !ok || !aged || use != "n" && use != "f":
				return bad
			case use == "f" && (id != 0 || there): // nothing is deleted
				return bad
			case use == "n" && (!there || at != start):
				return fmt.Errorf("%w: object %d is not where it says", bad, id)
			case use == "n":
				named++
			}
		}
	}
	if named != len(starts) {
		return fmt.Errorf("%w: it names %d of %d objects", bad, named, len(starts))
	}
	return nil
}

// object is the newest object of that number.
func (f *file) object(id int) (object, bool) {
	for i := len(f.sections) - 1; i >= 0; i-- {
		if o, ok := f.sections[i].objects[id]; ok {
			return o, true
		}
	}
	return object{}, false
}

// follow is v, or what it refers to.
func (f *file) follow(v value) value {
	if v.kind != reference {
		return v
	}
	o, _ := f.object(v.id)
	return o.value
}
