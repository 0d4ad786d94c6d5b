package client

import (
	"context"
	"slices"
	"time"
)

// pause is between two looks at something that takes its time.
const pause = time.Second

// WaitFor looks at a delivery until it is in one of the states, or ctx ends. For
// one delivery; whoever has many reads the feed.
func (c *Client) WaitFor(ctx context.Context, delivery string, states ...State) (Delivery, error) {
	for {
		d, err := c.GetDelivery(ctx, delivery)
		if err != nil || slices.Contains(states, d.State) {
			return d, err
		}
		if err := rest(ctx); err != nil {
			return d, err
		}
	}
}

// WaitSealed waits until every piece of evidence of a delivery is sealed, or ctx
// ends.
func (c *Client) WaitSealed(ctx context.Context, delivery string) ([]Piece, error) {
	for {
		list, err := c.ListEvidence(ctx, delivery)
		if err != nil || !slices.ContainsFunc(list.Data, func(p Piece) bool { return p.Status != "sealed" }) {
			return list.Data, err
		}
		if err := rest(ctx); err != nil {
			return list.Data, err
		}
	}
}

func rest(ctx context.Context) error {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
