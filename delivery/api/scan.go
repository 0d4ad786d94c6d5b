package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a JSON body. A message to 10 000 recipients needs about 5 MiB and
// has 180 000 values.
const (
	maxJSON    = 8 << 20
	maxDepth   = 12
	maxEntries = 20000 // of one array
	maxMembers = 100   // of one object
	maxValues  = 200000
)

// wholeNumber is the only form of a number that the contract has. Others could
// stand for values that take hours to compute.
var wholeNumber = regexp.MustCompile(`^-?[0-9]{1,15}$`)

// scanJSON walks a body once and refuses what a decoder would let pass or choke
// on: more than one value, a name twice in an object, nesting or entries without
// end, octets that are no text, numbers out of all bounds.
func scanJSON(raw []byte) (pointer, code string) {
	if !utf8.Valid(raw) {
		return "", "not_utf8"
	}
	s := scanner{Decoder: json.NewDecoder(bytes.NewReader(raw))}
	s.UseNumber()
	code = s.value()
	if code == "" {
		if _, err := s.Token(); !errors.Is(err, io.EOF) {
			return "", "json_trailing"
		}
	}
	return s.pointer, code
}

// scanner is one walk: how many values it met, where it is and where it stopped.
type scanner struct {
	*json.Decoder
	values  int
	path    []string
	pointer string
}

// value reads one value and returns the code of the first fault in it.
func (d *scanner) value() string {
	fault := func(code string) string { d.pointer = jsonPointer(d.path); return code }
	if d.values++; d.values > maxValues {
		return fault("json_entries")
	}
	if len(d.path) > maxDepth {
		return fault("json_depth")
	}
	t, err := d.Token()
	if err != nil {
		return fault("json_syntax")
	}
	delim, ok := t.(json.Delim)
	if !ok {
		if n, isNumber := t.(json.Number); isNumber && !wholeNumber.MatchString(string(n)) {
			return fault("whole_number")
		}
		return ""
	}
	most := maxEntries
	var seen map[string]bool
	if delim == '{' {
		most, seen = maxMembers, map[string]bool{}
	}
	for i := 0; d.More(); i++ {
		if i >= most {
			return fault("json_entries")
		}
		step := strconv.Itoa(i)
		if delim == '{' {
			name, err := d.Token()
			if err != nil {
				return fault("json_syntax")
			}
			step = name.(string) // the decoder accepts nothing else here
			if seen[step] {
				d.path = append(d.path, step)
				return fault("json_duplicate")
			}
			seen[step] = true
		}
		d.path = append(d.path, step)
		if code := d.value(); code != "" {
			return code
		}
		d.path = d.path[:len(d.path)-1]
	}
	if _, err := d.Token(); err != nil {
		return fault("json_syntax")
	}
	return ""
}

// jsonPointer writes a path as RFC 6901 does; a hostile name is cut short.
func jsonPointer(path []string) string {
	var b strings.Builder
	for _, p := range path {
		if len(p) > 60 {
			p = p[:60]
		}
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(strings.ToValidUTF8(p, "")))
	}
	return b.String()
}
