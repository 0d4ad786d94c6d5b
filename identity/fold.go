package identity

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// word is one blank-separated piece of a name; parts are its hyphenated pieces,
// whole is all of them joined.
type word struct {
	parts []part
	whole part
}

// part is a letter run, folded in the two ways people write it.
type part struct{ plain, long string }

// split folds a name and cuts it into words and their parts.
func split(s string) (ws []word) {
	blank := func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == '.' || r == ';' }
	joint := func(r rune) bool {
		return unicode.Is(unicode.Pd, r) || strings.ContainsRune("'’‘‛ʼʹ`´′-", r)
	}
	for _, f := range strings.FieldsFunc(norm.NFC.String(s), blank) {
		var w word
		for _, p := range strings.FieldsFunc(f, joint) {
			if q := (part{plain: fold(p, false), long: fold(p, true)}); q.plain != "" {
				w.parts = append(w.parts, q)
			}
		}
		if len(w.parts) > 0 {
			w.whole = glue(w.parts)
			ws = append(ws, w)
		}
	}
	return ws
}

// fold drops case and accents. long writes the umlauts and rings out, as
// passports do.
func fold(s string, long bool) string {
	var b strings.Builder
	for _, r := range s {
		r = unicode.ToLower(r)
		if l := letters(r, long); l != "" {
			b.WriteString(l)
			continue
		}
		for _, d := range norm.NFKD.String(string(r)) {
			if unicode.Is(unicode.Mn, d) || unicode.Is(unicode.C, d) {
				continue
			}
			b.WriteRune(unicode.ToLower(d))
		}
	}
	return b.String()
}

// letters writes out what is more than a letter with an accent.
func letters(r rune, long bool) string {
	if long {
		switch r {
		case 'ä':
			return "ae"
		case 'ö', 'ø':
			return "oe"
		case 'ü':
			return "ue"
		case 'å':
			return "aa"
		case 'ÿ':
			return "ij"
		}
	}
	switch r {
	case 'ß':
		return "ss"
	case 'œ':
		return "oe"
	case 'æ':
		return "ae"
	case 'ĳ':
		return "ij"
	case 'ø':
		return "o"
	case 'ł':
		return "l"
	case 'đ', 'ð':
		return "d"
	case 'þ':
		return "th"
	case 'ħ':
		return "h"
	case 'ı':
		return "i"
	}
	return ""
}
