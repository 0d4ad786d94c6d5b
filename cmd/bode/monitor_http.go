package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// metricsLog writes what Prometheus complains of into ours.
type metricsLog struct{ log *slog.Logger }

func (m metricsLog) Println(v ...any) {
	m.log.Warn("metrics are not complete", "err", strings.TrimSpace(fmt.Sprintln(v...)))
}

// counted is h, with the time of each answer.
func (m *monitor) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		answer := &answer{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			m.requests.WithLabelValues(faceOf(r.URL.Path), methodLabel(r.Method), strconv.Itoa(answer.status/100)+"xx").Observe(time.Since(began).Seconds())
		}()
		h.ServeHTTP(answer, r)
	})
}

// answer remembers the status.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if status >= 200 { // those before are not the answer yet
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what is below.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// faceOf is which part of the service a path belongs to.
func faceOf(path string) string {
	for _, f := range []struct{ prefix, face string }{
		{"/api/", "api"}, {"/portal", "portal"}, {"/c/", "collect"}, {logPath, "log"}, {"/static/", "static"},
	} {
		if strings.HasPrefix(path, f.prefix) {
			return f.face
		}
	}
	return "public"
}

func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return method
	}
	return "other"
}
