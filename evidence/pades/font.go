package pades

import (
	"encoding/binary"
	"fmt"
	"unicode"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
)

// faceID names one of the three faces a document is set in.
type faceID int

const (
	regular faceID = iota
	bold
	mono
	faceCount
)

// common and subset are the names of a face's fonts in the resources of a page.
func (f faceID) common() string { return [...]string{"/F0", "/F1", "/F2"}[f] }
func (f faceID) subset() string { return [...]string{"/G0", "/G1", "/G2"}[f] }

// near bounds the characters whose widths a face knows without looking: Latin.
const near = 0x250

// face is a parsed TrueType font that reads its tables in place. Read-only
// after parseFace.
type face struct {
	name       string
	glyf       []byte
	loca       []uint32
	hmtx       []byte
	head       []byte
	cmap       []byte // subtable of format 4 for (3, 1)
	unitsPerEm int
	hMetrics   int
	ascent     int // thousandths of an em, as all metrics below
	descent    int
	capHeight  int
	bbox       [4]int
	advances   [near]int // in font units
}

// parseFaces parses the embedded faces in the order of faceID.
func parseFaces() ([faceCount]*face, error) {
	var out [faceCount]*face
	for i, src := range []struct {
		name string
		ttf  []byte
	}{{"GoRegular", goregular.TTF}, {"GoBold", gobold.TTF}, {"GoMono", gomono.TTF}} {
		f, err := parseFace(src.name, src.ttf)
		if err != nil {
			return out, fmt.Errorf("pades: font %s: %w", src.name, err)
		}
		out[i] = f
	}
	return out, nil
}

func parseFace(name string, ttf []byte) (*face, error) {
	be := binary.BigEndian
	if len(ttf) < 12 {
		return nil, fmt.Errorf("%w: truncated", errFont)
	}
	tables := map[string][]byte{}
	for i := range int(be.Uint16(ttf[4:])) {
		rec := ttf[12+16*i:]
		off, n := int(be.Uint32(rec[8:])), int(be.Uint32(rec[12:]))
		if off < 0 || n < 0 || off+n > len(ttf) {
			return nil, fmt.Errorf("%w: table out of range", errFont)
		}
		tables[string(rec[:4])] = ttf[off : off+n]
	}
	for tag, least := range map[string]int{"head": 54, "hhea": 36, "maxp": 6, "loca": 2, "glyf": 1, "hmtx": 4, "cmap": 4, "OS/2": 90} {
		if len(tables[tag]) < least {
			return nil, fmt.Errorf("%w: table %s missing or short", errFont, tag)
		}
	}
	head, hhea := tables["head"], tables["hhea"]
	f := &face{
		name: name, glyf: tables["glyf"], hmtx: tables["hmtx"], head: head,
		unitsPerEm: int(be.Uint16(head[18:])), hMetrics: int(be.Uint16(hhea[34:])),
	}
	n := int(be.Uint16(tables["maxp"][4:]))
	f.loca = make([]uint32, n+1)
	for i := range f.loca {
		if be.Uint16(head[50:]) == 0 {
			f.loca[i] = 2 * uint32(be.Uint16(tables["loca"][2*i:]))
		} else {
			f.loca[i] = be.Uint32(tables["loca"][4*i:])
		}
	}
	f.ascent, f.descent = f.em(hhea[4:]), f.em(hhea[6:])
	f.capHeight = f.em(tables["OS/2"][88:])
	for i := range f.bbox {
		f.bbox[i] = f.em(head[36+2*i:])
	}
	cmap := tables["cmap"]
	for i := range int(be.Uint16(cmap[2:])) {
		rec := cmap[4+8*i:]
		sub := cmap[be.Uint32(rec[4:]):]
		if be.Uint16(rec) == 3 && be.Uint16(rec[2:]) == 1 && be.Uint16(sub) == 4 {
			f.cmap = sub
		}
	}
	if f.cmap == nil {
		return nil, fmt.Errorf("%w: no Unicode cmap of format 4", errFont)
	}
	for r := range f.advances {
		f.advances[r] = f.advance(f.glyph(rune(r)))
	}
	return f, nil
}

// em reads a signed 16-bit value in font units as thousandths of an em.
func (f *face) em(b []byte) int {
	return int(int16(binary.BigEndian.Uint16(b))) * 1000 / f.unitsPerEm
}

// glyph is the glyph of r, or 0 when the font lacks it.
func (f *face) glyph(r rune) int {
	if r > 0xFFFF {
		return 0
	}
	be, c := binary.BigEndian, f.cmap
	segX2 := int(be.Uint16(c[6:]))
	ends, starts := c[14:], c[16+segX2:]
	deltas, offsets := c[16+2*segX2:], c[16+3*segX2:]
	for i := 0; i < segX2; i += 2 {
		if rune(be.Uint16(ends[i:])) < r {
			continue
		}
		start := rune(be.Uint16(starts[i:]))
		if start > r {
			return 0
		}
		off := int(be.Uint16(offsets[i:]))
		if off == 0 {
			return int(uint16(r) + be.Uint16(deltas[i:]))
		}
		g := be.Uint16(offsets[i+off+2*int(r-start):])
		if g == 0 {
			return 0
		}
		return int(g + be.Uint16(deltas[i:]))
	}
	return 0
}

// shows reports whether r may be printed as itself: the font has a glyph, and
// the character is visible or a plain space. Controls, direction overrides,
// soft hyphens and private-use characters could make a page read other than
// what was signed, so they never pass.
func (f *face) shows(r rune) bool {
	if r == ' ' || r == '\u00a0' {
		return true
	}
	if !unicode.IsGraphic(r) || unicode.IsSpace(r) || unicode.In(r, unicode.Co, unicode.Mn, unicode.Me) || r == '\ufffd' {
		return false
	}
	return f.glyph(r) != 0
}

// advance is the width of a glyph in font units.
func (f *face) advance(g int) int {
	return int(binary.BigEndian.Uint16(f.hmtx[4*min(g, f.hMetrics-1):]))
}

// width is the width of s at size, in points.
func (f *face) width(s string, size float64) float64 {
	n := 0
	for _, r := range s {
		if r < near {
			n += f.advances[r]
		} else {
			n += f.advance(f.glyph(r))
		}
	}
	return float64(n) * size / float64(f.unitsPerEm)
}
