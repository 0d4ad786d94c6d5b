package invoice

import (
	"bytes"
	"fmt"
	"strings"
)

// page is one tagged page of A4 on its way: what stands on it, and what that is.
//
// ISO 32000-1 §14.7, §14.8
type page struct {
	fonts fonts
	used  [2]map[rune]glyph
	body  strings.Builder
	tree  []*node // children of the document
	marks []*node // by number of the marked content
}

// node is an element of the structure.
type node struct {
	kind  string // "H1", "P", "Table", …
	scope string // of a TH: "Row" or "Column"
	mark  int    // -1: none
	kids  []*node
	id    int
}

func newPage(f fonts) *page {
	return &page{fonts: f, used: [2]map[rune]glyph{{}, {}}}
}

// Faces of text.
const (
	plain  = 0
	strong = 1
)

// text puts a line on the page, x and y in points from the lower left; right
// alignment ends it at x.
func (p *page) text(n *node, face int, size, x, y float64, right bool, s string) {
	hex, width := p.fonts[face].show(s, p.used[face])
	if right {
		x -= size * float64(width) / 1000
	}
	n.mark = len(p.marks)
	p.marks = append(p.marks, n)
	fmt.Fprintf(&p.body, "/%s<</MCID %d>>BDC BT /F%d %s Tf 1 0 0 1 %s %s Tm %s Tj ET EMC\n", n.kind, n.mark, face, num(size), num(x), num(y), hex)
}

// rule draws a line across, which nobody reads.
func (p *page) rule(x1, x2, y float64) {
	fmt.Fprintf(&p.body, "/Artifact BMC 0.6 w %s %s m %s %s l S EMC\n", num(x1), num(y), num(x2), num(y))
}

// wrap breaks s into lines not wider than width points.
func (p *page) wrap(face int, size, width float64, s string) (lines []string) {
	at := ""
	for _, word := range strings.Fields(s) {
		try := strings.TrimSpace(at + " " + word)
		if _, w := p.fonts[face].show(try, map[rune]glyph{}); at != "" && size*float64(w)/1000 > width {
			lines, at = append(lines, at), word
			continue
		}
		at = try
	}
	return append(lines, at)
}

func (p *page) add(kind string, kids ...*node) *node {
	n := &node{kind: kind, mark: -1, kids: kids}
	return n
}

// file is the page as a PDF; the same page gives the same octets.
func (p *page) file(lang, title, id string) []byte {
	var out bytes.Buffer
	out.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	var offsets []int
	reserve := func() int { offsets = append(offsets, 0); return len(offsets) }
	put := func(n int, body string, stream []byte) {
		offsets[n-1] = out.Len()
		if stream != nil {
			fmt.Fprintf(&out, "%d 0 obj\n<<%s/Length %d>>\nstream\n", n, body, len(stream))
			out.Write(stream)
			out.WriteString("\nendstream\nendobj\n")
			return
		}
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", n, body)
	}
	add := func(body string, stream []byte) int { n := reserve(); put(n, body, stream); return n }
	catalog, pages, leaf, root, parents := reserve(), reserve(), reserve(), reserve(), reserve()
	fonts := ""
	for i, f := range p.fonts {
		fonts += fmt.Sprintf("/F%d %d 0 R", i, f.objects(p.used[i], add))
	}
	content := add("/Filter/FlateDecode", deflate([]byte(p.body.String())))
	document := &node{kind: "Document", mark: -1, kids: p.tree}
	document.number(reserve)
	document.write(root, leaf, put)
	var refs strings.Builder
	for _, n := range p.marks {
		fmt.Fprintf(&refs, "%d 0 R ", n.id)
	}
	put(parents, fmt.Sprintf("<</Nums[0[%s]]>>", refs.String()), nil)
	put(root, fmt.Sprintf("<</Type/StructTreeRoot/K %d 0 R/ParentTree %d 0 R/ParentTreeNextKey 1>>", document.id, parents), nil)
	put(leaf, fmt.Sprintf("<</Type/Page/Parent %d 0 R/MediaBox[0 0 595 842]/Resources<</Font<<%s>>>>/Contents %d 0 R/StructParents 0/Tabs/S>>", pages, fonts, content), nil)
	put(pages, fmt.Sprintf("<</Type/Pages/Count 1/Kids[%d 0 R]>>", leaf), nil)
	put(catalog, fmt.Sprintf("<</Type/Catalog/Pages %d 0 R/Lang(%s)/MarkInfo<</Marked true>>/StructTreeRoot %d 0 R/ViewerPreferences<</DisplayDocTitle true>>>>", pages, lang, root), nil)
	info := add("<</Title "+utf16(title)+">>", nil)
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, at := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&out, "trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[<%s><%s>]>>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, catalog, info, id, id, start)
	return out.Bytes()
}

func (n *node) number(reserve func() int) {
	n.id = reserve()
	for _, k := range n.kids {
		k.number(reserve)
	}
}

func (n *node) write(parent, leaf int, put func(int, string, []byte)) {
	var kids strings.Builder
	for _, k := range n.kids {
		fmt.Fprintf(&kids, "%d 0 R ", k.id)
		k.write(n.id, leaf, put)
	}
	if n.mark >= 0 {
		fmt.Fprintf(&kids, "%d", n.mark)
	}
	attr := ""
	if n.scope != "" {
		attr = "/A<</O/Table/Scope/" + n.scope + ">>"
	}
	put(n.id, fmt.Sprintf("<</Type/StructElem/S/%s/P %d 0 R/Pg %d 0 R%s/K[%s]>>", n.kind, parent, leaf, attr, kids.String()), nil)
}

// num writes a number as PDF wants it.
func num(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
}

func utf16(s string) string {
	var b strings.Builder
	b.WriteString("<FEFF")
	for _, r := range s {
		if r > 0xffff {
			r = '?'
		}
		fmt.Fprintf(&b, "%04X", r)
	}
	return b.String() + ">"
}
