package pades

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// objects writes the body of a PDF file: numbered objects, the cross-reference
// table and the trailer. Every stream is compressed, without exception: an
// attached file could otherwise carry text that a signing library mistakes for
// its own placeholder. Compression may leave short text as it is; a stream in
// which that happens to such text is written in hexadecimal.
type objects struct {
	buf     bytes.Buffer
	offsets []int // offsets[i] is where object i+1 starts; 0 while only reserved
	deflate *zlib.Writer
}

func newObjects() *objects {
	o := &objects{deflate: zlib.NewWriter(nil)}
	o.buf.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	return o
}

// reserve hands out an object number to be written later.
func (o *objects) reserve() int {
	o.offsets = append(o.offsets, 0)
	return len(o.offsets)
}

// put writes object id.
func (o *objects) put(id int, body string) {
	o.offsets[id-1] = o.buf.Len()
	fmt.Fprintf(&o.buf, "%d 0 obj\n%s\nendobj\n", id, body)
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
	var z bytes.Buffer
	o.deflate.Reset(&z)
	_, _ = o.deflate.Write(data) // a bytes.Buffer takes everything
	_ = o.deflate.Close()
	out, filter := z.Bytes(), "/FlateDecode"
	if bytes.Contains(out, []byte("/ByteRange")) || bytes.Contains(out, []byte("endobj")) {
		out, filter = append(hex.AppendEncode(nil, out), '>'), "[/ASCIIHexDecode /FlateDecode]"
	}
	id := o.reserve()
	o.offsets[id-1] = o.buf.Len()
	fmt.Fprintf(&o.buf, "%d 0 obj\n<< %s /Filter %s /Length %d >>\nstream\n", id, dict, filter, len(out))
	o.buf.Write(out)
	o.buf.WriteString("\nendstream\nendobj\n")
	return id
}

// finish writes cross-reference table and trailer. The id is 32 hexadecimal
// digits. All reserved objects must have been written.
func (o *objects) finish(root, info int, id string) []byte {
	start := o.buf.Len()
	fmt.Fprintf(&o.buf, "xref\n0 %d\n0000000000 65535 f\r\n", len(o.offsets)+1)
	for _, off := range o.offsets {
		fmt.Fprintf(&o.buf, "%010d 00000 n\r\n", off)
	}
	fmt.Fprintf(&o.buf, "trailer\n<<\n  /Size %d\n  /Root %d 0 R\n  /Info %d 0 R\n  /ID [<%s> <%s>]\n>>\nstartxref\n%d\n%%%%EOF\n",
		len(o.offsets)+1, root, info, id, id, start)
	return o.buf.Bytes()
}

// num writes a number with at most three decimals and no exponent.
func num(v float64) string {
	s := strconv.FormatFloat(v, 'f', 3, 64)
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	if s == "" || s == "-0" {
		return "0"
	}
	return s
}

// text writes a text string object: hexadecimal UTF-16 with its mark, so that
// no character can end the string.
func text(s string) string {
	var b strings.Builder
	b.WriteString("<FEFF")
	for _, u := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, "%04X", u)
	}
	b.WriteByte('>')
	return b.String()
}

// ref is an indirect reference.
func ref(id int) string { return strconv.Itoa(id) + " 0 R" }
