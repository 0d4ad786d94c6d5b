package main

import (
	"context"
	"errors"
)

// sendDrafts submits what was to go at a later time, and reminds those who may
// release of what waits for them.
func (a *app) sendDrafts(ctx context.Context) error {
	for {
		n, err := a.deliveries.SendDue(ctx, 200)
		if err == nil && n == 200 {
			continue
		}
		_, remind := a.deliveries.RemindReleasers(ctx, 200)
		return errors.Join(err, remind)
	}
}
