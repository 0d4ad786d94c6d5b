package pades

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
)

// objects writes the body of a PDF file: numbered objects, the cross-reference
// table and the trailer. What people wrote is always compressed: it could
// otherwise carry text that a signing library mistakes for its own placeholder.
// Compression may leave short text as it is, and digests and signatures are only
// stored; a stream in which such text remains is written in hexadecimal.
type objects struct {
	press   *press
	buf     []byte
	offsets []int // offsets[i] is where object i+1 starts; 0 while only reserved
}

func newObjects(p *press) *objects {
	return &objects{press: p, buf: append(make([]byte, 0, 80<<10), "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"...)}
}

// reserve hands out an object number to be written later.
func (o *objects) reserve() int {
	o.offsets = append(o.offsets, 0)
	return len(o.offsets)
}

// begin starts object id and end ends it; what stands between is appended to buf.
func (o *objects) begin(id int) {
	o.offsets[id-1] = len(o.buf)
	o.buf = append(strconv.AppendInt(o.buf, int64(id), 10), " 0 obj\n"...)
}

func (o *objects) end() { o.buf = append(o.buf, "\nendobj\n"...) }

// put writes object id.
func (o *objects) put(id int, body string) {
	o.begin(id)
	o.buf = append(o.buf, body...)
	o.end()
}

// add writes a new object and returns its number.
func (o *objects) add(body string) int {
	id := o.reserve()
	o.put(id, body)
	return id
}

// stream writes a new compressed stream; dict holds its entries beside
// /Length and /Filter.
func (o *objects) stream(dict string, data []byte) int {
	return o.deflated(dict, o.press.deflate(data, quick))
}

// deflated is stream for what is compressed already.
func (o *objects) deflated(dict string, data []byte) int {
	filter := "/FlateDecode"
	if bytes.Contains(data, []byte("/ByteRange")) || bytes.Contains(data, []byte("endobj")) {
		data, filter = append(hex.AppendEncode(nil, data), '>'), "[/ASCIIHexDecode /FlateDecode]"
	}
	id := o.reserve()
	o.begin(id)
	o.buf = fmt.Appendf(o.buf, "<< %s /Filter %s /Length %d >>\nstream\n", dict, filter, len(data))
	o.buf = append(o.buf, data...)
	o.buf = append(o.buf, "\nendstream"...)
	o.end()
	return id
}

// finish writes cross-reference table and trailer. The id is 32 hexadecimal
// digits. All reserved objects must have been written.
func (o *objects) finish(root, info int, id string) {
	start := len(o.buf)
	o.buf = fmt.Appendf(o.buf, "xref\n0 %d\n0000000000 65535 f\r\n", len(o.offsets)+1)
	for _, off := range o.offsets {
		o.buf = appendEntry(o.buf, off)
	}
	o.buf = fmt.Appendf(o.buf, "trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R /ID [<%s> <%s>] >>\nstartxref\n%d\n%%%%EOF\n",
		len(o.offsets)+1, root, info, id, id, start)
}

// appendEntry appends one line of a cross-reference table.
func appendEntry(b []byte, off int) []byte {
	b = append(b, "0000000000 00000 n\r\n"...)
	for i := len(b) - 11; off > 0; i-- {
		b[i] = byte('0' + off%10)
		off /= 10
	}
	return b
}

// appendNum appends a number with at most two decimals and no exponent.
func appendNum(b []byte, v float64) []byte {
	n := int64(math.Round(v * 100))
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	b = strconv.AppendInt(b, n/100, 10)
	if n %= 100; n > 0 {
		b = append(b, '.', byte('0'+n/10))
		if n %= 10; n > 0 {
			b = append(b, byte('0'+n))
		}
	}
	return b
}

// num is a number as [appendNum] writes it.
func num(v float64) string { return string(appendNum(nil, v)) }

// text writes a text string object: hexadecimal UTF-16 with its mark, so that
// no character can end the string.
func text(s string) string {
	b := append(make([]byte, 0, 8+4*len(s)), "<FEFF"...)
	for _, u := range utf16.Encode([]rune(s)) {
		const digits = "0123456789ABCDEF"
		b = append(b, digits[u>>12], digits[u>>8&15], digits[u>>4&15], digits[u&15])
	}
	return string(append(b, '>'))
}

// ref is an indirect reference.
func ref(id int) string { return strconv.Itoa(id) + " 0 R" }
