package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
)

// Bounds of a JSON body. A message to 10 000 recipients needs about 5 MiB.
const (
	maxJSON  = 8 << 20
	maxDepth = 12
)

// readJSON reads the body, holds it against a schema of the contract, and
// decodes it into out. It returns the faults that the schema found; the caller
// may find better words for them.
func (a *API) readJSON(c *call, schema string, out any) (raw []byte, faults delivery.FieldErrors, err error) {
	t, _, err := mime.ParseMediaType(c.Request().Header.Get("Content-Type"))
	if err != nil || t != "application/json" {
		return nil, nil, errMediaType
	}
	raw, err = io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxJSON))
	if err != nil {
		return nil, nil, err
	}
	if pointer, code := scanJSON(raw); code != "" {
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
// on: more than one value, a name twice in an object, nesting without end.
func scanJSON(raw []byte) (pointer, code string) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	code = scanValue(d, nil, &pointer)
	if code == "" {
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return "", "json_trailing"
		}
	}
	return pointer, code
}

func scanValue(d *json.Decoder, path []string, pointer *string) string {
	fault := func(code string) string { *pointer = jsonPointer(path); return code }
	if len(path) > maxDepth {
		return fault("json_depth")
	}
	t, err := d.Token()
	if err != nil {
		return fault("json_syntax")
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return ""
	}
	seen := map[string]bool{}
	for i := 0; d.More(); i++ {
		step := strconv.Itoa(i)
		if delim == '{' {
			name, err := d.Token()
			if err != nil {
				return fault("json_syntax")
			}
			step = name.(string) // the decoder accepts nothing else here
			if seen[step] {
				path = append(path, step)
				return fault("json_duplicate")
			}
			seen[step] = true
		}
		if code := scanValue(d, append(path[:len(path):len(path)], step), pointer); code != "" {
			return code
		}
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
