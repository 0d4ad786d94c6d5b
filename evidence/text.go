package evidence

import (
	"strings"
	"unicode/utf8"
)

// isText reports whether s can stand in a document as it is: valid UTF-8 and
// only characters that XML 1.0 §2.2 allows.
func isText(s string) bool {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return false
			}
		}
		if !isXMLChar(r) {
			return false
		}
	}
	return true
}

// isXMLChar leaves out the 66 noncharacters, which XML 1.0 §2.2 discourages and
// tools treat each in their way.
func isXMLChar(r rune) bool {
	if r&0xFFFE == 0xFFFE || r >= 0xFDD0 && r <= 0xFDEF {
		return false
	}
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// Text makes foreign text (a mail server's reply, a user agent, a partner's
// message) fit to stand in an event: what a document cannot carry becomes
// U+FFFD, and what exceeds max octets is cut at a character and marked with "…".
func Text(s string, max int) string {
	s = strings.Map(func(r rune) rune {
		if !isXMLChar(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
	const mark = "…"
	if len(s) <= max {
		return s
	}
	cut := max - len(mark)
	if cut < 0 {
		return ""
	}
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + mark
}
