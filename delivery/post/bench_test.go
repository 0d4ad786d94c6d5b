package post

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

// BenchmarkHandOver: a cover, a text and one PDF of n pages, onto the disk.
func BenchmarkHandOver(b *testing.B) {
	for _, n := range []int{2, 20, 190} {
		b.Run(fmt.Sprint(n, " pages"), func(b *testing.B) {
			h, err := NewHotFolder(Config{Dir: b.TempDir(), Partner: "p", Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			l := newLetter("nl", newPart("a.pdf", "application/pdf", pagesPDF(n)))
			i := 0
			for b.Loop() {
				i++
				l.Delivery = fmt.Sprint("d", i)
				if _, err := h.HandOver(context.Background(), l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// pagesPDF has n pages by hand, each with text of its own.
func pagesPDF(n int) []byte {
	kids, more := "", []string{}
	for i := range n {
		c := fmt.Sprintf("BT /F 12 Tf 80 700 Td (page %d) Tj ET", i)
		kids += fmt.Sprintf(" %d 0 R", 6+2*i)
		more = append(more, fmt.Sprintf("<</Type/Page/Parent 2 0 R%s/Contents %d 0 R>>", "/MediaBox[0 0 595 842]/Resources<</Font<</F 5 0 R>>>>", 7+2*i),
			fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(c), c))
	}
	objects := append([]string{"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"}, more...)
	return pdfOf(append([]string{"<</Type/Catalog/Pages 2 0 R>>", fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", n, kids), "null", "null"}, objects...))
}

// TestMemoryOfLargeParts: what does not go on paper passes through without
// staying in memory.
func TestMemoryOfLargeParts(t *testing.T) {
	const size = 256 << 20
	p := delivery.LetterPart{Name: "video.mp4", MediaType: "video/mp4", Size: size, SHA256: zerosDigest}
	p.Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(zeros{}, size)), nil }
	h := newFolder(t, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, _ := handOver(t, h, newLetter("nl", p))
	runtime.ReadMemStats(&after)
	if d := after.TotalAlloc - before.TotalAlloc; d > 64<<20 {
		t.Errorf("%d MiB allocated for a part of %d MiB", d>>20, size>>20)
	}
	if got.Pages != 4 {
		t.Errorf("%d pages", got.Pages)
	}
}

// zerosDigest is SHA-256 of 256 MiB of zeros, by sha256sum.
const zerosDigest = "a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484"

// zeros reads for ever.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestInspectDamage flips octets of a good PDF: pages or a cause, never a
// panic, and never another error.
func TestInspectDamage(t *testing.T) {
	t.Parallel()
	good := newPDF(t, 2, 210, 297, nil)
	r := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "a.pdf")
	for range 300 {
		b := append([]byte(nil), good...)
		for range 1 + r.IntN(8) {
			b[r.IntN(len(b))] = byte(r.IntN(256))
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		n, _, err := inspect(t.Context(), path, 100, rect{})
		if _, refused := err.(*refusal); err != nil && !refused || err == nil && n < 1 {
			t.Errorf("%d pages, %v", n, err)
		}
	}
}
