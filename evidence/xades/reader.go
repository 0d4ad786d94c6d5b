package xades

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// reader takes a document from its beginning, token by token. It knows the XML
// that evidence is written in, names of ASCII, and no more. XML 1.0 §2, §3
type reader struct{ rest string }

// skip takes white space.
func (r *reader) skip() {
	for r.rest != "" && (r.rest[0] == ' ' || r.rest[0] == '\t' || r.rest[0] == '\r' || r.rest[0] == '\n') {
		r.rest = r.rest[1:]
	}
}

// name takes a qualified name.
func (r *reader) name() (whole, prefix, local string, err error) {
	i := 0
	for i < len(r.rest) && isNameByte(r.rest[i]) {
		i++
	}
	whole, r.rest = r.rest[:i], r.rest[i:]
	local = whole
	if p, l, ok := strings.Cut(whole, ":"); ok {
		prefix, local = p, l
	}
	if !isName(local) || len(local) < len(whole) && !isName(prefix) {
		err = errors.New("a name is expected")
	}
	return whole, prefix, local, err
}

func isNameByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == ':'
}

func isName(s string) bool {
	return s != "" && (s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z' || s[0] == '_') && !strings.Contains(s, ":")
}

// start takes a start tag into n, or an empty element.
func (r *reader) start(n *node) (empty bool, err error) {
	r.rest = r.rest[1:]
	if n.name, n.prefix, n.local, err = r.name(); err != nil {
		return false, err
	}
	for {
		before := len(r.rest)
		r.skip()
		if strings.HasPrefix(r.rest, ">") {
			r.rest = r.rest[1:]
			return false, n.declare()
		}
		if strings.HasPrefix(r.rest, "/>") {
			r.rest = r.rest[2:]
			return true, n.declare()
		}
		if before == len(r.rest) || len(n.attrs) == maxAttributes {
			return false, errors.New("a tag does not end")
		}
		if err := r.attribute(n); err != nil {
			return false, err
		}
	}
}

func (r *reader) attribute(n *node) (err error) {
	var a attribute
	if _, a.prefix, a.local, err = r.name(); err != nil {
		return err
	}
	if r.skip(); !strings.HasPrefix(r.rest, "=") {
		return errors.New("attribute without a value")
	}
	r.rest = r.rest[1:]
	if r.skip(); r.rest == "" || r.rest[0] != '"' && r.rest[0] != '\'' {
		return errors.New("value without quotes")
	}
	end := strings.IndexByte(r.rest[1:], r.rest[0])
	if end < 0 || strings.Contains(r.rest[1:1+end], "<") {
		return errors.New("attribute does not end")
	}
	value := r.rest[1 : 1+end]
	r.rest = r.rest[end+2:]
	if strings.ContainsAny(value, "\t\r\n") {
		value = strings.NewReplacer("\r\n", " ", "\t", " ", "\r", " ", "\n", " ").Replace(value)
	}
	a.value, err = unescape(value)
	n.attrs = append(n.attrs, a)
	return err
}

// end takes the end tag of the element of that name.
func (r *reader) end(name string) bool {
	rest, ok := strings.CutPrefix(r.rest[len("</"):], name)
	if !ok {
		return false
	}
	r.rest = rest
	r.skip()
	r.rest, ok = strings.CutPrefix(r.rest, ">")
	return ok
}

// text takes character data.
func (r *reader) text() (string, error) {
	i := strings.IndexByte(r.rest, '<')
	if i < 0 {
		i = len(r.rest)
	}
	text := r.rest[:i]
	r.rest = r.rest[i:]
	if strings.Contains(text, "]]>") {
		return "", errors.New("]]> in text")
	}
	if strings.Contains(text, "\r") {
		text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	}
	return unescape(text)
}

// unescape replaces references to characters. XML 1.0 §4.1, §4.6
func unescape(s string) (string, error) {
	if !strings.Contains(s, "&") {
		return s, nil
	}
	var b strings.Builder
	for {
		before, rest, more := strings.Cut(s, "&")
		b.WriteString(before)
		if !more {
			return b.String(), nil
		}
		name, after, ok := strings.Cut(rest, ";")
		c, known := character(name)
		if !ok || !known {
			return "", errors.New("a reference is not known")
		}
		b.WriteString(c)
		s = after
	}
}

func character(name string) (string, bool) {
	switch name {
	case "amp":
		return "&", true
	case "lt":
		return "<", true
	case "gt":
		return ">", true
	case "quot":
		return `"`, true
	case "apos":
		return "'", true
	}
	digits, ok := strings.CutPrefix(name, "#")
	if !ok || len(digits) > 8 {
		return "", false
	}
	base := 10
	if d, hex := strings.CutPrefix(digits, "x"); hex {
		digits, base = d, 16
	}
	n, err := strconv.ParseUint(digits, base, 21)
	if err != nil || !isChar(rune(n)) {
		return "", false
	}
	return string(rune(n)), true
}

// isText reports whether s is UTF-8 of characters that XML has.
func isText(s string) bool {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < 0x20 && !isChar(rune(c)) {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || !isChar(r) {
			return false
		}
		i += n
	}
	return true
}

// isChar is production [2] of XML 1.0.
func isChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}
