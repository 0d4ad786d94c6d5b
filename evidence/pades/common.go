package pades

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// winAnsi is what we use of WinAnsiEncoding from 0x80 to 0x9F, with a space for
// the rest. Around it, the code is the character. ISO 32000-1 annex D.2
const winAnsi = "€   „…           ‘’“”•–     œ   "

// What is common: in text all that the four languages write, and in the mono
// face digests, identifiers and instants.
const (
	textCommon = " !\"#%&'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz" +
		"\u00a0«°·»ÀÄÇÈÉÊËÖÜßàáâäçèéêëíîïñóôöùúûüœ–‘’“”„…•€"
	monoCommon = " -.0123456789:TZabcdef"
)

// commonFont is a face as far as WinAnsiEncoding reaches, made once. One octet
// a character keeps pages small. What it lacks is set in a [subset].
type commonFont struct {
	name        string
	program     []byte // TrueType, compressed
	length      int    // of program before that
	first, last int    // codes
	widths      string
	near        [256]bool     // characters that are their own code
	far         map[rune]byte // the others
}

func (p *press) newCommonFont(f *face, common string) *commonFont {
	c := &commonFont{first: 255, far: map[rune]byte{}}
	runes := []rune(common)
	s := newSubset(f)
	var width [256]int
	for _, r := range runes {
		s.add(r)
		code := int(r)
		if r > 0xFF {
			code = 0x80 + slices.Index([]rune(winAnsi), r)
			c.far[r] = byte(code)
		} else {
			c.near[r] = true
		}
		c.first, c.last = min(c.first, code), max(c.last, code)
		width[code] = (f.advance(f.glyph(r))*1000 + f.unitsPerEm/2) / f.unitsPerEm
	}
	program := s.program(cmapOf(runes))
	c.name, c.length, c.program = s.name(), len(program), p.deflate(program, slow)
	c.widths = strings.ReplaceAll(fmt.Sprint(width[c.first:c.last+1]), "  ", " ")
	return c
}

// has gives the code of r, if the font has it.
func (c *commonFont) has(r rune) (byte, bool) {
	if r < 0x100 {
		return byte(r), c.near[r]
	}
	code, ok := c.far[r]
	return code, ok
}

// toUnicode is the CMap of every common font. ISO 32000-1 §9.10.3
func (p *press) toUnicode() []byte {
	b := []byte("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n" +
		"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<00> <FF>\nendcodespacerange\n" +
		"2 beginbfrange\n<20> <7E> <0020>\n<A0> <FF> <00A0>\nendbfrange\n")
	far := []rune(winAnsi)
	b = fmt.Appendf(b, "%d beginbfchar\n", len(far)-strings.Count(winAnsi, " "))
	for i, r := range far {
		if r != ' ' {
			b = fmt.Appendf(b, "<%02X> <%04X>\n", 0x80+i, r)
		}
	}
	b = append(b, "endbfchar\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"...)
	return p.deflate(b, slow)
}

// cmapOf is a TrueType cmap of format 4 for (3, 1): character to glyph, which
// are numbered from 1 in the order of runes. WinAnsiEncoding needs it.
func cmapOf(runes []rune) []byte {
	type segment struct{ first, last, delta int }
	var segs []segment
	sorted := slices.Clone(runes)
	slices.Sort(sorted)
	for _, r := range sorted {
		delta := slices.Index(runes, r) + 1 - int(r)
		if n := len(segs); n > 0 && segs[n-1].last == int(r)-1 && segs[n-1].delta == delta {
			segs[n-1].last++
			continue
		}
		segs = append(segs, segment{int(r), int(r), delta})
	}
	segs = append(segs, segment{0xFFFF, 0xFFFF, 1})
	be := binary.BigEndian
	n := len(segs)
	search, log := 1, 0
	for search*2 <= n {
		search, log = search*2, log+1
	}
	var sub []byte
	for _, v := range []int{4, 16 + 8*n, 0, 2 * n, 2 * search, log, 2 * (n - search)} {
		sub = be.AppendUint16(sub, uint16(v))
	}
	for _, s := range segs {
		sub = be.AppendUint16(sub, uint16(s.last))
	}
	sub = be.AppendUint16(sub, 0)
	for _, s := range segs {
		sub = be.AppendUint16(sub, uint16(s.first))
	}
	for _, s := range segs {
		sub = be.AppendUint16(sub, uint16(s.delta))
	}
	sub = append(sub, make([]byte, 2*n)...) // no glyph lists
	head := []byte{0, 0, 0, 1, 0, 3, 0, 1, 0, 0, 0, 12}
	return append(head, sub...)
}
