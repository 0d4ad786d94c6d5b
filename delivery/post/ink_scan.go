package post

import (
	"bytes"
	"strings"
)

// scanner cuts a content stream into operands and operators, ISO 32000-1 §7.8.2.
// Strings, arrays and dictionaries are operands of which nobody needs the value.
type scanner struct {
	b []byte
	i int
}

const blanks, delimiters = "\x00\t\n\f\r ", "()<>[]{}/%"

// next gives a name, a number or an operator; ok is false at the end.
func (s *scanner) next() (token string, operator, ok bool) {
	for s.i < len(s.b) {
		c := s.b[s.i]
		switch {
		case strings.IndexByte(blanks, c) >= 0 || c == '[' || c == ']' || c == '{' || c == '}' || c == ')':
			s.i++
		case c == '%':
			for s.i < len(s.b) && s.b[s.i] != '\n' && s.b[s.i] != '\r' {
				s.i++
			}
		case c == '(':
			s.text()
		case c == '<' || c == '>':
			s.angle()
		case c == '/':
			at := s.i
			s.i++
			s.regular()
			return string(s.b[at:s.i]), false, true
		default:
			at := s.i
			s.regular()
			t := string(s.b[at:s.i])
			return t, strings.IndexByte("+-.0123456789", c) < 0 && t != "true" && t != "false" && t != "null", true
		}
	}
	return "", false, false
}

func (s *scanner) regular() {
	for s.i < len(s.b) && strings.IndexByte(blanks, s.b[s.i]) < 0 && strings.IndexByte(delimiters, s.b[s.i]) < 0 {
		s.i++
	}
}

// text skips a literal string.
func (s *scanner) text() {
	depth := 0
	for ; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case '\\':
			s.i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				s.i++
				return
			}
		}
	}
}

// angle skips a hexadecimal string, or one bracket of a dictionary.
func (s *scanner) angle() {
	if s.b[s.i] == '<' && s.i+1 < len(s.b) && s.b[s.i+1] != '<' {
		if n := bytes.IndexByte(s.b[s.i:], '>'); n >= 0 {
			s.i += n + 1
			return
		}
		s.i = len(s.b)
		return
	}
	s.i++
	if s.i < len(s.b) && s.b[s.i] == s.b[s.i-1] {
		s.i++
	}
}

// skipImage goes to the end of an inline image.
func (s *scanner) skipImage() {
	for from := s.i; ; {
		n := bytes.Index(s.b[from:], []byte("EI"))
		if n < 0 {
			s.i = len(s.b)
			return
		}
		end := from + n + 2
		if strings.IndexByte(blanks, s.b[from+max(n-1, 0)]) >= 0 && (end == len(s.b) || strings.IndexByte(blanks, s.b[end]) >= 0) {
			s.i = end
			return
		}
		from = end
	}
}
