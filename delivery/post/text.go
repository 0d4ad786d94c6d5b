package post

import (
	"math"
	"strconv"
	"strings"
)

// Text pages: 11 points on 15, a line of about 90 characters.
const (
	textSize  = 10.5
	textLead  = 5.2
	textLeft  = 25
	textRight = 190
	textTop   = 40
	textEnd   = 272
)

// textLines breaks a text part into lines; replaced counts the characters that
// no typeface has.
func textLines(f *faces, raw string) (lines []string, replaced int) {
	raw = strings.ReplaceAll(strings.ReplaceAll(raw, "\r\n", "\n"), "\r", "\n")
	s, replaced := f.printable(strings.TrimPrefix(raw, "\ufeff"))
	for _, para := range strings.Split(strings.TrimRight(s, "\n "), "\n") {
		lines = append(lines, f.wrap(regular, textSize, textRight-textLeft, para)...)
	}
	return lines, replaced
}

// textPages is how many pages n lines fill.
func textPages(n int) int {
	per := linesPerPage()
	return max(1, (n+per-1)/per)
}

func linesPerPage() int {
	return int(math.Floor((textEnd - textTop) / textLead))
}

// setText typesets one text part on pages of its own.
func setText(f *faces, w words, head, number string, lines []string, replaced int, test bool) *paper {
	p := newPaper(f)
	if len(lines) == 0 || len(lines) == 1 && lines[0] == "" {
		lines = []string{w.Empty}
	}
	if replaced > 0 {
		lines = append(lines, "")
		lines = append(lines, f.wrap(regular, textSize, textRight-textLeft, "["+count(w.ReplacedOne, w.ReplacedMany, replaced)+"]")...)
	}
	per := linesPerPage()
	pages := textPages(len(lines))
	for i := range pages {
		p.page()
		banner(p, w, test)
		title := head
		if i > 0 {
			title += " (" + w.Continued + ")"
		}
		p.text(bold, 11, textLeft, 26, clip(f, bold, 11, 125, title))
		p.ink(90)
		p.right(regular, 8.5, textRight, 26, number)
		p.line(textLeft, 29.5, textRight, 29.5, 0.5)
		p.right(regular, 8.5, textRight, 284, fill(w.Page, "n", strconv.Itoa(i+1), "m", strconv.Itoa(pages)))
		p.ink(0)
		for j, line := range lines[i*per : min((i+1)*per, len(lines))] {
			p.text(regular, textSize, textLeft, textTop+float64(j)*textLead, line)
		}
	}
	return p
}

// clip shortens s to width millimetres; what is shortened stands in full on
// the cover.
func clip(f *faces, name face, size, width float64, s string) string {
	if f.measure(name, size, s) <= width {
		return s
	}
	r := []rune(s)
	for len(r) > 1 && f.measure(name, size, string(r)+"…") > width {
		r = r[:len(r)-1]
	}
	return string(r) + "…"
}

// banner says on a page of ours that this is a test.
func banner(p *paper, w words, test bool) {
	if !test {
		return
	}
	b := Box{20, 6, 170, 8}
	p.ink(0)
	p.frame(b, 1.2)
	width := p.f.measure(bold, 10, w.Test)
	p.text(bold, 10, b.X+(b.W-width)/2, b.Y+5.4, w.Test)
}
