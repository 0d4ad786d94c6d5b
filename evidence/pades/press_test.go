package pades

import (
	"bytes"
	"compress/zlib"
	"io"
	"testing"
)

// TestStored reads back, with a reader of others, what was not compressed.
func TestStored(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 100, 0xFFFE, 0xFFFF, 0x10000, 3*0xFFFF + 7} {
		data := bytes.Repeat([]byte("\x00\xffnot endobj"), n/12+1)[:n]
		r, err := zlib.NewReader(bytes.NewReader(stored(data)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d octets: %d came back, %v", n, len(got), err)
		}
	}
}
