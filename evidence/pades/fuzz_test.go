package pades

import (
	"bytes"
	"testing"

	"github.com/bode-erds/bode/evidence"
)

// FuzzIncrement appends anything to a sealed file. What is accepted is what
// Extend writes.
func FuzzIncrement(f *testing.F) {
	pdf, a := sealed(f, "P-256")
	for _, v := range []evidence.Validation{a.Validation(), a.ValidationByLists(), {CRLs: [][]byte{{0x30, 0}}}} {
		f.Add(extended(f, pdf, v)[len(pdf):])
	}
	f.Add([]byte{})
	f.Add([]byte("192 0 obj\n<< /Length 2 >>\nstream\n\x30\x00\nendstream\nendobj\n193 0 obj\n<< /Type /DSS /Certs [192 0 R ] >>\nendobj\n"))
	f.Add([]byte("192 0 obj\n<< /Length 9999999999 >>\nstream\n"))
	f.Fuzz(func(t *testing.T, added []byte) {
		doc := append(bytes.Clone(pdf), added...)
		issued, err := Issued(doc)
		if err != nil {
			return
		}
		if !bytes.Equal(issued, pdf) {
			t.Error("another file was issued")
		}
		file, err := open(doc)
		if err != nil {
			t.Fatal(err)
		}
		v, err := file.validation()
		if err != nil {
			t.Fatal(err)
		}
		if v.IsZero() != (len(added) == 0) || !v.IsZero() && !bytes.Equal(extended(t, pdf, v), doc) {
			t.Error("accepted what Extend does not write")
		}
	})
}

// FuzzSyntax reads anything as an object. Values lie inside, one behind the
// other.
func FuzzSyntax(f *testing.F) {
	for _, s := range []string{"<< /A 1 0 R /B [1 2 0 R (a\\)(b)) <0F>] /C << /D /E >> >>", "[/A/B(]", "<<", "<</A>>", "(\\", "[1 0 R", "1 0 Rx", "<</A 1/A 2>>", "[[[[[[[[[[[[[[[[[[]]", "-1.5 true"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if end := valueEnd(b, 0, 0); end > len(b) || end == 0 || end < -1 {
			t.Fatalf("a value of %d octets ends at %d", len(b), end)
		}
		if d, err := readDict(b); err == nil {
			for key, v := range d {
				if !bytes.Contains(b, append([]byte("/"+key), v...)) && !bytes.Contains(b, v) {
					t.Errorf("/%s = %q is not in it", key, v)
				}
				if valueEnd(v, 0, 0) != len(v) {
					t.Errorf("/%s = %q is no value", key, v)
				}
			}
		}
		if list, err := readArray(b); err == nil {
			for rest := b; len(list) > 0; list = list[1:] {
				_, behind, ok := bytes.Cut(rest, list[0])
				if !ok || valueEnd(list[0], 0, 0) != len(list[0]) {
					t.Fatalf("%q is no value of it", list[0])
				}
				rest = behind
			}
		}
	})
}
