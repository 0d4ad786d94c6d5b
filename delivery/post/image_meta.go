package post

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// bareJPEG drops application data and comments but the Adobe marker, which
// tells how colours are stored. It reports false for a file it cannot follow.
func bareJPEG(raw []byte) ([]byte, bool) {
	out := append(make([]byte, 0, len(raw)), raw[:2]...)
	for i := 2; i+4 <= len(raw); {
		if raw[i] != 0xff {
			return nil, false
		}
		m, n := raw[i+1], int(binary.BigEndian.Uint16(raw[i+2:]))
		switch {
		case m == 0xff: // fill
			i++
			continue
		case m == 0xda: // the picture itself, to the end
			return append(out, raw[i:]...), true
		case n < 2 || i+2+n > len(raw) || m == 0xd9 || m >= 0xd0 && m <= 0xd8:
			return nil, false
		}
		if !(m >= 0xe0 && m <= 0xef && m != 0xee || m == 0xfe) {
			out = append(out, raw[i:i+2+n]...)
		}
		i += 2 + n
	}
	return nil, false
}

// exifOrientation is how a camera says that it was held, 1 to 8; 1 when it does
// not say.
func exifOrientation(raw []byte) int {
	for i := 2; i+4 <= len(raw) && raw[i] == 0xff && raw[i+1] != 0xda; {
		n := int(binary.BigEndian.Uint16(raw[i+2:]))
		if n < 2 || i+2+n > len(raw) {
			return 1
		}
		if s := raw[i+4 : i+2+n]; raw[i+1] == 0xe1 && len(s) > 6 && string(s[:6]) == "Exif\x00\x00" {
			o, _, err := tiffDirectory(s[6:])
			if err != nil {
				return 1
			}
			return o
		}
		i += 2 + n
	}
	return 1
}

// tiffDirectory reads the first directory of a TIFF: the orientation it names,
// or 1, and whether another directory follows.
func tiffDirectory(b []byte) (orientation int, next bool, err error) {
	var order binary.ByteOrder = binary.LittleEndian
	if len(b) >= 8 && b[0] == 'M' {
		order = binary.BigEndian
	}
	if len(b) < 8 {
		return 0, false, refuse(Broken, "no TIFF directory")
	}
	at := int64(order.Uint32(b[4:]))
	if at < 8 || at+2 > int64(len(b)) {
		return 0, false, refuse(Broken, "no TIFF directory")
	}
	n := int64(order.Uint16(b[at:]))
	end := at + 2 + 12*n
	if end > int64(len(b)) {
		return 0, false, refuse(Broken, "TIFF directory is cut off")
	}
	orientation = 1
	for e := at + 2; e < end; e += 12 {
		if order.Uint16(b[e:]) == 0x0112 && order.Uint16(b[e+2:]) == 3 {
			if v := int(order.Uint16(b[e+8:])); v >= 1 && v <= 8 {
				orientation = v
			}
		}
	}
	return orientation, end+4 <= int64(len(b)) && order.Uint32(b[end:]) != 0, nil
}

// uprightPicture maps the unit square that a picture fills to the unit square in which
// it is seen the right way up; orientations as in EXIF.
func uprightPicture(orientation int) matrix {
	return map[int]matrix{
		2: {-1, 0, 0, 1, 1, 0}, 3: {-1, 0, 0, -1, 1, 1}, 4: {1, 0, 0, -1, 0, 1},
		5: {0, -1, -1, 0, 1, 1}, 6: {0, -1, 1, 0, 0, 1}, 7: {0, 1, 1, 0, 0, 0}, 8: {0, 1, -1, 0, 1, 0},
	}[orientation]
}

// place gives the page on which a picture is printed: how it lies, and the
// matrix that puts its unit square there. A wide one that needs the room lies
// on its side; a small one keeps its size on a screen.
func (p picture) place() (wide bool, m matrix) {
	w, h := float64(p.w), float64(p.h)
	up := matrix{1, 0, 0, 1, 0, 0}
	if p.turned > 1 {
		up = uprightPicture(p.turned)
	}
	if p.turned >= 5 {
		w, h = h, w
	}
	natural := 72.0 / screenDPI
	const mm = 72 / 25.4
	pw, ph, left, low := a4W, a4H, marginLeft*mm, margin*mm
	if wide = w > h && w*natural > a4W-(margin+marginLeft)*mm; wide {
		pw, ph, left, low = a4H, a4W, margin*mm, margin*mm // its foot is the sheet's right edge
	}
	top, right := margin*mm, margin*mm
	if wide {
		top = marginLeft * mm // its head is the sheet's left edge, where the code is
	}
	s := min(natural, (pw-left-right)/w, (ph-low-top)/h)
	w, h = math.Round(w*s*100)/100, math.Round(h*s*100)/100
	x := left + (pw-left-right-w)/2
	y := ph - top - h
	return wide, up.then(matrix{w, 0, 0, h, x, y})
}

// picturePDF writes the one page of a picture.
func picturePDF(path, out string) error {
	p, err := readPicture(path)
	if err != nil {
		return err
	}
	wide, m := p.place()
	return writeFile(out, func(w io.Writer) error {
		d := newPDFWriter(w)
		id := d.reserve()
		d.stream(id, fmt.Sprintf("/Type/XObject/Subtype/Image/Width %d/Height %d%s", p.w, p.h, p.dict), p.data)
		d.sheet(wide, "<</XObject<</I "+ref(id)+">>>>", "q "+m.String()+" cm /I Do Q")
		return d.finish("00", "x-default", "", false)
	})
}
