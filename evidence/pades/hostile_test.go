package pades

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// shaped is a file whose byte range fits, so that a reader goes on: body, then
// what stands between the seal's place and the end.
func shaped(body, tail string) []byte {
	const width = 60
	head := "%PDF-1.7\n" + body
	from := len(head) + width + len("/Contents")
	doc := head + fmt.Sprintf("%-*s", width, fmt.Sprintf("/ByteRange [0 %d %d %d]", from, from+4, len(tail))) + "/Contents<00>" + tail
	return []byte(doc)
}

// tabled is a cross-reference table at the end of shaped(body, ...), with this
// text as its entries and this one as its trailer.
func tabled(body, entries, trailer string) []byte {
	start := len(shaped(body, "\n"))
	return shaped(body, fmt.Sprintf("\nxref\n%strailer\n%s\nstartxref\n%d\n%%%%EOF\n", entries, strings.ReplaceAll(trailer, "SELF", fmt.Sprint(start)), start))
}

// TestReaderIsBounded gives the reader files that no key had to sign, made to
// cost time or memory, and makes sure that it gives up.
func TestReaderIsBounded(t *testing.T) {
	const most = 16 << 20
	repeat := func(s string, n int) string { return strings.Repeat(s, n/len(s)) }
	ok := "<< /Size 9 /Root 1 0 R /Info 2 0 R /Prev SELF >>"
	for name, of := range map[string]func() []byte{
		"empty":                 func() []byte { return nil },
		"head only":             func() []byte { return []byte("%PDF-1.7\n") },
		"too large":             func() []byte { return append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte{0}, maxFile)...) },
		"zeros":                 func() []byte { return append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte{0}, maxFile-9)...) },
		"byte ranges":           func() []byte { return []byte("%PDF-1.7\n" + repeat("/ByteRange [0 1 2 3]", most)) },
		"open arrays":           func() []byte { return shaped(repeat("[", most), "") },
		"open range":            func() []byte { return []byte("%PDF-1.7\n/ByteRange " + repeat("[", most)) },
		"range of numbers":      func() []byte { return []byte("%PDF-1.7\n/ByteRange [" + repeat("1 ", most) + "]") },
		"range of strings":      func() []byte { return []byte("%PDF-1.7\n/ByteRange [" + repeat("(", most)) },
		"no table":              func() []byte { return shaped("", "") },
		"tables":                func() []byte { return shaped("", repeat("startxref\n", most)) },
		"Prev loop":             func() []byte { return tabled("", "", ok) },
		"Prev far":              func() []byte { return tabled("", "", strings.Replace(ok, "SELF", "9999999999", 1)) },
		"Prev negative":         func() []byte { return tabled("", "", strings.Replace(ok, "SELF", "-1", 1)) },
		"Prev to the start":     func() []byte { return tabled("", "", strings.Replace(ok, "SELF", "0", 1)) },
		"no Prev":               func() []byte { return tabled("", "", strings.Replace(ok, "/Prev SELF", "", 1)) },
		"hybrid":                func() []byte { return tabled("", "", strings.Replace(ok, ">>", "/XRefStm 1 >>", 1)) },
		"encrypted":             func() []byte { return tabled("", "", strings.Replace(ok, ">>", "/Encrypt 1 0 R >>", 1)) },
		"keys twice":            func() []byte { return tabled("", "", strings.Replace(ok, ">>", "/Root 2 0 R >>", 1)) },
		"many entries":          func() []byte { return tabled("", "0 3000000\n"+repeat("0000000000 00000 n\r\n", most), ok) },
		"count without entries": func() []byte { return tabled("", "0 9999999999\n", ok) },
		"sections":              func() []byte { return tabled("", repeat("1 1\n0000000000 00000 n\r\n", most), ok) },
		"empty sections":        func() []byte { return tabled("", repeat("0 0\n", most), ok) },
		"trailer of arrays":     func() []byte { return tabled("", "", "<< /Size "+repeat("[", most)) },
		"trailer of keys":       func() []byte { return tabled("", "", "<< "+repeat("/A 1 ", most)+">>") },
		"trailer of values":     func() []byte { return tabled("", "", "<< /Size ["+repeat("1 0 R ", most)+"] >>") },
		"trailer of string":     func() []byte { return tabled("", "", "<< /Size ("+repeat("\\", most)) },
		"trailer that loops": func() []byte {
			return tabled("", "0 2\n0000000000 65535 f\r\n0000000009 00000 n\r\n", "<< /Size 1 0 R /Root 1 0 R /Info 1 0 R /Prev 1 0 R >>")
		},
	} {
		doc := of()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		r := Checker{}.Check(doc, evidence.Trust{})
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if ok, _ := answer(r, evidence.CheckFormat); ok || r.OK() {
			t.Errorf("%s: passes", name)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 128<<20 || took > 10*time.Second {
			t.Errorf("%s: %d MiB, %v", name, n>>20, took)
		}
		if _, err := Issued(doc); err == nil {
			t.Errorf("%s: issued", name)
		}
	}
}

