package main

import (
	"context"
	"errors"
	"testing"
)

// TestDrainedWaits holds that a server is over only when its last answer is.
func TestDrainedWaits(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stopped, finish := make(chan struct{}), make(chan struct{})
	over := make(chan error)
	go func() {
		over <- drained(ctx, func() error { <-stopped; return errors.New("closed") }, func(drain context.Context) {
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
	err := drained(t.Context(), func() error { return broken }, func(context.Context) { t.Error("it was stopped") })
	if !errors.Is(err, broken) {
		t.Errorf("err = %v, want %v", err, broken)
	}
}
