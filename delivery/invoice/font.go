package invoice

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// fonts are the two faces of a page: regular and bold.
type fonts [2]face

// face is a font as PDF embeds it.
type face struct {
	name   string
	ttf    []byte // deflated
	size   int    // before that
	font   *sfnt.Font
	em     fixed.Int26_6
	widths map[rune]glyph
}

type glyph struct {
	id    sfnt.GlyphIndex
	width int // thousandths of an em
}

// Widths are known of Latin, Greek, Cyrillic and punctuation; anything else is
// set as a question mark.
var alphabets = [][2]rune{{0x20, 0x7e}, {0xa0, 0x17f}, {0x1fa, 0x1ff}, {0x386, 0x3ce}, {0x400, 0x45f}, {0x2010, 0x2026}, {0x20ac, 0x20ac}}

func readFonts() (out fonts, err error) {
	for i, src := range []struct {
		name string
		ttf  []byte
	}{{"GoRegular", goregular.TTF}, {"GoBold", gobold.TTF}} {
		f := face{name: src.name, size: len(src.ttf), ttf: deflate(src.ttf), widths: map[rune]glyph{}}
		if f.font, err = sfnt.Parse(src.ttf); err != nil {
			return out, fmt.Errorf("invoice: font %s: %w", src.name, err)
		}
		f.em = fixed.I(1000)
		var buf sfnt.Buffer
		for _, a := range alphabets {
			for r := a[0]; r <= a[1]; r++ {
				id, err := f.font.GlyphIndex(&buf, r)
				if err != nil || id == 0 {
					continue
				}
				w, err := f.font.GlyphAdvance(&buf, id, f.em, font.HintingNone)
				if err != nil {
					return out, fmt.Errorf("invoice: font %s: %w", src.name, err)
				}
				f.widths[r] = glyph{id, w.Round()}
			}
		}
		out[i] = f
	}
	return out, nil
}

func deflate(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(b) // into memory
	_ = w.Close()
	return out.Bytes()
}

func (f face) glyph(r rune) (glyph, rune) {
	if g, ok := f.widths[r]; ok {
		return g, r
	}
	return f.widths['?'], '?'
}

// show is s as a string of glyphs, and how wide it is in thousandths of an em.
func (f face) show(s string, used map[rune]glyph) (hex string, width int) {
	var b strings.Builder
	for _, r := range s {
		g, as := f.glyph(r)
		used[as] = g
		fmt.Fprintf(&b, "%04X", g.id)
		width += g.width
	}
	return "<" + b.String() + ">", width
}

// objects are what a PDF needs of a face of which so many characters are used:
// the dictionary of the font last.
func (f face) objects(used map[rune]glyph, add func(string, []byte) int) int {
	runes := make([]rune, 0, len(used))
	for r := range used {
		runes = append(runes, r)
	}
	slices.Sort(runes)
	var w, to strings.Builder
	for _, r := range runes {
		fmt.Fprintf(&w, "%d[%d]", used[r].id, used[r].width)
		fmt.Fprintf(&to, "<%04X> <%04X>\n", used[r].id, r)
	}
	file := add(fmt.Sprintf("/Filter/FlateDecode/Length1 %d", f.size), f.ttf)
	box := f.font.UnitsPerEm()
	desc := add(fmt.Sprintf("<</Type/FontDescriptor/FontName/%s/Flags 4/FontBBox[%d %d %d %d]/ItalicAngle 0/Ascent 935/Descent -211/CapHeight 723/StemV 80/FontFile2 %d 0 R>>",
		f.name, -int(box)/8, -int(box)/8, int(box)/2, int(box)/2, file), nil)
	cid := add(fmt.Sprintf("<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/FontDescriptor %d 0 R/DW 500/W[%s]/CIDToGIDMap/Identity>>",
		f.name, desc, w.String()), nil)
	cmap := fmt.Sprintf("/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /U def /CMapType 2 def\n1 begincodespacerange <0000> <FFFF> endcodespacerange\n%sendcmap end end",
		chunked(to.String()))
	return add(fmt.Sprintf("<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>",
		f.name, cid, add("/Filter/FlateDecode", deflate([]byte(cmap)))), nil)
}

// chunked writes the lines of a map, at most a hundred in one section.
func chunked(lines string) string {
	var b strings.Builder
	for part := range slices.Chunk(strings.Split(strings.TrimSuffix(lines, "\n"), "\n"), 100) {
		fmt.Fprintf(&b, "%d beginbfchar\n%s\nendbfchar\n", len(part), strings.Join(part, "\n"))
	}
	return b.String()
}
