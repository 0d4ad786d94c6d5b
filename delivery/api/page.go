package api

import (
	"encoding/base64"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/delivery"
)

// page is one page of a list. Next is empty on the last, and Previous on the
// first, where the list has it.
type page[T any] struct {
	Data     []T    `json:"data"`
	Next     string `json:"next,omitempty"`
	Previous string `json:"previous,omitempty"`
}

var (
	errCursor = problem{status: http.StatusBadRequest, code: "cursor_malformed"}
	errLimit  = problem{status: http.StatusBadRequest, code: "limit_malformed"}
)

// limit reads ?limit=, 1 to 100, by default 50.
func (c *call) limit() (int, error) {
	values := c.QueryParams()["limit"]
	if len(values) == 0 {
		return 50, nil
	}
	n, err := strconv.Atoi(values[0])
	if err != nil || len(values) > 1 || n < 1 || n > delivery.MaxPage {
		return 0, errLimit
	}
	return n, nil
}

// cursor reads ?cursor=, which is opaque to callers.
func (c *call) cursor() (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(c.QueryParam("cursor"))
	if err != nil || len(b) > 100 {
		return "", errCursor
	}
	return string(b), nil
}

// isID reports whether s is an identifier in the one form in which we give
// them out.
func isID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s
}

func encodeCursor(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// sendPage sends a page and where the ones beside it are. RFC 8288 §3
func sendPage[T any](c *call, p page[T]) error {
	for _, beside := range []struct{ rel, cursor string }{{"next", p.Next}, {"prev", p.Previous}} {
		if beside.cursor != "" {
			c.Response().Header().Add("Link", "<"+c.pageAt(beside.cursor)+`>; rel="`+beside.rel+`"`)
		}
	}
	return writeJSON(c, http.StatusOK, p)
}