// TestIncrementIsBounded appends what is made to cost time or memory to a file
// that is sealed.
func TestIncrementIsBounded(t *testing.T) {
	pdf, a := sealed(t, "P-256")
	f, err := open(pdf)
	if err != nil {
		t.Fatal(err)
	}
	most := maxFile - len(pdf) - 1024
	first, _ := number(f.trailer["Size"])
	piece := func(id int, data string) string {
		return fmt.Sprintf("%d 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n", id, len(data), data)
	}
	var small strings.Builder
	for id := first; small.Len() < most; id++ {
		small.WriteString(piece(id, "\x30\x00"))
	}
	for name, added := range map[string]string{
		"zeros":         strings.Repeat("\x00", most),
		"small pieces":  small.String(),
		"one piece":     piece(first, strings.Repeat("0", most-200)),
		"lists":         piece(first, "\x30\x00") + fmt.Sprintf("%d 0 obj\n<< /Type /DSS /Certs [%s] >>", first+1, strings.Repeat("1 0 R ", most/7)),
		"open arrays":   piece(first, "\x30\x00") + fmt.Sprintf("%d 0 obj\n%s", first+1, strings.Repeat("[", most-200)),
		"long DER":      piece(first, "\x30\x84\x7f\xff\xff\xff") + fmt.Sprintf("%d 0 obj\n<< /Type /DSS /Certs [%d 0 R ] >>\nendobj\n", first+1, first),
		"no list":       piece(first, "\x30\x00"),
		"negative size": fmt.Sprintf("%d 0 obj\n<< /Length -1 >>\nstream\n", first),
	} {
		doc := append(bytes.Clone(pdf), added...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		r := Checker{}.Check(doc, a.Trust())
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if ok, _ := answer(r, evidence.CheckFormat); ok {
			t.Errorf("%s: passes", name)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 128<<20 || took > 10*time.Second {
			t.Errorf("%s: %d MiB, %v", name, n>>20, took)
		}
	}
}

// TestBombInside attaches little that becomes much.
func TestBombInside(t *testing.T) {
	pdf, err := Render(sample("nl"), evidence.Attached{XML: bytes.Repeat([]byte("a"), maxAttached+1)})
	if err != nil {
		t.Fatal(err)
	}
	said := []byte(fmt.Sprintf("/Size %d ", maxAttached+1))
	for name, doc := range map[string][]byte{
		"said":     pdf,
		"not said": bytes.Replace(pdf, said, []byte(fmt.Sprintf("/Size %-*d ", len(said)-7, 10)), 1),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := unsealed(t, doc).attached()
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; err == nil || n > maxAttached {
			t.Errorf("%s: %v, %d MiB", name, err, n>>20)
		}
	}
}
