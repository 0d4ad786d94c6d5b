package statement

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// increment is a section that a test appends to a PDF.
type increment struct {
	objects map[int]string // by number
	trailer string         // further entries
	free    []int          // numbers that are declared free
	root    int            // 0: as before
}

var (
	lastStart = regexp.MustCompile(`startxref\s+(\d+)\s+%%EOF\s*$`)
	sizeEntry = regexp.MustCompile(`/Size (\d+)`)
	rootEntry = regexp.MustCompile(`/Root (\d+) 0 R`)
)

func last(t *testing.T, re *regexp.Regexp, doc []byte) int {
	t.Helper()
	all := re.FindAllSubmatch(doc, -1)
	if len(all) == 0 {
		t.Fatalf("no %s", re)
	}
	n, err := strconv.Atoi(string(all[len(all)-1][1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// add appends i to doc as a well-behaved program would.
func (i increment) add(t *testing.T, doc []byte) []byte {
	t.Helper()
	out := bytes.Clone(doc)
	if !bytes.HasSuffix(out, []byte("\n")) {
		out = append(out, '\n')
	}
	size, root := last(t, sizeEntry, doc), last(t, rootEntry, doc)
	if i.root != 0 {
		root = i.root
	}
	var ids []int
	offsets := map[int]int{}
	for id := range i.objects {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		offsets[id] = len(out)
		out = fmt.Appendf(out, "%d 0 obj\n%s\nendobj\n", id, i.objects[id])
		size = max(size, id+1)
	}
	table := len(out)
	out = append(out, "xref\n"...)
	for _, id := range ids {
		out = fmt.Appendf(out, "%d 1\n%010d 00000 n \n", id, offsets[id])
	}
	for _, id := range i.free {
		out = fmt.Appendf(out, "%d 1\n0000000000 00001 f \n", id)
	}
	return fmt.Appendf(out, "trailer\n<< /Size %d /Root %d 0 R /Prev %d %s >>\nstartxref\n%d\n%%%%EOF\n",
		size, root, last(t, lastStart, doc), i.trailer, table)
}

// parts of our page as it was made.
type parts struct {
	next, root, page int
	catalog, sheet   string // without the closing mark
}

func partsOf(t *testing.T, doc []byte) parts {
	t.Helper()
	f, err := readFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	c, root := f.catalog()
	pages, err := f.pages(c.dict["Pages"])
	if err != nil {
		t.Fatal(err)
	}
	body := func(id int) string {
		o, _ := f.object(id)
		return strings.TrimSuffix(string(doc[o.value.from:o.value.to]), ">>")
	}
	return parts{next: last(t, sizeEntry, doc), root: root, page: pages[0], catalog: body(root), sheet: body(pages[0])}
}

// how a test signs.
type how struct {
	args      []string                     // of openssl cms besides
	plain     bool                         // without -cades
	rect      string                       // default none
	catalog   string                       // further entries
	page      string                       // further entries
	annots    string                       // further annotations
	field     string                       // further entries
	form      string                       // further entries
	sig       string                       // further entries
	subfilter string                       // default ETSI.CAdES.detached
	objects   map[int]string               // further objects, by number after the field's
	ranged    func([4]int, []byte) [4]int  // changes the byte range
	contained func([]byte) []byte          // changes the container
	covered   func(doc, cov []byte) []byte // changes what is signed
	base      []byte                       // whose page and catalog are built upon; default the document
	place     int                          // digits for the container; default placeLength
}

const placeLength = 8192

// signWith appends a signature of s to doc: the increment is ours, the container
// is made by openssl.
func signWith(t *testing.T, doc []byte, s signer, h how) []byte {
	t.Helper()
	if h.base == nil {
		h.base = doc
	}
	p := partsOf(t, h.base)
	p.next = last(t, sizeEntry, doc)
	if h.rect == "" {
		h.rect = "[0 0 0 0]"
	}
	if h.subfilter == "" {
		h.subfilter = "ETSI.CAdES.detached"
	}
	if h.place == 0 {
		h.place = placeLength
	}
	hole := "<" + strings.Repeat("0", h.place) + ">"
	const range0 = "[0 0000000000 0000000000 0000000000]"
	objects := map[int]string{
		p.root: p.catalog + fmt.Sprintf(" /AcroForm << /Fields [%d 0 R] /SigFlags 3 %s >> %s >>", p.next, h.form, h.catalog),
		p.page: p.sheet + fmt.Sprintf(" /Annots [%d 0 R %s] %s >>", p.next, h.annots, h.page),
		p.next: fmt.Sprintf("<< /Type /Annot /Subtype /Widget /FT /Sig /T (Signature1) /F 132 /Rect %s /P %d 0 R /V %d 0 R %s >>", h.rect, p.page, p.next+1, h.field),
		p.next + 1: fmt.Sprintf("<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /%s /ByteRange %s /Contents %s %s >>",
			h.subfilter, range0, hole, h.sig),
	}
	for n, o := range h.objects {
		objects[p.next+2+n] = o
	}
	out := increment{objects: objects}.add(t, doc)
	from := bytes.LastIndex(out, []byte(hole))
	n := [4]int{0, from, from + len(hole), len(out) - from - len(hole)}
	if h.ranged != nil {
		n = h.ranged(n, out)
	}
	at := bytes.LastIndex(out, []byte(range0))
	copy(out[at:], fmt.Sprintf("%-*s", len(range0), fmt.Sprintf("[%d %d %d %d]", n[0], n[1], n[2], n[3])))
	covered := slices.Concat(out[n[0]:n[0]+n[1]], out[n[2]:n[2]+n[3]])
	if h.covered != nil {
		covered = h.covered(out, covered)
	}
	der := opensslCMS(t, covered, s, h)
	if h.contained != nil {
		der = h.contained(der)
	}
	hex.Encode(out[from+1:], der)
	return out
}

func opensslCMS(t *testing.T, content []byte, s signer, h how) []byte {
	t.Helper()
	cert, key := s.files(t)
	args := []string{"cms", "-sign", "-binary", "-outform", "DER", "-signer", cert, "-inkey", key, "-md", "sha256", "-nosmimecap"}
	if !h.plain {
		args = append(args, "-cades")
	}
	if len(s.with) > 0 {
		var chain []byte
		for _, c := range s.with {
			chain = append(chain, signer{cert: c}.pem()...)
		}
		path := filepath.Join(t.TempDir(), "chain.pem")
		if err := os.WriteFile(path, chain, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-certfile", path)
	}
	cmd := exec.Command("openssl", append(args, h.args...)...)
	cmd.Stdin = bytes.NewReader(content)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	der, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl, which these tests need, does not sign: %v\n%s", err, &complaint)
	}
	return der
}
