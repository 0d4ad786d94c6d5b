package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
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

// readJSON reads the body, holds it against a schema of the contract, and
// decodes it into out. It returns the faults that the schema found; the caller
// may find better words for them.
func (a *API) readJSON(c *call, schema string, out any) (raw []byte, faults delivery.FieldErrors, err error) {
	t, _, err := mime.ParseMediaType(c.Request().Header.Get("Content-Type"))
	if err != nil || t != "application/json" {
		return nil, nil, errMediaType
	}
	body, err := c.body(maxJSON, errTooBig)
	if err != nil {
		return nil, nil, err
	}
	if raw, err = io.ReadAll(body); err != nil {
		return nil, nil, err
	}
	switch pointer, code := scanJSON(raw); code {
	case "":
	case "whole_number":
		return nil, nil, errInvalid.with(delivery.FieldError{Pointer: pointer, Code: code})
	default:
		return nil, nil, errJSON.with(delivery.FieldError{Pointer: pointer, Code: code})
	}
	var doc any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		return nil, nil, errJSON
	}
	faults = a.contract.check(schema, doc)
	for _, f := range faults {
		if structural[f.Code] { // it cannot be decoded: nothing further to find
			return nil, nil, errInvalid.with(faults...)
		}
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, nil, errJSON
	}
	return raw, faults, nil
}

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

// body is the request's body, of at most the given octets. What is announced to
// be longer is refused before any of it is read. Reading fails with tooBig,
// errInterrupted.
func (c *call) body(most int64, tooBig problem) (io.Reader, error) {
	r := c.Request()
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, errEncoding
	}
	if r.ContentLength > most {
		c.Response().Header().Set("Connection", "close") // the rest stays unread
		return nil, tooBig
	}
	return incoming{http.MaxBytesReader(c.Response().Writer, r.Body, most), tooBig}, nil
}

// incoming tells what goes wrong on the caller's side from our own failures.
type incoming struct {
	io.Reader
	tooBig problem
}

func (b incoming) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	var big *http.MaxBytesError
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case errors.As(err, &big):
		return n, b.tooBig
	}
	return n, fmt.Errorf("%w: %w", errInterrupted, err)
}

func writeJSON(c echo.Context, status int, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("api: encode answer: %w", err)
	}
	h := c.Response().Header()
	if h.Get(echo.HeaderContentType) == "" {
		h.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	}
	c.Response().WriteHeader(status)
	_, err := c.Response().Write(b.Bytes())
	return err
}
