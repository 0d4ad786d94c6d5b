package statement

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// freeZone is the part of a page, from its lower edge, that is ours to give: what
// a signature shows of itself has to stay inside. Everything that is signed
// stands above.
const freeZone = 0.36

// maxFields bounds the signature and the time-stamps beside it.
const maxFields = 8

// signed is a PDF of ours with a signature in it.
type signed struct {
	*file
	ours     int // sections that are ours
	field    signature
	signedIn int // the section of the signature
}

// openSigned reads pdf, which must begin with every octet of ours and add to it
// nothing that shows: no page, no content, no note, nothing that acts; only one
// signature, time-stamps, and what proves them. Who signed such a file has seen
// our page, whatever somebody did to it before the signature or after.
//
// Errors: ErrChanged, ErrUnsigned.
func openSigned(ours, pdf []byte) (*signed, error) {
	switch {
	case len(pdf) > MaxDocument:
		return nil, fmt.Errorf("%w: %d octets", ErrChanged, len(pdf))
	case !bytes.HasPrefix(pdf, ours):
		return nil, fmt.Errorf("%w: it is another document", ErrChanged)
	case len(pdf) == len(ours):
		return nil, fmt.Errorf("%w: it came back as it went", ErrUnsigned)
	}
	first, err := readFile(ours)
	if err != nil {
		return nil, fmt.Errorf("statement: what we made cannot be read: %w", err)
	}
	f, err := readFile(pdf)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChanged, err)
	}
	s := &signed{file: f, ours: len(first.sections)}
	if len(f.sections) <= s.ours || f.sections[s.ours-1].eof != first.sections[s.ours-1].eof {
		return nil, fmt.Errorf("%w: nothing was added to it", ErrUnsigned)
	}
	if err := s.compare(first); errors.Is(err, ErrUnsigned) {
		return nil, err
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChanged, err)
	}
	return s, nil
}

// compare holds what f has become against first, as we made it.
func (s *signed) compare(first *file) error {
	was, wasRoot := first.catalog()
	is, isRoot := s.catalog()
	if was.kind != dictionary || is.kind != dictionary {
		return fmt.Errorf("%w: no catalog", errSyntax)
	}
	if err := first.grown(was, is, "AcroForm", "DSS", "Extensions", "Perms", "Version", "Metadata"); err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	pages, err := first.pages(was.dict["Pages"])
	if err != nil {
		return err
	}
	touchable := append(slices.Clone(pages), wasRoot, isRoot, first.info())
	for _, added := range s.sections[s.ours:] {
		for id := range added.objects {
			if _, old := first.object(id); old && !slices.Contains(touchable, id) {
				return fmt.Errorf("object %d was replaced", id)
			}
		}
	}
	var shown []value
	for _, id := range pages {
		before, _ := first.object(id)
		now, _ := s.object(id)
		if err := first.grown(before.value, now.value, "Annots", "Tabs", "LastModified"); err != nil || now.stream {
			return fmt.Errorf("page: %w", err)
		}
		shown = append(shown, s.follow(now.value.dict["Annots"]).list...)
	}
	return s.readForm(is, shown, first.height(pages))
}

// grown checks that is has every entry of was, from f, unchanged, and beside them
// none but these.
func (f *file) grown(was, is value, keys ...string) error {
	for key, old := range was.dict {
		if now, there := is.dict[key]; !there || !f.same(old, now, 0) {
			return fmt.Errorf("%s was changed", key)
		}
	}
	for key := range is.dict {
		if _, old := was.dict[key]; !old && !slices.Contains(keys, key) {
			return fmt.Errorf("%.40q was added", key)
		}
	}
	return nil
}

// only checks that v has no entries but these.
func only(v value, keys ...string) error { return (&file{}).grown(value{}, v, keys...) }

// catalog is the newest catalog and its number.
func (f *file) catalog() (value, int) {
	root := f.sections[len(f.sections)-1].trailer["Root"]
	if root.kind != reference {
		return value{}, 0
	}
	return f.follow(root), root.id
}

// info is the number of the dictionary that says who made the file and when; no
// reader shows it on a page. -1 when there is none.
func (f *file) info() int {
	if v, there := f.sections[len(f.sections)-1].trailer["Info"]; there && v.kind == reference {
		return v.id
	}
	return -1
}

// pages are the numbers of the pages below a node.
func (f *file) pages(node value) (ids []int, err error) {
	waiting := []value{node}
	for seen := 0; len(waiting) > 0; seen++ {
		at := waiting[0]
		v := f.follow(at)
		if waiting = waiting[1:]; seen > 1000 || at.kind != reference {
			return nil, fmt.Errorf("%w: pages", errSyntax)
		}
		switch v.dict["Type"].word {
		case "Page":
			ids = append(ids, at.id)
		case "Pages":
			waiting = append(waiting, f.follow(v.dict["Kids"]).list...)
		default:
			return nil, fmt.Errorf("%w: pages", errSyntax)
		}
	}
	return ids, nil
}

// height is the height of the lowest page, 0 when one says none.
func (f *file) height(pages []int) float64 {
	lowest := 0.0
	for i, id := range pages {
		o, _ := f.object(id)
		box, there := o.value.dict["MediaBox"]
		for parent := f.follow(o.value.dict["Parent"]); !there && parent.kind == dictionary; parent = f.follow(parent.dict["Parent"]) {
			if box, there = parent.dict["MediaBox"]; there {
				break
			}
		}
		box = f.follow(box)
		if len(box.list) != 4 || box.list[0].num != 0 || box.list[1].num != 0 {
			return 0
		}
		if h := box.list[3].num; i == 0 || h < lowest {
			lowest = h
		}
	}
	return lowest
}
