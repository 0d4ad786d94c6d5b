package statement

import "encoding/hex"

// literal reads a string in parentheses. ISO 32000-1 §7.3.4.2
func (s *scanner) literal() (value, error) {
	var b []byte
	open := 0
	for ; s.at < len(s.b); s.at++ {
		switch c := s.b[s.at]; c {
		case '\\':
			s.at++
			b = s.escape(b)
		case '(':
			if open++; open > 1 {
				b = append(b, c)
			}
		case ')':
			if open--; open == 0 {
				s.at++
				return value{kind: text, word: string(b)}, nil
			}
			b = append(b, c)
		default:
			b = append(b, c)
		}
	}
	return value{}, errSyntax
}

// escape appends what the character at s.at means behind a backslash, and stays
// at the last octet of it.
func (s *scanner) escape(b []byte) []byte {
	if s.at >= len(s.b) {
		return b
	}
	switch c := s.b[s.at]; c {
	case 'n':
		return append(b, '\n')
	case 'r':
		return append(b, '\r')
	case 't':
		return append(b, '\t')
	case 'b':
		return append(b, '\b')
	case 'f':
		return append(b, '\f')
	case '\n':
		return b
	case '\r':
		if s.at+1 < len(s.b) && s.b[s.at+1] == '\n' {
			s.at++
		}
		return b
	case '0', '1', '2', '3', '4', '5', '6', '7':
		n := 0
		end := min(s.at+3, len(s.b))
		for ; s.at < end && s.b[s.at] >= '0' && s.b[s.at] <= '7'; s.at++ {
			n = n*8 + int(s.b[s.at]-'0')
		}
		s.at--
		return append(b, byte(n))
	default:
		return append(b, c)
	}
}

// hexadecimal reads a string in angle brackets. ISO 32000-1 §7.3.4.3
func (s *scanner) hexadecimal() (value, error) {
	var digits []byte
	for s.at++; s.at < len(s.b); s.at++ {
		switch c := s.b[s.at]; {
		case c == '>':
			s.at++
			if len(digits)%2 == 1 {
				digits = append(digits, '0')
			}
			b := make([]byte, hex.DecodedLen(len(digits)))
			if _, err := hex.Decode(b, digits); err != nil {
				return value{}, errSyntax
			}
			return value{kind: text, word: string(b)}, nil
		case !blank(c):
			digits = append(digits, c)
		}
	}
	return value{}, errSyntax
}
