package main

import (
	"context"
	"errors"
)

// sendDrafts submits what was to go at a later time, reminds those who may
// release of what waits for them, and sends the daily mails.
func (a *app) sendDrafts(ctx context.Context) error {
	for {
		n, err := a.deliveries.SendDue(ctx, 200)
		if err == nil && n == 200 {
			continue
		}
		_, remind := a.deliveries.RemindReleasers(ctx, 200)
		_, daily := a.deliveries.TellDaily(ctx, 200)
		return errors.Join(err, remind, daily)
	}
}
