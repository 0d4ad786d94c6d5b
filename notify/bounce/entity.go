package bounce

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"
)

// fields are the lines of a header, or of a group of a report, unfolded.
type fields []field

type field struct{ name, value string } // name in lower case

// get is the first value of a name, or "".
func (f fields) get(name string) string {
	for _, x := range f {
		if x.name == name {
			return x.value
		}
	}
	return ""
}

// entity is a mail or a part of one.
type entity struct {
	header fields
	body   []byte
}

// parseEntity takes raw apart. It never fails: what comes back is written by
// programs of every age, and a line that cannot be read must not hide the others.
func parseEntity(raw []byte) entity {
	var e entity
	for len(raw) > 0 {
		line, rest, _ := bytes.Cut(raw, []byte("\n"))
		raw = rest
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			break
		}
		e.header = e.header.add(string(line))
	}
	e.body = raw
	return e
}

// add takes one line: a field, the continuation of the last one, or something
// that looks like neither, which is taken for a continuation too.
func (f fields) add(line string) fields {
	name, value, ok := strings.Cut(line, ":")
	folded := line[0] == ' ' || line[0] == '\t'
	if !ok || folded || strings.ContainsAny(strings.TrimRight(name, " \t"), " \t") {
		if n := len(f); n > 0 && len(f[n-1].value) < maxValue {
			f[n-1].value = strings.TrimSpace(f[n-1].value + " " + strings.TrimSpace(line))
		}
		return f
	}
	if len(f) >= maxFields {
		return f
	}
	return append(f, field{strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)})
}

// mediaType is the type of e in lower case and its parameters. What cannot be
// parsed as a whole is still read as far as it goes.
func (e entity) mediaType() (string, map[string]string) {
	value := e.header.get("content-type")
	if value == "" {
		return "text/plain", nil
	}
	t, params, err := mime.ParseMediaType(value)
	if err != nil || t == "" {
		t, _, _ = strings.Cut(value, ";")
		t, params = strings.ToLower(strings.TrimSpace(t)), nil
	}
	return t, params
}

// content is the body without its transfer encoding, as far as it can be decoded.
func (e entity) content() []byte {
	var r io.Reader
	switch strings.ToLower(e.header.get("content-transfer-encoding")) {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, bytes.NewReader(e.body))
	case "quoted-printable":
		r = quotedprintable.NewReader(bytes.NewReader(e.body))
	default:
		return e.body
	}
	out, _ := io.ReadAll(r) // what came before a fault
	return out
}

// parts are those of a multipart entity, nil for any other.
func (e entity) parts() (list []entity) {
	t, params := e.mediaType()
	if !strings.HasPrefix(t, "multipart/") || params["boundary"] == "" {
		return nil
	}
	mark := []byte("--" + params["boundary"])
	var part []byte
	inside, rest := false, e.body
	for len(rest) > 0 && len(list) < maxParts {
		n := bytes.IndexByte(rest, '\n') + 1
		if n == 0 {
			n = len(rest)
		}
		line := rest[:n]
		if bytes.HasPrefix(line, mark) {
			after := bytes.TrimSpace(line[len(mark):])
			if closes := string(after) == "--"; len(after) == 0 || closes {
				if inside {
					list = append(list, parseEntity(part))
				}
				if closes {
					return list
				}
				part, inside, rest = rest[n:n], true, rest[n:]
				continue
			}
		}
		if inside {
			part = part[:len(part)+n] // lines lie one after the other in body
		}
		rest = rest[n:]
	}
	if inside && len(list) < maxParts {
		list = append(list, parseEntity(part)) // was cut off
	}
	return list
}
