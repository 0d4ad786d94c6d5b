package post

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// TestInk: what may print where the sheet code goes is seen, what does not is
// left alone.
func TestInk(t *testing.T) {
	t.Parallel()
	w, err := WindowNamed("be-right")
	if err != nil {
		t.Fatal(err)
	}
	forms := map[string]rect{"Fm1": {0, 0, 595, 842}, "Small": {300, 300, 400, 400}}
	for content, want := range map[string]bool{
		"":                                               false,
		"BT /F 12 Tf 80 100 Td (x) Tj ET":                false,
		"BT /F 12 Tf 20 100 Td (x) Tj ET":                true,
		"BT /F 12 Tf 20 400 Td (x) Tj ET":                false,
		"BT /F 12 Tf 20 100 Td ET":                       false,
		"BT /F 12 Tf -40 100 Td (xx) Tj ET":              true, // it goes on into the sheet
		"BT 0 1 -1 0 30 10 Tm /F 9 Tf [(a) 5 (b)] TJ ET": true, // upwards
		"BT 0 1 -1 0 300 10 Tm /F 9 Tf (a) Tj ET":        false,
		"BT 14 TL /F 12 Tf 20 700 Td (x) Tj " + strings.Repeat("T* (x) Tj ", 45) + "ET": true, // comes down to it
		"BT 14 TL /F 12 Tf 20 700 Td (x) ' ET":                                          false,
		"10 100 20 5 re f":                                                              true,
		"1 g 10 100 20 5 re f":                                                          false, // white
		"q 1 g Q 10 100 20 5 re f":                                                      true,
		"1 1 1 rg 0 0 595 842 re f 0 g 200 200 9 9 re f":                                false,
		"0 0 0 0 k 0 0 595 842 re f*":                                                   false,
		"1 g 0 0 595 842 re B":                                                          true,
		"10 100 20 5 re W n":                                                            false,
		"0 842 m 595 0 l S":                                                             true, // its box, which is enough
		"200 100 m 300 100 l S":                                                         false,
		"60 100 m 300 100 l 60 w S":                                                     true, // a thick line
		"q .1 0 0 .1 0 0 cm 100 1000 200 50 re f Q":                                     true,
		"q .1 0 0 .1 200 0 cm 100 1000 200 50 re f Q":                                   false,
		"q 595 0 0 842 0 0 cm /Im1 Do Q":                                                true,
		"q 100 0 0 100 300 300 cm /Im1 Do Q":                                            false,
		"/Fm1 Do":                                                                       true,
		"/Small Do":                                                                     false,
		"q 1 0 0 1 -290 -200 cm /Small Do Q":                                            true,
		"/Sh1 sh":                                                                       true,
		"q 40 0 0 40 10 100 cm BI /W 1 /H 1 ID \x00EI\x00 EI Q":                         true,
		"q 9 0 0 9 300 100 cm BI /W 1 /H 1 ID x EI Q 20 90 9 9 re f":                    true,
		"(20 100 9 9 re f) pop % 20 100 9 9 re f\n":                                     false,
		"<< /A (\\) f) >> <20> /x DP 0 0 m":                                             false,
		strings.Repeat("q ", 2000):                                                      true, // hostile
	} {
		i := &ink{keep: w.keep(), form: func(name string) (rect, matrix, bool) {
			b, ok := forms[name]
			return b, matrix{1, 0, 0, 1, 0, 0}, ok
		}}
		if got := i.look([]byte(content), matrix{1, 0, 0, 1, 0, 0}); got != want {
			t.Errorf("%.70q: %v", content, got)
		}
	}
}

// TestMargin: content where the sheet code goes is moved out of its way, whole,
// and the code can be read; other content stays as it is.
func TestMargin(t *testing.T) {
	t.Parallel()
	const font = "/MediaBox [0 0 595 842] /Resources <</Font<</F 5 0 R>>>>"
	const helvetica = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
	black := "0 g 0 0 595 842 re f 1 g BT /F 12 Tf 100 400 Td (Bijlage) Tj ET"
	var rows strings.Builder
	for y := 20; y < 830; y += 9 {
		fmt.Fprintf(&rows, "BT /F 7 Tf 5 %d Td (Kanttekening %d) Tj ET\n", y, y)
	}
	for name, c := range map[string]struct {
		content string
		moved   bool
		says    string
	}{
		"black": {black, true, "Bijlage"}, "notes": {rows.String(), true, "Kanttekening 101"},
		"ordinary": {"BT /F 12 Tf 100 400 Td (Bijlage) Tj ET", false, "Bijlage"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, path := handOver(t, newFolder(t, nil), newLetter("en", newPart("a.pdf", "application/pdf", rawPDF(font, "", c.content, helvetica))))
			if got := textOf(t, path, 5, 5); !strings.Contains(got, c.says) || name == "notes" && strings.Count(got, "Kanttekening") != 90 {
				t.Errorf("page says %q", got)
			}
			if got := strings.Contains(textOf(t, path, 1, 1), "shrunk a little to leave room for the sheet code"); got != c.moved {
				t.Errorf("cover says moved: %v", got)
			}
			out := filepath.Join(t.TempDir(), "sheet")
			tool(t, "pdftoppm", "-r", "300", "-f", "5", "-l", "5", "-x", "0", "-y", "3000", "-W", "200", "-H", "260", "-png", "-singlefile", path, out)
			want := p.Item + "|7QX4-KM2P-9RTD|3/3|D"
			if got := tool(t, "dmtxread", "-N1", "-m", "20000", out+".png"); got != want {
				t.Errorf("sheet says %q, want %q", got, want)
			}
		})
	}
}

// TestInkHostile: whatever stands in a content stream, looking ends.
func TestInkHostile(t *testing.T) {
	t.Parallel()
	words := []string{"q", "Q", "BT", "ET", "BI", "EI", "ID", "(", ")", "<", ">", "<<", ">>", "[", "]", "re", "f", "S", "1e999", "-", "NaN", "0", "99999999999999999999", "/A", "Do", "Tj", "cm", "Tm", "'", "%", "\n", "\\"}
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var b strings.Builder
		for range r.IntN(60) {
			b.WriteString(words[r.IntN(len(words))])
			b.WriteString([]string{" ", ""}[r.IntN(2)])
		}
		i := &ink{keep: rect{0, 0, 10, 10}, form: func(string) (rect, matrix, bool) { return rect{}, matrix{}, false }}
		i.look([]byte(b.String()), matrix{1, 0, 0, 1, 0, 0})
	}
}
