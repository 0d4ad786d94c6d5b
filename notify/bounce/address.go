package bounce

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// typed splits "rfc822; an@example.be" into type and value (RFC 3464 §2.1.2).
func typed(s string) (kind, value string) {
	kind, value, ok := strings.Cut(s, ";")
	if !ok {
		return "", strings.TrimSpace(s)
	}
	return strings.ToLower(strings.TrimSpace(kind)), strings.TrimSpace(value)
}

// addresses are the addresses that a field may mean: as written, and with the
// encodings undone that some systems leave in place.
func addresses(value string) []string {
	_, a := typed(value)
	a = strings.TrimSpace(strings.Trim(a, "<>"))
	if a == "" {
		return nil
	}
	list := []string{a}
	for _, decoded := range []string{xtext(a), utf8Address(a)} {
		if decoded != a {
			list = append(list, decoded)
		}
	}
	return list
}

// xtext undoes the encoding of RFC 3461 §4: "+" and two hexadecimal digits.
func xtext(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '+' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return strings.ToValidUTF8(b.String(), "?")
}

// utf8Address undoes the encoding of RFC 6533 §3: \x{, hexadecimal digits, }.
func utf8Address(s string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, `\x{`)
		b.WriteString(before)
		digits, rest, closed := strings.Cut(after, "}")
		c, err := strconv.ParseUint(digits, 16, 32)
		if !ok || !closed || err != nil || c > utf8.MaxRune {
			if ok {
				b.WriteString(`\x{` + after)
			}
			return b.String()
		}
		b.WriteRune(rune(c))
		s = rest
	}
}
