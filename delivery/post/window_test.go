package post

import (
	"fmt"
	"image"
	"strings"
	"testing"
)

// TestTap looks at the cover as an envelope shows it, in pixels: wherever the
// sheet slides to, all of the address is in the window and nothing else is.
func TestTap(t *testing.T) {
	t.Parallel()
	to := []string{"Mevrouw Marie-Antoinette Vandenbroucke-Lefèbvre", "Residentie Zonnebloem, blok C", "Prins Boudewijnlaan 123 bus 0401", "2650 Edegem", "BE"}
	for _, name := range []string{"be-right", "din-5008-b"} {
		for _, lang := range []string{"nl", "fr", "de", "en"} {
			t.Run(name+"/"+lang, func(t *testing.T) {
				t.Parallel()
				w, err := WindowNamed(name)
				if err != nil {
					t.Fatal(err)
				}
				l := newLetter(lang)
				l.To = to
				l.SenderName = "Vereniging van Mede-eigenaars Residentie De Vier Jaargetijden"
				l.SenderLines = append(l.SenderLines, "Tweede regel van een lang adres", "België")
				_, path := handOver(t, newFolder(t, func(c *Config) { c.Window = w }), l)
				m := rendered(t, path, "1", "150")
				address := inked(m, w.Address)
				if address.Dx() < 100 || address.Dy() < 60 {
					t.Fatalf("address is %v", address)
				}
				for _, dx := range []float64{-w.Slack, 0, w.Slack} {
					for _, dy := range []float64{-w.Slack, 0, w.Slack} {
						if w.ReturnInWindow && dy < 0 {
							dy = 0 // the return line stands above, on purpose
						}
						shown := w.Window
						shown.X, shown.Y = shown.X+dx, shown.Y+dy
						got := inked(m, shown)
						if w.ReturnInWindow {
							got = inked(m, Box{shown.X, max(shown.Y, w.Address.Y-1), shown.W, shown.Y + shown.H - max(shown.Y, w.Address.Y-1)})
						}
						if got != address {
							t.Errorf("slid by %g, %g mm the window shows %v, want the address, %v", dx, dy, got, address)
						}
					}
				}
			})
		}
	}
}

// inked is what is not white of a box, in pixels of a page at 150 dpi.
func inked(m image.Image, b Box) (r image.Rectangle) {
	px := func(mm float64) int { return int(mm * 150 / 25.4) }
	for y := px(b.Y); y < px(b.Y+b.H); y++ {
		for x := px(b.X); x < px(b.X+b.W); x++ {
			if v, _, _, _ := m.At(x, y).RGBA(); v < 0xf000 {
				r = r.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return r
}

// TestWindowRefused: a definition with which something could go wrong is not
// taken.
func TestWindowRefused(t *testing.T) {
	t.Parallel()
	const good = `{"window":{"x":110,"y":45,"w":85,"h":40},"slack":5,"address":{"x":115,"y":50,"w":75,"h":30},"return":{"x":20,"y":45,"w":80,"h":8},"sender":{"x":20,"y":55,"w":80,"h":30},"mark":{"x":5,"y":262},"folds":[]}`
	if _, err := ParseWindow([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"wide address":     {`"w":75`, `"w":80`},
		"sender too close": {`"sender":{"x":20`, `"sender":{"x":30`},
		"return too close": {`"return":{"x":20`, `"return":{"x":30`},
		"window off":       {`"x":110`, `"x":140`},
		"code in window":   {`"mark":{"x":5,"y":262}`, `"mark":{"x":120,"y":60}`},
		"unknown":          {`"slack"`, `"slak"`},
		"below zero":       {`"slack":5`, `"slack":-5`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if _, err := ParseWindow([]byte(bad)); err == nil || bad == good {
			t.Errorf("%s was accepted: %v", name, fmt.Sprint(err))
		}
	}
}
