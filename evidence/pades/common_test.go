package pades

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"

	"github.com/bode-erds/bode/evidence"
)

// TestCommonCodes compares the codes with those of an independent table.
func TestCommonCodes(t *testing.T) {
	t.Parallel()
	p, err := ready()
	if err != nil {
		t.Fatal(err)
	}
	for i, common := range []string{textCommon, textCommon, monoCommon} {
		n := 0
		for r := rune(1); r < 0x3000; r++ {
			got, ok := p.common[i].has(r)
			if ok != strings.ContainsRune(common, r) {
				t.Errorf("face %d: %q: %v", i, r, ok)
			}
			if want, _ := charmap.Windows1252.EncodeRune(r); ok && got != want {
				t.Errorf("face %d: %q has code %#x, want %#x", i, r, got, want)
			}
			if ok {
				n++
			}
		}
		if n != len([]rune(common)) {
			t.Errorf("face %d: %d characters of %d", i, n, len([]rune(common)))
		}
	}
}

// TestOwnWordsAreCommon: what we write ourselves needs no further font.
func TestOwnWordsAreCommon(t *testing.T) {
	t.Parallel()
	for _, lang := range evidence.Languages() {
		data, err := wordFiles.ReadFile("words/" + lang + ".json")
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(data), `\u00a0`, "\u00a0")
		for _, n := range evidence.Names() {
			text += n.Title(lang)
		}
		for _, r := range strings.ReplaceAll(text, "\n", "") {
			if !strings.ContainsRune(textCommon+"{}", r) {
				t.Errorf("%s: %q is not common", lang, r)
			}
		}
	}
}
