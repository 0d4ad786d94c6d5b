package smpp

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Optional parameters. SMPP 3.4 §5.3.2
const (
	tagReceiptedID    = 0x001E
	tagNetworkError   = 0x0423
	tagPayload        = 0x0424
	tagMessageState   = 0x0427
	tagInterface      = 0x0210
	interfaceVersion  = 0x34
	longestMessageID  = 65  // with its NUL
	longestAddress    = 21  // with its NUL
	longestShort      = 254 // octets of short_message
	longestParameters = 64  // optional parameters of one PDU
)

// parameters are optional parameters by tag; of one that comes twice the first
// counts.
type parameters map[uint16][]byte

// fields reads the fields of a body. After the first that does not fit all others
// are empty and err says so.
type fields struct {
	rest []byte
	err  error
}

func (f *fields) fail(what string) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	f.rest = nil
}

// text reads a C-octet string of at most size octets with its NUL.
// SMPP 3.4 §3.1
func (f *fields) text(what string, size int) string {
	end := bytes.IndexByte(f.rest[:min(size, len(f.rest))], 0)
	if end < 0 {
		f.fail(what)
		return ""
	}
	s := string(f.rest[:end])
	f.rest = f.rest[end+1:]
	return s
}

func (f *fields) octet(what string) byte {
	if len(f.rest) == 0 {
		f.fail(what)
		return 0
	}
	b := f.rest[0]
	f.rest = f.rest[1:]
	return b
}

func (f *fields) octets(what string, size int) []byte {
	if size > len(f.rest) {
		f.fail(what)
		return nil
	}
	b := f.rest[:size]
	f.rest = f.rest[size:]
	return b
}

// parameters reads what is left as optional parameters. SMPP 3.4 §3.2.4.1
func (f *fields) parameters() parameters {
	found := parameters{}
	for n := 0; len(f.rest) > 0; n++ {
		head := f.octets("optional parameter", 4)
		if head == nil || n == longestParameters {
			f.fail("optional parameters")
			return found
		}
		tag, size := binary.BigEndian.Uint16(head), int(binary.BigEndian.Uint16(head[2:]))
		value := f.octets("optional parameter", size)
		if _, twice := found[tag]; f.err == nil && !twice {
			found[tag] = value
		}
	}
	return found
}

// cText appends s with its NUL. s holds none: what we send was checked before.
func cText(b []byte, s string) []byte { return append(append(b, s...), 0) }

func parameter(b []byte, tag uint16, value []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, tag)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	return append(b, value...)
}

// trimmed is a parameter that is a C-octet string, with or without its NUL.
func trimmed(value []byte) string {
	if i := bytes.IndexByte(value, 0); i >= 0 {
		value = value[:i]
	}
	return string(value)
}
