package post

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/tiff"
)

// flag is a picture whose corners differ: red at the upper left, green at the
// upper right, blue at the lower left, black at the lower right.
func flag(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{0, 0, 0, 255}
			switch {
			case x < w/2 && y < h/2:
				c.R = 255
			case y < h/2:
				c.G = 200
			case x < w/2:
				c.B = 255
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

// encoded is a picture as a file.
func encoded(t *testing.T, kind string, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	err := map[string]func() error{
		"png":  func() error { return png.Encode(&b, m) },
		"jpeg": func() error { return jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}) },
		"tiff": func() error { return tiff.Encode(&b, m, nil) },
	}[kind]()
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withOrientation puts an EXIF block, with a place in it, into a JPEG.
func withOrientation(raw []byte, o uint16) []byte {
	e := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01")
	e = binary.BigEndian.AppendUint16(e, o)
	e = append(e, "\x00\x00\x00\x00\x00\x00GPS 50.85N 4.35E"...)
	out := append([]byte{}, raw[:2]...)
	out = append(out, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(e)+2))
	return append(append(out, e...), raw[2:]...)
}

// corners renders a page and names the colour at each corner of what is not
// white, clockwise from the upper left.
func corners(t *testing.T, path string, page string) string {
	t.Helper()
	m := rendered(t, path, page, "60")
	b := image.Rectangle{}
	for y := range m.Bounds().Dy() {
		for x := 40; x < m.Bounds().Dx(); x++ { // beyond the sheet code
			if r, g, bl, _ := m.At(x, y).RGBA(); r < 0xe000 || g < 0xe000 || bl < 0xe000 {
				b = b.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	if b.Dx() < 8 || b.Dy() < 8 {
		return "nothing"
	}
	b = b.Inset(min(b.Dx(), b.Dy()) / 5)
	name := func(x, y int) string {
		r, g, bl, _ := m.At(x, y).RGBA()
		switch {
		case r > 0xa000:
			return "r"
		case g > 0x8000:
			return "g"
		case bl > 0xa000:
			return "b"
		}
		return "k"
	}
	return name(b.Min.X, b.Min.Y) + name(b.Max.X, b.Min.Y) + name(b.Max.X, b.Max.Y) + name(b.Min.X, b.Max.Y)
}

// rendered is a page as poppler draws it.
func rendered(t *testing.T, path, page, dpi string) image.Image {
	t.Helper()
	out := filepath.Join(t.TempDir(), "page")
	tool(t, "pdftoppm", "-r", dpi, "-f", page, "-l", page, "-png", "-singlefile", path, out)
	f, err := os.Open(out + ".png")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestPictures: what a person would see on a screen is what stands on paper.
func TestPictures(t *testing.T) {
	t.Parallel()
	transparent := image.NewNRGBA(image.Rect(0, 0, 200, 100))
	for i, p := range flag(200, 100).Pix {
		transparent.Pix[i] = p
	}
	grey := image.NewGray(image.Rect(0, 0, 300, 200))
	for i := range grey.Pix {
		grey.Pix[i] = 60
	}
	cases := map[string]struct {
		kind string
		raw  []byte
		want string // clockwise on paper; wide pictures have their head to the left
	}{
		"png": {"image/png", encoded(t, "png", flag(300, 400)), "rgkb"}, "jpeg": {"image/jpeg", encoded(t, "jpeg", flag(300, 400)), "rgkb"},
		"tiff": {"image/tiff", encoded(t, "tiff", flag(300, 400)), "rgkb"}, "alpha": {"image/png", encoded(t, "png", transparent), "rgkb"},
		"grey": {"image/jpeg", encoded(t, "jpeg", grey), "kkkk"}, "other name": {"image/png", encoded(t, "jpeg", flag(300, 400)), "rgkb"},
		"wide":    {"image/png", encoded(t, "png", flag(1600, 900)), "gkbr"},
		"huge":    {"image/jpeg", encoded(t, "jpeg", flag(3600, 4800)), "rgkb"},
		"upright": {"image/jpeg", withOrientation(encoded(t, "jpeg", flag(300, 400)), 1), "rgkb"},
		"exif 2":  {"image/jpeg", withOrientation(encoded(t, "jpeg", flag(300, 400)), 2), "grbk"},
		"exif 3":  {"image/jpeg", withOrientation(encoded(t, "jpeg", flag(300, 400)), 3), "kbrg"},
		"exif 4":  {"image/jpeg", withOrientation(encoded(t, "jpeg", flag(300, 400)), 4), "bkgr"},
		"exif 5":  {"image/jpeg", withOrientation(encoded(t, "jpeg", flag(300, 400)), 5), "rbkg"},
		"exif 6":  {"image/jpeg", withOrientation(encoded(t, "jpeg", flag(300, 400)), 6), "brgk"},
		"exif 7":  {"image/jpeg", withOrientation(encoded(t, "jpeg", flag(300, 400)), 7), "kgrb"},
		"exif 8":  {"image/jpeg", withOrientation(encoded(t, "jpeg", flag(300, 400)), 8), "gkbr"},
		"exif 9":  {"image/jpeg", withOrientation(encoded(t, "jpeg", flag(300, 400)), 9), "rgkb"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part := newPart("foto", c.kind, c.raw)
			p, path := handOver(t, newFolder(t, nil), newLetter("en", part))
			if n := pagesOf(t, path); n != 6 || p.Pages != 6 {
				t.Fatalf("%d pages", n)
			}
			if got := corners(t, path, "5"); got != c.want {
				t.Errorf("corners are %s, want %s", got, c.want)
			}
			if bytes.Contains(p.PDF, []byte("GPS")) {
				t.Error("the letter says where the photograph was taken")
			}
			if got := textOf(t, path, 1, 1); !strings.Contains(got, "printed after conversion; the code below is that of the original file SHA-256 "+part.SHA256) {
				t.Errorf("cover: %s", got)
			}
		})
	}
}

// TestPicturesRefused: a bomb, several pictures in one, and what is none.
func TestPicturesRefused(t *testing.T) {
	t.Parallel()
	small := encoded(t, "png", flag(20, 20))
	bomb := append([]byte{}, small...)
	binary.BigEndian.PutUint32(bomb[16:], 59_000)
	binary.BigEndian.PutUint32(bomb[20:], 59_000)
	line := append([]byte{}, small...)
	binary.BigEndian.PutUint32(line[16:], 1<<30)
	fix := func(b []byte) []byte { // the header's checksum
		binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
		return b
	}
	apng := slices.Insert(append([]byte{}, small...), 33, append([]byte("\x00\x00\x00\x08acTL\x00\x00\x00\x02\x00\x00\x00\x00"), 0, 0, 0, 0)...)
	binary.BigEndian.PutUint32(apng[33+16:], crc32.ChecksumIEEE(apng[33+4:33+16]))
	two := encoded(t, "tiff", flag(20, 20))
	at := binary.LittleEndian.Uint32(two[4:])
	binary.LittleEndian.PutUint32(two[int(at)+2+12*int(binary.LittleEndian.Uint16(two[at:])):], 8)
	photo := encoded(t, "jpeg", flag(200, 200))
	cases := map[string]struct {
		want Cause
		raw  []byte
	}{
		"bomb": {TooLarge, fix(bomb)}, "line": {TooLarge, fix(line)}, "animated": {Frames, apng}, "two pages": {Frames, two},
		"cut PNG": {Broken, small[:len(small)-30]}, "cut JPEG": {Broken, photo[:len(photo)/2]}, "cut TIFF": {Broken, two[:20]},
		"text": {Broken, []byte("no picture")}, "nothing": {Broken, nil}, "GIF": {Broken, []byte("GIF89a\x01\x00\x01\x00")},
		"SVG": {Broken, []byte("<svg xmlns='http://www.w3.org/2000/svg'/>")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "picture")
			if err := os.WriteFile(path, c.raw, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := readPicture(path)
			if r, ok := err.(*refusal); !ok || r.cause != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// FuzzPicture: whatever a sender uploads, the answer is a picture or a refusal.
func FuzzPicture(f *testing.F) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, flag(16, 16), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(withOrientation(b.Bytes(), 6))
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		path := filepath.Join(t.TempDir(), "picture")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := readPicture(path)
		if _, refused := err.(*refusal); err != nil && !refused || err == nil && (p.w < 1 || p.h < 1) {
			t.Errorf("%+v, %v", p, err)
		}
	})
}
