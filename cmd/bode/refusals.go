package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify"
)

// refusals lets recipients refuse electronic delivery: nothing is announced to
// their addresses any more, until somebody takes that away with "bode suppress".
type refusals struct{ list *notify.Suppressions }

var _ delivery.Refusals = refusals{}

// Refuse implements delivery.Refusals.
func (r refusals) Refuse(ctx context.Context, tx pgx.Tx, ch notify.Channel, address string, at time.Time) error {
	return r.list.Add(ctx, tx, notify.Suppression{Channel: ch, Reason: notify.Asked, Since: at}, address)
}
