package statement

import (
	"encoding/hex"
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
)

// Bounds on what is read of a stranger's file.
const (
	maxDepth  = 24
	maxValues = 1 << 15
)

var errSyntax = errors.New("not as a PDF is written")

type kind byte

const (
	null kind = iota
	boolean
	number
	name
	text
	array
	dictionary
	reference
)

// value is one object of a PDF. The zero value is null, which is also what is
// not there. ISO 32000-1 §7.3
type value struct {
	kind     kind
	word     string // of a name, without its slash; of a text, its octets; of a boolean, as it is written
	num      float64
	list     []value
	dict     map[string]value
	id       int // of a reference; generation 0
	from, to int // where it stands in the file
}

// scanner reads values of b from at on.
type scanner struct {
	b      []byte
	at     int
	values int
}

func blank(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func delimiter(c byte) bool {
	switch c {
	case '(', ')', '<', '>', '[', ']', '{', '}', '/', '%':
		return true
	}
	return false
}

// skip goes over white space and comments.
func (s *scanner) skip() {
	for s.at < len(s.b) {
		switch {
		case blank(s.b[s.at]):
			s.at++
		case s.b[s.at] == '%' && !s.marks("%%EOF"):
			for s.at < len(s.b) && s.b[s.at] != '\n' && s.b[s.at] != '\r' {
				s.at++
			}
		default:
			return
		}
	}
}

func (s *scanner) marks(word string) bool {
	return len(s.b)-s.at >= len(word) && string(s.b[s.at:s.at+len(word)]) == word
}

// token is the regular characters from here on.
func (s *scanner) token() string {
	from := s.at
	for s.at < len(s.b) && !blank(s.b[s.at]) && !delimiter(s.b[s.at]) {
		s.at++
	}
	return string(s.b[from:s.at])
}

// keyword goes over word, when that is what comes next.
func (s *scanner) keyword(word string) bool {
	s.skip()
	before := s.at
	if s.token() == word {
		return true
	}
	s.at = before
	return false
}

// natural reads an unsigned number of at most ten digits.
func (s *scanner) natural() (int, bool) {
	s.skip()
	before := s.at
	n, ok := natural(s.token())
	if !ok {
		s.at = before
	}
	return n, ok
}

func natural(t string) (int, bool) {
	if len(t) == 0 || len(t) > 10 {
		return 0, false
	}
	for _, c := range []byte(t) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(t)
	return n, err == nil
}

// value reads one object.
func (s *scanner) value(depth int) (v value, err error) {
	s.skip()
	if s.values++; depth > maxDepth || s.values > maxValues || s.at >= len(s.b) {
		return value{}, errSyntax
	}
	from := s.at
	switch s.b[s.at] {
	case '/':
		s.at++
		v, err = s.name()
	case '(':
		v, err = s.literal()
	case '[':
		s.at++
		v, err = s.array(depth)
	case '<':
		if s.marks("<<") {
			s.at += 2
			v, err = s.dictionary(depth)
		} else {
			v, err = s.hexadecimal()
		}
	default:
		v, err = s.atom()
	}
	v.from, v.to = from, s.at
	return v, err
}

// atom reads a number, a reference or a word. ISO 32000-1 §7.3.2, §7.3.10
func (s *scanner) atom() (value, error) {
	t := s.token()
	switch t {
	case "true", "false":
		return value{kind: boolean, word: t}, nil
	case "null":
		return value{}, nil
	}
	if id, ok := natural(t); ok {
		end := s.at
		if gen, ok := s.natural(); ok && gen == 0 && s.keyword("R") {
			return value{kind: reference, id: id}, nil
		}
		s.at = end
	}
	for _, c := range []byte(t) { // no exponents, no "Inf"
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' {
			return value{}, errSyntax
		}
	}
	n, err := strconv.ParseFloat(t, 64)
	if err != nil || math.IsInf(n, 0) {
		return value{}, errSyntax
	}
	return value{kind: number, num: n}, nil
}

// name reads a name whose slash was read. ISO 32000-1 §7.3.5
func (s *scanner) name() (value, error) {
	t := s.token()
	var b []byte
	for i := 0; i < len(t); i++ {
		if t[i] != '#' {
			b = append(b, t[i])
			continue
		}
		if i+2 >= len(t) {
			return value{}, errSyntax
		}
		c, err := hex.DecodeString(t[i+1 : i+3])
		if err != nil || c[0] == 0 {
			return value{}, errSyntax
		}
		b = append(b, c[0])
		i += 2
	}
	return value{kind: name, word: string(b)}, nil
}

func (s *scanner) array(depth int) (value, error) {
	v := value{kind: array}
	for {
		s.skip()
		if s.marks("]") {
			s.at++
			return v, nil
		}
		one, err := s.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		v.list = append(v.list, one)
	}
}

// dictionary refuses a key that stands twice: readers differ in which one counts.
func (s *scanner) dictionary(depth int) (value, error) {
	v := value{kind: dictionary, dict: map[string]value{}}
	for {
		s.skip()
		if s.marks(">>") {
			s.at += 2
			return v, nil
		}
		key, err := s.value(depth + 1)
		if err != nil || key.kind != name {
			return value{}, errSyntax
		}
		one, err := s.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		if _, twice := v.dict[key.word]; twice {
			return value{}, errSyntax
		}
		v.dict[key.word] = one
	}
}

// same compares what is written, not how: programs write down in its place what
// was referred to before.
func (f *file) same(was, is value, depth int) bool {
	if was.kind == reference && is.kind != reference && depth < maxDepth {
		was = f.follow(was)
	}
	if was.kind != is.kind {
		return false
	}
	within := func(a, b value) bool { return f.same(a, b, depth+1) }
	switch was.kind {
	case number:
		return math.Abs(was.num-is.num) < 0.005
	case array:
		return slices.EqualFunc(was.list, is.list, within)
	case dictionary:
		return maps.EqualFunc(was.dict, is.dict, within)
	}
	return was.word == is.word && was.id == is.id
}
