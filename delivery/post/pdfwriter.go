package post

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// pdfWriter writes a PDF front to back, so that memory does not grow with the
// letter. The same calls give the same octets: nothing in the file depends on
// the clock. The first error sticks and comes out of finish.
type pdfWriter struct {
	w    *bufio.Writer
	n    int64
	at   []int64 // offset of object i+1
	kids []int
	tree int
	err  error
}

func newPDFWriter(w io.Writer) *pdfWriter {
	p := &pdfWriter{w: bufio.NewWriterSize(w, 64<<10)}
	p.write([]byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"))
	p.tree = p.reserve()
	return p
}

func (p *pdfWriter) write(b []byte) {
	if p.err != nil {
		return
	}
	n, err := p.w.Write(b)
	p.n += int64(n)
	p.err = err
}

// reserve gives the number of an object that is written later.
func (p *pdfWriter) reserve() int {
	p.at = append(p.at, 0)
	return len(p.at)
}

// object writes object id.
func (p *pdfWriter) object(id int, body string) {
	p.at[id-1] = p.n
	p.write([]byte(strconv.Itoa(id) + " 0 obj\n" + body + "\nendobj\n"))
}

// stream writes object id as a stream; dict is its dictionary without /Length
// and without the brackets.
func (p *pdfWriter) stream(id int, dict string, data []byte) {
	p.at[id-1] = p.n
	p.write([]byte(fmt.Sprintf("%d 0 obj\n<<%s/Length %d>>\nstream\n", id, dict, len(data))))
	p.write(data)
	p.write([]byte("\nendstream\nendobj\n"))
}

// page adds an A4 page. resources is a dictionary; content may be empty.
func (p *pdfWriter) page(resources, content string) { p.sheet(false, resources, content) }

// sheet adds an A4 page, upright or wide.
func (p *pdfWriter) sheet(wide bool, resources, content string) {
	box := rect{0, 0, a4W, a4H}
	if wide {
		box = rect{0, 0, a4H, a4W}
	}
	id := p.reserve()
	p.kids = append(p.kids, id)
	body := ""
	if content != "" {
		c := p.reserve()
		p.stream(c, "", []byte(content))
		body = "/Contents " + ref(c)
	}
	p.object(id, fmt.Sprintf("<</Type/Page/Parent %s/MediaBox %v/Resources %s%s>>",
		ref(p.tree), box, resources, body))
}

// finish writes the page tree, the catalog and the cross-reference table. id is
// the file identifier, hexadecimal.
func (p *pdfWriter) finish(id, lang, title string, duplex bool) error {
	var kids strings.Builder
	for _, k := range p.kids {
		kids.WriteString(" " + ref(k))
	}
	p.object(p.tree, fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", len(p.kids), kids.String()))
	root, info := p.reserve(), p.reserve()
	sides := "Simplex"
	if duplex {
		sides = "DuplexFlipLongEdge"
	}
	p.object(root, fmt.Sprintf("<</Type/Catalog/Pages %s/Lang(%s)/ViewerPreferences<</PrintScaling/None/Duplex/%s>>>>", ref(p.tree), lang, sides))
	p.object(info, "<</Title "+hexText(title)+">>")
	start := p.n
	var x strings.Builder
	fmt.Fprintf(&x, "xref\n0 %d\n0000000000 65535 f \n", len(p.at)+1)
	for _, at := range p.at {
		fmt.Fprintf(&x, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&x, "trailer\n<</Size %d/Root %s/Info %s/ID[<%s><%s>]>>\nstartxref\n%d\n%%%%EOF\n",
		len(p.at)+1, ref(root), ref(info), id, id, start)
	p.write([]byte(x.String()))
	if p.err != nil {
		return p.err
	}
	return p.w.Flush()
}

func ref(id int) string { return strconv.Itoa(id) + " 0 R" }

// num writes a number as PDF wants it: no exponent, no needless digits.
func num(v float64) string {
	s := strconv.FormatFloat(v, 'f', 5, 64)
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	if s == "-0" || s == "" {
		return "0"
	}
	return s
}

// hexText writes a text string as UTF-16 with byte order mark.
func hexText(s string) string {
	var b strings.Builder
	b.WriteString("<FEFF")
	for _, r := range s {
		if r > 0xFFFF {
			r = replacement
		}
		fmt.Fprintf(&b, "%04X", r)
	}
	return b.String() + ">"
}
