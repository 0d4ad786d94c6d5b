package api

import (
	"net/http"
	"strings"
)

var errSeed = problem{status: http.StatusBadRequest, code: "seed_malformed"}

// seed reads the Bode-Seed of a request with a test key: identifiers then follow
// from it and from the Idempotency-Key, which there must be.
func (c *call) seed(key string) (string, error) {
	values := c.Request().Header.Values("Bode-Seed")
	switch {
	case len(values) == 0:
		return "", nil
	case !c.key.Test:
		return "", errTestOnly
	case key == "" || len(values) > 1 || values[0] == "" || len(values[0]) > 100 || strings.ContainsFunc(values[0], func(r rune) bool { return r < ' ' || r > '~' }):
		return "", errSeed
	}
	return values[0], nil
}
