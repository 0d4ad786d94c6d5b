package evidence_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/beevik/etree"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// change gives doc with the element or attribute of a reading so many times, or
// nil when that cannot be.
func change(t *testing.T, doc []byte, r reading, n int) []byte {
	t.Helper()
	path, element, _ := strings.Cut(r.xml, " ")
	tree := etree.NewDocument()
	if err := tree.ReadFromBytes(doc); err != nil {
		t.Fatal(err)
	}
	root := tree.Root()
	if attr, ok := strings.CutPrefix(path, "@"); ok {
		if n > 1 {
			return nil
		}
		if n == 0 {
			root.RemoveAttr(attr)
		}
		return write(t, tree)
	}
	found := find(root, strings.Split(path, "/"))
	switch {
	case len(found) > 0:
		parent := found[0].Parent()
		for _, el := range found {
			parent.RemoveChild(el)
		}
		for range n {
			parent.AddChild(found[0].Copy())
		}
	case element != "":
		extra := etree.NewDocument()
		if err := extra.ReadFromString(element); err != nil {
			t.Fatal(err)
		}
		parent := root
		if dir, _, ok := strings.Cut(path, "/"); ok && len(find(root, []string{dir})) > 0 {
			parent = find(root, []string{dir})[0]
		}
		for range n {
			parent.AddChild(extra.Root().Copy())
		}
	}
	return write(t, tree)
}

// find follows local names, which are all that differs between the namespaces.
func find(el *etree.Element, path []string) (found []*etree.Element) {
	for _, c := range el.ChildElements() {
		switch {
		case c.Tag != path[0]:
		case len(path) == 1:
			found = append(found, c)
		default:
			found = append(found, find(c, path[1:])...)
		}
	}
	return found
}

func write(t *testing.T, tree *etree.Document) []byte {
	t.Helper()
	tree.WriteSettings = etree.WriteSettings{CanonicalEndTags: true, CanonicalText: true, CanonicalAttrVal: true}
	b, err := tree.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The same cells in documents: what was taken out or put in is refused, and
// named by its clause when a cell forbids it.
func TestMatrixOfDocuments(t *testing.T) {
	t.Parallel()
	broken := 0
	for k, name := range evidence.Names() {
		p, err := evidence.Prepare(evidencetest.Document(name))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range readings() {
			cell := r.cell(codes()[k])
			for n := range 3 {
				doc := change(t, p.XML(), r, n)
				if doc == nil {
					continue
				}
				_, err := evidence.ReadXML(doc)
				if same := bytes.Equal(doc, p.XML()); same != (err == nil) && r.clause != "§8.2 R01" {
					t.Errorf("%s, %s, %d times: got %v", name, r.clause, n, err)
				}
				var lint *evidence.LintError
				named := errors.As(err, &lint) && asked(lint.Findings, r.clause)
				if named == holds(cell, n) || named && !errors.Is(err, evidence.ErrDocument) {
					t.Errorf("%s, %s, %d times where the cell is %s: got %v", name, r.clause, n, cell, err)
				}
				if named {
					broken++
				}
			}
		}
	}
	if broken < 700 {
		t.Errorf("only %d cells were broken", broken)
	}
}
