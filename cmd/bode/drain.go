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

// drained serves until ctx ends; then stop has grace to let what is open end by
// itself. It returns when both are over: a server that is told to stop gives up
// its listener at once, and its last answers take longer.
func drained(ctx context.Context, serve func() error, stop func(drain context.Context)) error {
	over := make(chan struct{})
	forget := context.AfterFunc(ctx, func() {
		defer close(over)
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		stop(drain)
	})
	err := serve()
	if forget() {
		return err // it ended by itself
	}
	<-over
	return nil
}

// answer serves the faces on l until ctx ends, and then ends what is open. A
// request may take as long as a document of 1 GiB does on a slow line, but must
// begin at once.
func (a *app) answer(ctx context.Context, l net.Listener) error { return a.serveOn(ctx, l, a.handler) }

func (a *app) serveOn(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog:    slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	return drained(ctx, func() error {
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
