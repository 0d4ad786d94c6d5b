package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestDrainedWaits holds that a server is over only when its last answer is.
func TestDrainedWaits(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stopped, finish := make(chan struct{}), make(chan struct{})
	over := make(chan error)
	go func() {
		over <- drained(ctx, 0, func() error { <-stopped; return errors.New("closed") }, func(drain context.Context) {
			close(stopped)
			if _, ok := drain.Deadline(); !ok || drain.Err() != nil {
				t.Error("draining has no time, or no limit")
			}
			<-finish
		})
	}()
	stop()
	<-stopped
	select {
	case err := <-over:
		t.Fatalf("over before the last answer: %v", err)
	default:
	}
	close(finish)
	if err := <-over; err != nil {
		t.Errorf("a server that was told to stop: %v", err)
	}
}

// TestDrainedFails holds that a server that breaks by itself is not drained.
func TestDrainedFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	err := drained(t.Context(), time.Hour, func() error { return broken }, func(context.Context) { t.Error("it was stopped") })
	if !errors.Is(err, broken) {
		t.Errorf("err = %v, want %v", err, broken)
	}
}

// TestLeavingAnswers holds that a process that was told to stop says so, and goes on
// answering whoever has not heard of it, each on a connection that ends there.
func TestLeavingAnswers(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	a := &app{handler: mux, out: outside{lead: time.Hour}, log: discard()}
	mux.HandleFunc("GET /readyz", a.ready)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error)
	go func() { over <- a.answer(ctx, l) }()
	ask := func(path string) *http.Response {
		t.Helper()
		resp, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp
	}
	if resp := ask("/"); resp.StatusCode != http.StatusNoContent || resp.Close {
		t.Errorf("before: %s, close %v", resp.Status, resp.Close)
	}
	stop()
	for !a.leaving.Load() {
		_ = ask("/")
	}
	if resp := ask("/"); resp.StatusCode != http.StatusNoContent || !resp.Close {
		t.Errorf("leaving: %s, close %v", resp.Status, resp.Close)
	}
	if resp := ask("/readyz"); resp.StatusCode != http.StatusServiceUnavailable || !resp.Close {
		t.Errorf("leaving, /readyz: %s, close %v", resp.Status, resp.Close)
	}
	l.Close() // the hour is over
	if err := <-over; err != nil {
		t.Errorf("a server that was told to stop: %v", err)
	}
}
