package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
)

// What passes by itself is told apart from what is our mistake: the first says when
// to try again, the second gives a number to tell the help desk.
func TestFail(t *testing.T) {
	t.Parallel()
	w := setup(t, nil)
	for _, tc := range []struct {
		err      error
		code     int
		says     string
		incident bool
	}{
		{web.ErrNotFound, http.StatusNotFound, "Deze pagina bestaat niet", false},
		{delivery.ErrBusy, http.StatusServiceUnavailable, "Dit lukt nu even niet", false},
		{context.DeadlineExceeded, http.StatusServiceUnavailable, "Dit lukt nu even niet", false},
		{&pgconn.PgError{Code: "57P01"}, http.StatusServiceUnavailable, "Dit lukt nu even niet", false},
		{&pgconn.PgError{Code: "23505"}, http.StatusInternalServerError, "Er ging iets mis bij ons", true},
		{errors.New("a mistake"), http.StatusInternalServerError, "Er ging iets mis bij ons", true},
	} {
		res := serve(w, func(echo.Context) error { return fmt.Errorf("page: %w", tc.err) }, get("/hello", "Accept-Language", "nl"))
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != tc.code || !strings.Contains(string(body), tc.says) || strings.Contains(string(body), "a mistake") {
			t.Errorf("%v: %d\n%s", tc.err, res.StatusCode, body)
		}
		if got := strings.Contains(string(body), `class="code"`); got != tc.incident {
			t.Errorf("%v: an incident number: %t", tc.err, got)
		}
		if got := res.Header.Get("Retry-After") != ""; got != (tc.code == http.StatusServiceUnavailable) {
			t.Errorf("%v: Retry-After %q", tc.err, res.Header.Get("Retry-After"))
		}
	}
}
