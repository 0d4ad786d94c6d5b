package post

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"

	"golang.org/x/image/draw"
	"golang.org/x/image/tiff"
)

// Bounds of a picture. A picture is decoded once in memory, whatever its file
// says it would come to.
const (
	maxRaster  = 256 << 20 // octets, decoded
	maxSide    = 60_000    // pixels
	printDPI   = 300       // finer than this is not printed
	screenDPI  = 96        // a small picture is not enlarged beyond this
	asItIs     = 12_000_000
	margin     = 15.0 // millimetres around a picture
	marginLeft = 18.0 // room for the sheet code
)

// imageKinds are the media types of pictures.
var imageKinds = map[string]bool{"image/jpeg": true, "image/png": true, "image/tiff": true}

// picture is one ready to be placed: an image XObject.
type picture struct {
	w, h   int    // pixels
	turned int    // EXIF orientation, 1 to 8
	dict   string // colour space and filter
	data   []byte
}

// readPicture reads a picture by what it is, not by what it is called. Errors:
// a refusal, or what the disk said.
func readPicture(path string) (picture, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return picture{}, fmt.Errorf("post: %w", err)
	}
	switch {
	case bytes.HasPrefix(raw, []byte("\xff\xd8\xff")):
		return readJPEG(raw)
	case bytes.HasPrefix(raw, []byte("\x89PNG\r\n\x1a\n")):
		if animated(raw) {
			return picture{}, refuse(Frames, "animated PNG")
		}
		return pixels(raw, png.DecodeConfig, png.Decode, 1)
	case bytes.HasPrefix(raw, []byte("II*\x00")), bytes.HasPrefix(raw, []byte("MM\x00*")):
		first, next, err := tiffDirectory(raw)
		if err != nil {
			return picture{}, err
		}
		if next {
			return picture{}, refuse(Frames, "several pages in a TIFF")
		}
		return pixels(raw, tiff.DecodeConfig, tiff.Decode, first)
	}
	return picture{}, refuse(Broken, "not a picture that we know")
}

// bounded refuses what would take too much memory to decode.
func bounded(c image.Config) error {
	octets := int64(4)
	switch c.ColorModel {
	case color.GrayModel:
		octets = 1
	case color.Gray16Model:
		octets = 2
	case color.YCbCrModel:
		octets = 3
	case color.RGBA64Model, color.NRGBA64Model:
		octets = 8
	}
	if _, ok := c.ColorModel.(color.Palette); ok {
		octets = 1
	}
	if c.Width < 1 || c.Height < 1 {
		return refuse(Broken, "%d × %d pixels", c.Width, c.Height)
	}
	if c.Width > maxSide || c.Height > maxSide || int64(c.Width)*int64(c.Height)*octets > maxRaster {
		return refuse(TooLarge, "%d × %d pixels", c.Width, c.Height)
	}
	return nil
}

// pixels decodes a picture and packs what it shows.
func pixels(raw []byte, measure func(io.Reader) (image.Config, error), decode func(io.Reader) (image.Image, error), turned int) (p picture, err error) {
	defer func() { // of a decoder, on hostile input
		if r := recover(); r != nil {
			p, err = picture{}, refuse(Broken, "decoder: %v", r)
		}
	}()
	c, err := measure(bytes.NewReader(raw))
	if err != nil {
		return picture{}, refuse(Broken, "%w", err)
	}
	if err := bounded(c); err != nil {
		return picture{}, err
	}
	m, err := decode(bytes.NewReader(raw))
	if err != nil {
		return picture{}, refuse(Broken, "%w", err)
	}
	return pack(m, turned), nil
}

// pack puts m on white, no finer than it is printed, as grey or RGB octets.
func pack(m image.Image, turned int) picture {
	b := m.Bounds()
	w, h := b.Dx(), b.Dy()
	if s := min(float64(printDPI)*pageW/25.4/float64(min(w, h)), float64(printDPI)*pageH/25.4/float64(max(w, h))); s < 1 {
		w, h = max(1, int(float64(w)*s)), max(1, int(float64(h)*s))
	}
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(to, to.Rect, image.White, image.Point{}, draw.Src)
	if w == b.Dx() {
		draw.Draw(to, to.Rect, m, b.Min, draw.Over)
	} else {
		draw.BiLinear.Scale(to, to.Rect, m, b, draw.Over, nil)
	}
	grey := true
	for i := 0; i < len(to.Pix) && grey; i += 4 {
		grey = to.Pix[i] == to.Pix[i+1] && to.Pix[i] == to.Pix[i+2]
	}
	n, space := 3, "DeviceRGB"
	if grey {
		n, space = 1, "DeviceGray"
	}
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	row := make([]byte, 0, w*3)
	for i := 0; i < len(to.Pix); i += 4 {
		if row = append(row, to.Pix[i:i+n]...); len(row) == w*n {
			z.Write(row)
			row = row[:0]
		}
	}
	z.Close()
	return picture{w: w, h: h, turned: turned, data: out.Bytes(),
		dict: "/ColorSpace/" + space + "/BitsPerComponent 8/Filter/FlateDecode"}
}

// animated reports whether a PNG holds more than one picture.
func animated(raw []byte) bool {
	i := bytes.Index(raw, []byte("acTL"))
	data := bytes.Index(raw, []byte("IDAT"))
	return i >= 0 && (data < 0 || i < data)
}

// readJPEG keeps the compressed data of a photograph that a printer can take,
// without what the camera wrote about itself and where it was.
func readJPEG(raw []byte) (picture, error) {
	p, err := pixels(raw, jpeg.DecodeConfig, func(r io.Reader) (image.Image, error) {
		m, err := jpeg.Decode(r)
		if _, rgb := m.(*image.RGBA); err == nil && !rgb && m.ColorModel() == color.CMYKModel {
			return m, nil // becomes RGB
		}
		return m, err
	}, exifOrientation(raw))
	if err != nil {
		return picture{}, err
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(raw))
	if err != nil || c.Width*c.Height > asItIs {
		return p, nil
	}
	space := map[color.Model]string{color.YCbCrModel: "DeviceRGB", color.GrayModel: "DeviceGray"}[c.ColorModel]
	bare, ok := bareJPEG(raw)
	if space == "" || !ok {
		return p, nil
	}
	p.w, p.h, p.data = c.Width, c.Height, bare
	p.dict = "/ColorSpace/" + space + "/BitsPerComponent 8/Filter/DCTDecode"
	return p, nil
}
