package client

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// Error is a call that was refused: nothing happened. Match on Code, and on the
// Code of each of Errors; texts may change. RFC 9457 §3
type Error struct {
	Problem
	RetryAfter time.Duration // how long to wait before trying again; 0: not said
	Header     http.Header
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "client: %d %s: %s", e.Status, e.Code, e.Title)
	for _, f := range e.Errors {
		fmt.Fprintf(&b, "; %s: %s", f.Pointer, f.Detail)
	}
	return b.String()
}

// readError makes an error of an answer; what is no problem document comes from
// something between us and keeps its status only.
func readError(resp *http.Response) *Error {
	e := &Error{RetryAfter: retryAfter(resp.Header), Header: resp.Header}
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || mediaType != "application/problem+json" || json.Unmarshal(body, &e.Problem) != nil || e.Code == "" {
		e.Problem = Problem{Type: "about:blank", Title: http.StatusText(resp.StatusCode), Code: "no_problem_document"}
	}
	e.Status = resp.StatusCode
	return e
}
