package delivery

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// fsckDelegates holds the delegates whom a recipient named against the events
// that say so: each was named and, where withdrawn, withdrawn by an event at that
// instant, and no event names anybody else. Whoever decided for the recipient is
// a delegate.
func fsckDelegates(ctx context.Context, tx pgx.Tx, d Delivery, list []evidence.Event, fault func(string, ...any)) error {
	rows, err := tx.Query(ctx, sqlDelegate+` WHERE delivery_id = $1`, string(d.ID))
	if err != nil {
		return err
	}
	all := map[string]Delegate{}
	for rows.Next() {
		g, _, err := scanDelegate(rows)
		if err != nil {
			return err
		}
		all[g.ID] = g
	}
	if rows.Err() != nil {
		return rows.Err()
	}
	named, withdrawn := map[string]bool{}, map[string]bool{}
	for _, e := range list {
		if e.Name != evidence.DelegateNamed && e.Name != evidence.DelegateWithdrawn || e.ReceivedBy == nil {
			continue
		}
		g, known := all[e.ReceivedBy.Identifier.Value]
		switch {
		case !known:
			fault("event %d is about a delegate who is not there", e.Seq)
		case e.Name == evidence.DelegateNamed:
			named[g.ID] = e.At.Equal(g.NamedAt) && e.ReceivedBy.Given == g.Given && e.ReceivedBy.Family == g.Family
		default:
			withdrawn[g.ID] = e.At.Equal(g.WithdrawnAt)
		}
	}
	for id, g := range all {
		if g.Mandate == "" && (!named[id] || !g.WithdrawnAt.IsZero() != withdrawn[id]) {
			fault("delegate %s is not what the events say", id)
		}
	}
	if by := d.ReceivedBy; by != nil && all[by.Identifier.Value].ID == "" {
		fault("received by a delegate who is not there")
	}
	return nil
}
