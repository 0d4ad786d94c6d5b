package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// Commands of the service itself, of its operators and of time.

// pass lets time go on, or back.
func (w *world) pass(c command) action {
	by := time.Duration(c.b%1800) * time.Second
	switch n := c.a % 20; {
	case n < 5: // minutes
		by /= 6
	case n < 8:
	case n < 12:
		by = time.Duration(c.b%20) * time.Hour
	case n < 14:
		by = time.Duration(c.b%4+1) * 24 * time.Hour
	case n < 16: // to the end of a window, and the moment before it
		if d := pick(w.living(), c.b); d != nil && d.window.After(w.clock.now()) {
			by = d.window.Sub(w.clock.now()) - time.Duration(n%2)*time.Microsecond
		}
	case n == 16: // to the end of a retention, and the moment before it
		if m := pick(w.kept(), c.b); m != nil && m.until().After(w.clock.now()) {
			by = m.until().Sub(w.clock.now()) - time.Duration(c.b/7%2)*time.Microsecond
		}
	case n < 19:
		by = -time.Duration(c.b%2000) * time.Millisecond
	default:
		by = -time.Duration(c.b%7200) * time.Second
	}
	return action{name: fmt.Sprintf("clock %s", by), do: func(context.Context, *process) error { return nil },
		must: func(error) error { w.clock.pass(by); return nil }}
}

// until is when a message is due for removal.
func (m *simMessage) until() (last time.Time) {
	for _, d := range m.deliveries {
		last = laterOf(last, d.settledAt().UTC())
	}
	return last.AddDate(0, m.months, 0)
}

// sweep does what is due.
func (w *world) sweep(command) action {
	var due []*simDelivery
	for _, d := range w.living() {
		if (d.state == "notified" || d.state == "submitted") && !d.window.IsZero() && !w.clock.now().Before(d.window) && !w.behind(d) {
			due = append(due, d)
		}
	}
	return action{
		name: "sweep",
		do: func(ctx context.Context, p *process) error {
			_, err := p.Sweep(ctx, 1000)
			return err
		},
		must: func(err error) error {
			for _, d := range due {
				if err == nil && d.state != "expired" {
					err = fmt.Errorf("%w: the window of %s is over, and it is %s", errFault, d.id, d.state)
				}
			}
			return err
		},
	}
}

// retain removes what is due.
func (w *world) retain(command) action {
	now := w.clock.now()
	var due []*simMessage
	for _, m := range w.messages {
		if !m.gone && !m.held && !now.Before(m.until()) {
			due = append(due, m)
		}
	}
	return action{
		name: "retain", causes: []cause{{verb: "retain"}},
		do: func(ctx context.Context, p *process) error {
			_, err := p.Retain(ctx, 1000)
			return err
		},
		must: func(err error) error {
			for _, m := range due {
				if err == nil && !m.gone {
					err = fmt.Errorf("%w: message %s is due since %s and still there", errFault, m.id, m.until())
				}
			}
			return err
		},
	}
}

// hold keeps a message, or lets go of it.
func (w *world) hold(c command) action {
	m := pick(w.kept(), c.a)
	if m == nil {
		return w.pass(c)
	}
	was := m.held
	by := identity.Actor{Kind: identity.ActorSystem, Subject: "operator"}
	return action{
		name: "hold", causes: []cause{{verb: "hold", message: m}},
		do: func(ctx context.Context, p *process) error {
			if was {
				return p.Lift(ctx, delivery.ID(m.id), by)
			}
			return p.Hold(ctx, delivery.ID(m.id), by, "geding 1")
		},
		must: func(err error) error {
			if errors.Is(err, delivery.ErrPurged) {
				return nil // half removed
			}
			if err == nil && m.held == was {
				return fmt.Errorf("%w: held %t after it was changed", errFault, m.held)
			}
			return err
		},
	}
}

// letters are what the partner says of one of its letters, and reading that.
func (w *world) reports(c command) action {
	var ids []string
	for _, d := range w.living() {
		if w.partner.has(d.id) {
			ids = append(ids, d.id)
		}
	}
	if len(ids) > 0 {
		status := delivery.PostStatuses[int(c.b)%len(delivery.PostStatuses)]
		for range 1 + c.b/64%2 {
			w.partner.say(ids[int(c.a)%len(ids)], status, w.clock.now())
		}
	}
	return action{
		name: "report", causes: []cause{{verb: "report"}},
		do: func(ctx context.Context, p *process) error { return p.ReadPost(ctx) },
	}
}

// rounds are what a worker does every now and then.
func (w *world) rounds(c command) action {
	return action{
		name: "round",
		do: func(ctx context.Context, p *process) error {
			switch c.a % 5 {
			case 0:
				// The queue refuses the same job for an hour of the wall clock, which is
				// over in a world whose days take seconds.
				if _, err := w.rig.pool.Exec(ctx, `UPDATE river_job SET unique_key = NULL WHERE finalized_at IS NOT NULL AND unique_key IS NOT NULL`); err != nil {
					return err
				}
				_, err := p.Requeue(ctx, 100)
				return err
			case 1:
				_, err := p.ledger.Requeue(ctx)
				return err
			case 2:
				_, err := p.SettleLeft(ctx, 100)
				return err
			case 3:
				return pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
					_, err := p.told.Requeue(ctx, tx, w.clock.now().Add(-time.Hour), 100)
					return err
				})
			}
			_, err := p.ledger.Batch(ctx)
			return err
		},
	}
}
