package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
)

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
	faults, err = a.decodeJSON(raw, schema, out)
	return raw, faults, err
}

// decodeJSON is readJSON for what was read.
func (a *API) decodeJSON(raw []byte, schema string, out any) (faults delivery.FieldErrors, err error) {
	switch pointer, code := scanJSON(raw); code {
	case "":
	case "whole_number":
		return nil, errInvalid.with(delivery.FieldError{Pointer: pointer, Code: code})
	default:
		return nil, errJSON.with(delivery.FieldError{Pointer: pointer, Code: code})
	}
	var doc any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		return nil, errJSON
	}
	faults = a.contract.check(schema, doc)
	for _, f := range faults {
		if structural[f.Code] { // it cannot be decoded: nothing further to find
			return nil, errInvalid.with(faults...)
		}
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, errJSON
	}
	return faults, nil
}

// body is the request's body, of at most the given octets. What is announced to
// be longer is refused before any of it is read, and what comes too slowly is cut
// off, so that nobody holds many connections with few octets. Reading fails with
// tooBig, errInterrupted.
func (c *call) body(most int64, tooBig problem) (io.Reader, error) {
	r := c.Request()
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, errEncoding
	}
	if r.ContentLength > most {
		c.Response().Header().Set("Connection", "close") // the rest stays unread
		return nil, tooBig
	}
	expected := most
	if r.ContentLength >= 0 {
		expected = r.ContentLength
	}
	line := http.NewResponseController(c.Response().Writer)
	end := time.Now().Add(c.bodyTime + time.Duration(expected/slowest)*time.Second) // of a socket, not of anything legal
	if err := line.SetReadDeadline(end); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, err
	}
	return incoming{http.MaxBytesReader(c.Response().Writer, r.Body, most), tooBig, line}, nil
}

// slowest is how many octets of a body must come in a second, on the whole.
const slowest = 64 << 10

// incoming tells what goes wrong on the caller's side from our own failures.
type incoming struct {
	io.Reader
	tooBig problem
	line   *http.ResponseController
}

func (b incoming) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	var big *http.MaxBytesError
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF:
		_ = b.line.SetReadDeadline(time.Time{}) // else the server takes the deadline for a caller who went away
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
