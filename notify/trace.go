package notify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"unicode/utf8"
)

// maxTrace is how long a trace may be; the table refuses more than 16 KiB, in its
// own way of writing, which is a little longer.
const maxTrace = 12 << 10

// notText are escapes that PostgreSQL cannot keep: NUL and halves of surrogates.
var notText = regexp.MustCompile(`\\u(0000|[dD][89a-fA-F])`)

// canonical is a trace with its names in order and without white space, so that
// it has one digest however it was stored. Nil when it is no object, or too long.
func canonical(trace json.RawMessage) json.RawMessage {
	if len(trace) == 0 || len(trace) > 16<<10 || trace[0] != '{' || !utf8.Valid(trace) || notText.Match(trace) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(trace))
	d.UseNumber() // as written: none of ours has a fraction
	var v map[string]any
	if err := d.Decode(&v); err != nil || d.More() {
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil || b.Len() > maxTrace {
		return nil
	}
	return bytes.TrimSpace(b.Bytes())
}

// TraceDigest is the hex SHA-256 of the trace in canonical form (names in order,
// no white space), empty without one. It goes into the event of the attempt, so
// that the stored trace cannot be changed unseen.
func (r Result) TraceDigest() string {
	c := canonical(r.Trace)
	if c == nil {
		return ""
	}
	sum := sha256.Sum256(c)
	return hex.EncodeToString(sum[:])
}
