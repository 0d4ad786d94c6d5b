package pades

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
)

// Flags of a composite glyph record that we read (TrueType "glyf" table).
const (
	compArgsAreWords  = 0x0001
	compHasScale      = 0x0008
	compMore          = 0x0020
	compHasXYScale    = 0x0040
	compHasTwoByTwo   = 0x0080
	compHasInstructed = 0x0100
)

// subset collects characters of one face, those of a document that its
// [commonFont] lacks, and renumbers
// their glyphs from 1 in order of first use. Every character has a glyph number
// of its own, even when the face draws two alike, so that text copied from the
// page is exactly the text that was put there.
type subset struct {
	face  *face
	code  map[rune]int
	runes []rune // runes[i] has glyph number i+1
}

func newSubset(f *face) *subset { return &subset{face: f, code: map[rune]int{}} }

// add gives the glyph number of r.
func (s *subset) add(r rune) int {
	c, ok := s.code[r]
	if !ok {
		s.runes = append(s.runes, r)
		c = len(s.runes)
		s.code[r] = c
	}
	return c
}

// hex appends r as it stands in the string of a Tj operator. It must satisfy
// face.shows; the layout escapes what does not, so that .notdef is never drawn
// (PDF/A-3 §6.2.11.8).
func (s *subset) hex(b []byte, r rune) []byte {
	const digits = "0123456789ABCDEF"
	c := s.add(r)
	return append(b, digits[c>>12&15], digits[c>>8&15], digits[c>>4&15], digits[c&15])
}

// name is the subset's PostScript name: six letters that depend on its
// characters, as ISO 32000-1 §9.6.4 asks, and are the same every time.
func (s *subset) name() string {
	sum := sha256.Sum256([]byte(string(s.runes)))
	tag := make([]byte, 6)
	for i := range tag {
		tag[i] = 'A' + sum[i]%26
	}
	return string(tag) + "+" + s.face.name
}

// widths is the /W array: advance widths by glyph number.
func (s *subset) widths() string {
	var b strings.Builder
	b.WriteString("[1 [")
	for _, r := range s.runes {
		fmt.Fprintf(&b, "%.0f ", (float64(s.face.advance(s.face.glyph(r))) * 1000 / float64(s.face.unitsPerEm)))
	}
	b.WriteString("]]")
	return b.String()
}

// toUnicode is the CMap from glyph numbers back to characters.
func (s *subset) toUnicode() []byte {
	var b bytes.Buffer
	b.WriteString("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n" +
		"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n" +
		"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	for i := 0; i < len(s.runes); i += 100 {
		chunk := s.runes[i:min(i+100, len(s.runes))]
		fmt.Fprintf(&b, "%d beginbfchar\n", len(chunk))
		for j, r := range chunk {
			fmt.Fprintf(&b, "<%04X> <%04X>\n", i+j+1, r)
		}
		b.WriteString("endbfchar\n")
	}
	b.WriteString("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n")
	return b.Bytes()
}

