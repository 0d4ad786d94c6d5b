package pades

import (
	"bytes"
	"fmt"
	"strconv"
)

// Bounds on what is read: how deep arrays and dictionaries stand in each other,
// how many values one has, and how long an object is. Ours have five levels and,
// in what is read, no more values than [Extend] adds pieces; the longest object
// is the seal.
const (
	maxDepth  = 16
	maxValues = maxPieces
	maxObject = 4 << 20
)

// dict is a dictionary: each value as it is written, by key without its slash.
// ISO 32000-1 §7.3.7
type dict map[string][]byte

// readDict reads b, which must be one dictionary and nothing else. A key that
// stands twice is refused: readers differ in which one counts.
func readDict(b []byte) (dict, error) {
	bad := fmt.Errorf("%w: dictionary", errStructure)
	if !bytes.HasPrefix(b, []byte("<<")) || valueEnd(b, 0, 0) != len(b) {
		return nil, bad
	}
	d := dict{}
	for at := space(b, 2); b[at] != '>'; at = space(b, at) {
		end := valueEnd(b, at, 1)
		key := string(b[at+1 : end])
		at = space(b, end)
		end = valueEnd(b, at, 1)
		if _, twice := d[key]; twice {
			return nil, bad
		}
		d[key] = b[at:end]
		at = end
		if len(d) > maxValues {
			return nil, bad
		}
	}
	return d, nil
}

// readArray reads b, which must be one array and nothing else.
func readArray(b []byte) ([][]byte, error) {
	bad := fmt.Errorf("%w: array", errStructure)
	if !bytes.HasPrefix(b, []byte("[")) || valueEnd(b, 0, 0) != len(b) {
		return nil, bad
	}
	var list [][]byte
	for at := space(b, 1); b[at] != ']'; at = space(b, at) {
		end := valueEnd(b, at, 1)
		list = append(list, b[at:end])
		at = end
		if len(list) > maxValues {
			return nil, bad
		}
	}
	return list, nil
}

// value is the object that begins at b[at], in no more than most octets; empty
// when there is none.
func value(b []byte, at, most int) []byte {
	b = b[at:min(len(b), at+most)]
	return b[:max(0, valueEnd(b, 0, 0))]
}

// only reports whether d has no other keys than these.
func (d dict) only(keys ...string) bool {
	n := 0
	for _, k := range keys {
		if d[k] != nil {
			n++
		}
	}
	return n == len(d)
}

// is reports whether the value of key is written as want.
func (d dict) is(key, want string) bool { return string(d[key]) == want }

// ref is the number of the object that the value of key refers to.
func (d dict) ref(key string) (int, error) {
	id, err := readRef(d[key])
	if err != nil {
		return 0, fmt.Errorf("%w /%s", err, key)
	}
	return id, nil
}

// readRef reads a reference as we write it: generation 0, single spaces.
func readRef(b []byte) (int, error) {
	if digits, ok := bytes.CutSuffix(b, []byte(" 0 R")); ok {
		if n, ok := number(digits); ok {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: reference", errStructure)
}

// number reads an unsigned number of at most ten digits.
func number(b []byte) (int, bool) {
	if len(b) == 0 || len(b) > 10 {
		return 0, false
	}
	for _, c := range b {
		if !digit(c) {
			return 0, false
		}
	}
	n, err := strconv.Atoi(string(b))
	return n, err == nil
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func blank(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func inWord(c byte) bool {
	switch c {
	case '(', ')', '<', '>', '[', ']', '{', '}', '/', '%':
		return false
	}
	return !blank(c)
}

// space is the offset of the first octet from at on that is not white.
func space(b []byte, at int) int {
	for at < len(b) && blank(b[at]) {
		at++
	}
	return at
}

// word is the offset of the first octet from at on that ends a name or number.
func word(b []byte, at int) int {
	for at < len(b) && inWord(b[at]) {
		at++
	}
	return at
}

// valueEnd is the offset behind the object that begins at b[at], or -1 when
// there is none. ISO 32000-1 §7.3
func valueEnd(b []byte, at, depth int) int {
	if at >= len(b) || depth > maxDepth {
		return -1
	}
	switch b[at] {
	case '/':
		return word(b, at+1)
	case '(':
		return stringEnd(b, at)
	case '[':
		return listEnd(b, at+1, depth, "]")
	case '<':
		if bytes.HasPrefix(b[at:], []byte("<<")) {
			return listEnd(b, at+2, depth, ">>")
		}
		if n := bytes.IndexByte(b[at:], '>'); n > 0 {
			return at + n + 1
		}
		return -1
	}
	end := word(b, at)
	if end == at {
		return -1
	}
	// A reference is three words, but one value.
	if digit(b[at]) {
		second := space(b, end)
		third := space(b, word(b, second))
		if _, ok := number(b[second:word(b, second)]); ok && third < len(b) && b[third] == 'R' && word(b, third) == third+1 {
			return third + 1
		}
	}
	return end
}

// listEnd is the offset behind closing, before which values stand from at on; in
// a dictionary, every other one is a name.
func listEnd(b []byte, at, depth int, closing string) int {
	for n := 0; ; n++ {
		at = space(b, at)
		if bytes.HasPrefix(b[at:], []byte(closing)) {
			if closing == ">>" && n%2 == 1 {
				return -1
			}
			return at + len(closing)
		}
		if at >= len(b) || closing == ">>" && n%2 == 0 && b[at] != '/' {
			return -1
		}
		if at = valueEnd(b, at, depth+1); at < 0 {
			return -1
		}
	}
}

// stringEnd is the offset behind the literal string at b[at]. ISO 32000-1 §7.3.4.2
func stringEnd(b []byte, at int) int {
	open := 0
	for ; at < len(b); at++ {
		switch b[at] {
		case '\\':
			at++
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return at + 1
			}
		}
	}
	return -1
}
