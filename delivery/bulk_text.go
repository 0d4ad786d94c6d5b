package delivery

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// errNotText is of a file that is no list of text: a workbook, an archive.
var errNotText = errors.New("delivery: file is no text")

// Encodings of lists. What is not UTF-8 and not UTF-16 is taken as Windows-1252,
// which is what Latin-1 is in practice: every octet means something in it.
const (
	utf8Text    = "utf-8"
	utf16Little = "utf-16le"
	utf16Big    = "utf-16be"
	windows1252 = "windows-1252"
)

const headSize = 64 << 10

// listener hears a file stream by and remembers what tells how to read it.
type listener struct {
	head    []byte
	size    int64
	nul     [2]int64 // at even and odd places
	carry   []byte   // of a character that is not whole yet
	invalid bool     // UTF-8
}

func (l *listener) Write(p []byte) (int, error) {
	if room := headSize - len(l.head); room > 0 {
		l.head = append(l.head, p[:min(room, len(p))]...)
	}
	for i := 0; ; {
		n := bytes.IndexByte(p[i:], 0)
		if n < 0 {
			break
		}
		l.nul[(l.size+int64(i+n))%2]++
		i += n + 1
	}
	l.size += int64(len(p))
	if !l.invalid {
		l.follow(p)
	}
	return len(p), nil
}

// follow goes on looking whether the text is UTF-8.
func (l *listener) follow(p []byte) {
	rest := p
	for len(l.carry) > 0 && len(rest) > 0 {
		l.carry, rest = append(l.carry, rest[0]), rest[1:]
		if utf8.FullRune(l.carry) {
			l.invalid = l.invalid || !utf8.Valid(l.carry)
			l.carry = l.carry[:0]
		}
	}
	end := len(rest)
	for back := 1; back < utf8.UTFMax && back <= len(rest); back++ {
		if utf8.RuneStart(rest[len(rest)-back]) {
			if !utf8.FullRune(rest[len(rest)-back:]) {
				end = len(rest) - back
			}
			break
		}
	}
	l.invalid = l.invalid || !utf8.Valid(rest[:end])
	l.carry = append(l.carry, rest[end:]...)
}

// containers are how files begin that are no text.
var containers = []string{"PK\x03\x04", "PK\x05\x06", "\xd0\xcf\x11\xe0", "%PDF", "\x1f\x8b", "{\\rtf", "Rar!", "7z\xbc\xaf", "\x89PNG", "\xff\xd8\xff"}

// encoding says how to read what was heard. Errors: errNotText.
func (l *listener) encoding() (string, error) {
	for _, magic := range containers {
		if bytes.HasPrefix(l.head, []byte(magic)) {
			return "", errNotText
		}
	}
	switch invalid := l.invalid || len(l.carry) > 0; {
	case bytes.HasPrefix(l.head, []byte("\xff\xfe")):
		return utf16Little, nil
	case bytes.HasPrefix(l.head, []byte("\xfe\xff")):
		return utf16Big, nil
	case l.nul[1] > l.size/8 && l.nul[0] <= l.nul[1]/16: // Latin letters in UTF-16 have every other octet zero
		return utf16Little, nil
	case l.nul[0] > l.size/8 && l.nul[1] <= l.nul[0]/16:
		return utf16Big, nil
	case l.nul[0]+l.nul[1] > 0:
		return "", errNotText
	case !invalid:
		return utf8Text, nil
	case bytes.HasPrefix(l.head, []byte("\xef\xbb\xbf")): // it says that it is UTF-8, and is not
		return "", errNotText
	}
	return windows1252, nil
}

// decoded reads text of an encoding as UTF-8, without a byte order mark.
func decoded(r io.Reader, name string) (io.Reader, error) {
	var e encoding.Encoding
	switch name {
	case utf8Text:
		e = unicode.UTF8BOM
	case utf16Little:
		e = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case utf16Big:
		e = unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	case windows1252:
		e = charmap.Windows1252
	default:
		return nil, fmt.Errorf("delivery: encoding %q", name)
	}
	return transform.NewReader(r, e.NewDecoder()), nil
}

// separators are what may stand between cells, the likeliest first.
const separators = ";,\t|"

// separator guesses what stands between the cells of a list from how it begins:
// what its first line has most of, outside quotes. A first line "sep=;" says it.
func separator(head string) byte {
	head = strings.TrimLeft(head, "\r\n")
	first, _, _ := strings.Cut(head, "\n")
	if s, ok := strings.CutPrefix(strings.TrimRight(first, "\r"), "sep="); ok && len(s) == 1 && strings.Contains(separators, s) {
		return s[0]
	}
	counts, quoted := map[byte]int{}, false
	for i := 0; i < len(head) && (quoted || head[i] != '\n' && head[i] != '\r'); i++ {
		switch b := head[i]; {
		case b == '"':
			quoted = !quoted
		case !quoted:
			counts[b]++
		}
	}
	best := byte(',')
	for i := range len(separators) {
		if counts[separators[i]] > counts[best] {
			best = separators[i]
		}
	}
	return best
}