// program writes the subset as a TrueType font: the glyphs used, their
// components after them, and no hinting. A cmap is only needed by a font that is
// used by character.
func (s *subset) program(cmap []byte) []byte {
	old := []int{0}
	for _, r := range s.runes {
		old = append(old, s.face.glyph(r))
	}
	components := map[int]int{}
	var glyf []byte
	loca := []uint32{0}
	for i := 0; i < len(old); i++ {
		data := stripHints(s.face.glyf[s.face.loca[old[i]]:s.face.loca[old[i]+1]], func(g int) int {
			if n, ok := components[g]; ok {
				return n
			}
			old = append(old, g)
			components[g] = len(old) - 1
			return len(old) - 1
		})
		glyf = append(glyf, data...)
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
		loca = append(loca, uint32(len(glyf)))
	}
	be := binary.BigEndian
	var locaB, hmtx []byte
	for _, o := range loca {
		locaB = be.AppendUint32(locaB, o)
	}
	for _, g := range old {
		lsb := uint16(0)
		if g < s.face.hMetrics {
			lsb = be.Uint16(s.face.hmtx[4*g+2:])
		}
		hmtx = be.AppendUint16(hmtx, uint16(s.face.advance(g)))
		hmtx = be.AppendUint16(hmtx, lsb)
	}
	head := bytes.Clone(s.face.head)
	be.PutUint32(head[8:], 0)
	be.PutUint16(head[50:], 1) // long loca
	units := func(em int) uint16 { return uint16(int16(em * s.face.unitsPerEm / 1000)) }
	hhea := make([]byte, 36)
	be.PutUint32(hhea, 0x00010000)
	be.PutUint16(hhea[4:], units(s.face.ascent))
	be.PutUint16(hhea[6:], units(s.face.descent))
	be.PutUint16(hhea[34:], uint16(len(old)))
	maxp := make([]byte, 32)
	be.PutUint32(maxp, 0x00010000)
	be.PutUint16(maxp[4:], uint16(len(old)))
	for i, v := range []uint16{512, 64, 512, 64, 1, 0, 0, 0, 0, 0, 0, 8, 4} {
		be.PutUint16(maxp[6+2*i:], v) // upper bounds; without hinting nothing else applies
	}
	tables := []table{{"glyf", glyf}, {"head", head}, {"hhea", hhea}, {"hmtx", hmtx}, {"loca", locaB}, {"maxp", maxp}}
	if cmap != nil {
		tables = append([]table{{"cmap", cmap}}, tables...)
	}
	return sfnt(tables)
}

// stripHints copies a glyph without its instructions, and gives the components
// of a composite their new numbers.
func stripHints(g []byte, renumber func(int) int) []byte {
	if len(g) < 10 {
		return nil
	}
	be := binary.BigEndian
	out := bytes.Clone(g)
	contours := int(int16(be.Uint16(g)))
	if contours >= 0 {
		at := 10 + 2*contours
		n := int(be.Uint16(g[at:]))
		out = append(out[:at:at], 0, 0)
		return append(out, g[at+2+n:]...)
	}
	for at := 10; ; {
		flags := be.Uint16(out[at:])
		be.PutUint16(out[at:], flags&^compHasInstructed)
		be.PutUint16(out[at+2:], uint16(renumber(int(be.Uint16(out[at+2:])))))
		at += 6
		if flags&compArgsAreWords != 0 {
			at += 2
		}
		switch {
		case flags&compHasScale != 0:
			at += 2
		case flags&compHasXYScale != 0:
			at += 4
		case flags&compHasTwoByTwo != 0:
			at += 8
		}
		if flags&compMore == 0 {
			return out[:at]
		}
	}
}

type table struct {
	tag  string
	data []byte
}

// sfnt joins tables, sorted by tag, into a font file with its checksums.
func sfnt(tables []table) []byte {
	be := binary.BigEndian
	sum := func(b []byte) (n uint32) {
		for i := 0; i < len(b); i += 4 {
			var w [4]byte
			copy(w[:], b[i:])
			n += be.Uint32(w[:])
		}
		return n
	}
	n := len(tables)
	search := 1
	log := 0
	for search*2 <= n {
		search, log = search*2, log+1
	}
	out := be.AppendUint32(nil, 0x00010000)
	for _, v := range []int{n, search * 16, log, (n - search) * 16} {
		out = be.AppendUint16(out, uint16(v))
	}
	at := 12 + 16*n
	headAt := 0
	var body []byte
	for _, t := range tables {
		if t.tag == "head" {
			headAt = at
		}
		out = append(out, t.tag...)
		out = be.AppendUint32(out, sum(t.data))
		out = be.AppendUint32(out, uint32(at))
		out = be.AppendUint32(out, uint32(len(t.data)))
		body = append(body, t.data...)
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
		at = 12 + 16*n + len(body)
	}
	out = append(out, body...)
	be.PutUint32(out[headAt+8:], 0xB1B0AFBA-sum(out))
	return out
}
