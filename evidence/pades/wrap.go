package pades

import (
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// escape makes any string fit to be printed: composed (NFC), and every
// character that the face cannot show as itself replaced by its code, such as
// [U+4E2D]. The second result says whether that happened. What was signed is in
// the attached XML, character for character; the page never guesses.
func escape(f *face, s string) (string, bool) {
	clean := true
	for _, r := range s {
		// Latin-1 without controls and the soft hyphen is composed, and every face has it.
		if r < 0x20 || r >= 0x7F && r < 0xA0 || r == 0xAD || r > 0xFF {
			clean = false
			break
		}
	}
	if clean {
		return s, false
	}
	var b strings.Builder
	escaped := false
	for _, r := range norm.NFC.String(s) {
		if f.shows(r) {
			b.WriteRune(r)
			continue
		}
		escaped = true
		fmt.Fprintf(&b, "[U+%04X]", r)
	}
	return b.String(), escaped
}

// wrap breaks s into lines no wider than width: at spaces, then after
// characters at which addresses and file names break, then anywhere.
func (c *canvas) wrap(f font, s string, width float64) []string {
	var lines []string
	line, lineW := "", 0.0
	space := c.width(f, " ")
	for _, word := range strings.Split(s, " ") {
		w := c.width(f, word)
		switch {
		case line != "" && lineW+space+w <= width:
			line += " " + word
			lineW += space + w
			continue
		case line != "":
			lines = append(lines, line+" ") // keeps words apart for who reads the text without the layout
		}
		for w > width {
			var head string
			head, word = c.cut(f, word, width)
			lines = append(lines, head)
			w = c.width(f, word)
		}
		line, lineW = word, w
	}
	return append(lines, line)
}

// cut splits a word that is too wide for a line.
func (c *canvas) cut(f font, word string, width float64) (head, tail string) {
	w, last, nice := 0.0, 0, 0
	for i, r := range word {
		w += c.width(f, string(r))
		if w > width && i > 0 {
			break
		}
		last = i + len(string(r))
		if strings.ContainsRune("/@._-&?=:,;", r) && w > width/2 {
			nice = last
		}
	}
	if nice > 0 && nice < len(word) {
		last = nice
	}
	return word[:last], word[last:]
}

// chunks breaks a digest into pieces of n characters, one a line.
func chunks(s string, n int) []string {
	var out []string
	for len(s) > n {
		out, s = append(out, s[:n]), s[n:]
	}
	return append(out, s)
}
