package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// grace is how long what is open when a process is told to stop may still take.
const grace = 10 * time.Second

// drained serves until ctx ends, and for lead after it; then stop has grace to let
// what is open end by itself. It returns when both are over: a server that is told
// to stop gives up its listener at once, and its last answers take longer.
func drained(ctx context.Context, lead time.Duration, serve func() error, stop func(drain context.Context)) error {
	over, broken := make(chan struct{}), make(chan struct{})
	forget := context.AfterFunc(ctx, func() {
		defer close(over)
		select {
		case <-broken:
		case <-time.After(lead):
		}
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		stop(drain)
	})
	err := serve()
	close(broken)
	if forget() {
		return err // it ended by itself
	}
	<-over
	return nil
}

// drained is drained for this process: from the end of ctx on it says that it
// leaves, and for as long as its configuration wants it answers all the same,
// because whoever leads requests here has yet to hear of it.
func (a *app) drained(ctx context.Context, serve func() error, stop func(drain context.Context)) error {
	defer context.AfterFunc(ctx, func() { a.leaving.Store(true) })()
	return drained(ctx, a.out.lead, serve, stop)
}

// polite is h, which asks callers for another connection once this process leaves:
// one that is closed while a request is on its way loses that request.
//
// RFC 9112 §9.6
func (a *app) polite(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// answer serves the faces on l until ctx ends, and then ends what is open. A
// request may take as long as a document of 1 GiB does on a slow line, but must
// begin at once.
func (a *app) answer(ctx context.Context, l net.Listener) error { return a.serveOn(ctx, l, a.handler) }

func (a *app) serveOn(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: a.polite(h), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog:    slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	return a.drained(ctx, func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}, func(drain context.Context) {
		if err := server.Shutdown(drain); err != nil {
			a.log.WarnContext(ctx, "requests were cut off", "err", err)
			server.Close()
		}
	})
}
