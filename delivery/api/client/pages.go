package client

import (
	"context"
	"iter"
)

// Pages walks a list to its end. fetch gets the cursor of a page, "" for the
// first, and returns its entries and the cursor of the next, "" after the last:
//
//	for m, err := range client.Pages(func(cursor *string) ([]client.Message, *string, error) {
//		page, err := c.ListMessages(ctx, client.ListMessagesParams{Cursor: cursor})
//		return page.Data, page.Next, err
//	}) {
//
// An error is the last thing that comes.
func Pages[T any](fetch func(cursor *string) (data []T, next *string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := (*string)(nil); ; {
			data, next, err := fetch(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, d := range data {
				if !yield(d, nil) {
					return
				}
			}
			if next == nil || *next == "" {
				return
			}
			cursor = next
		}
	}
}

// Messages walks all messages, newest first.
func (c *Client) Messages(ctx context.Context, params ListMessagesParams) iter.Seq2[Message, error] {
	return Pages(func(cursor *string) ([]Message, *string, error) {
		params.Cursor = cursor
		page, err := c.ListMessages(ctx, params)
		return page.Data, page.Next, err
	})
}

// Deliveries walks the deliveries of a message, in the order of its recipients.
func (c *Client) Deliveries(ctx context.Context, message string) iter.Seq2[Delivery, error] {
	return Pages(func(cursor *string) ([]Delivery, *string, error) {
		page, err := c.ListDeliveries(ctx, message, ListDeliveriesParams{Cursor: cursor})
		return page.Data, page.Next, err
	})
}

// Feed walks the events after a cursor until there are no more at present. With
// each event comes the cursor to keep once the event has been dealt with: the
// next Feed goes on there. An error is the last thing that comes.
func (c *Client) Feed(ctx context.Context, after string, yield func(Event) error) (string, error) {
	for {
		params := ListEventsParams{}
		if after != "" {
			params.After = &after
		}
		page, err := c.ListEvents(ctx, params)
		if err != nil {
			return after, err
		}
		for _, e := range page.Data {
			if err := yield(e); err != nil {
				return after, err
			}
		}
		if len(page.Data) == 0 {
			return page.After, nil
		}
		after = page.After
	}
}
