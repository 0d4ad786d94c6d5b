package main

import (
	"net/http"
	"strings"
)

// careful lets every answer say, whichever face gives it, that nothing in it acts,
// is guessed at, stands in a frame or may be asked for in clear. What a face knows
// better it says itself.
//
// RFC 6797 §7.2: not where we are reached without TLS.
func (a *app) careful(next http.Handler) http.Handler {
	secure := strings.HasPrefix(a.out.baseURL, "https://")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if secure {
			h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}
