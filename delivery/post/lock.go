package post

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// lock waits for our turn in this process and then for other processes on the
// same folder. The operating system drops the lock of a process that dies.
// Errors: ErrBusy when ctx ends first.
func (d *desk) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
	defer func() {
		if err != nil {
			<-d.turn
		}
	}()
	f, err := os.OpenFile(d.path("sent", ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("post: %w", err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := tryLock(f)
		if err == nil {
			return func() { f.Close(); <-d.turn }, nil
		}
		if !errors.Is(err, ErrBusy) {
			f.Close()
			return nil, fmt.Errorf("post: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
		}
	}
}
