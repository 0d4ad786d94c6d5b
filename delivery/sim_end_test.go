package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// finish lets nothing fail any more and brings every delivery to its end: what
// waits is done, what is due is removed, and nothing is left of it.
func (w *world) finish(ctx context.Context) error {
	for _, c := range []*chance{&w.outside.chance, &w.partner.chance, &w.sealing.chance} {
		c.mu.Lock()
		c.calm = true
		c.mu.Unlock()
	}
	for _, d := range w.living() { // a clock that was set back is right again
		if d.at.After(w.clock.now()) {
			w.clock.set(d.at)
		}
	}
	for range 4 { // beyond every window, and twice the day that a letter waits that could not be printed
		if err := w.settle(ctx); err != nil {
			return err
		}
		w.clock.pass(6 * 24 * time.Hour)
	}
	for _, d := range w.living() {
		over := slices.Contains([]string{"handed_over", "consigned", "rejected", "cancelled", "posting", "posted", "delivered_by_post", "returned"}, d.state)
		if !over && (d.state != "expired" || d.message.post) {
			var story string
			if err := w.rig.pool.QueryRow(ctx, `SELECT string_agg(name || ' ' || at, ', ' ORDER BY seq) FROM erds_event WHERE delivery_id = $1`, d.id).Scan(&story); err != nil {
				return err
			}
			return fmt.Errorf("%w: delivery %s is stuck: %s, after %s; the last job that failed: %v", errFault, d.id, d.state, story, w.unwell)
		}
	}
	if err := w.audit(ctx); err != nil {
		return err
	}
	if n := w.count(`SELECT count(*) FROM erds_event e WHERE NOT EXISTS (SELECT FROM evidence v WHERE v.id = e.id AND v.sealed_at IS NOT NULL)`); n != 0 {
		return fmt.Errorf("%w: %d events without sealed evidence", errFault, n)
	}
	if err := w.books(ctx); err != nil {
		return err
	}
	return w.empty(ctx)
}

// settle does every round and every job until there is none.
func (w *world) settle(ctx context.Context) error {
	for range 40 {
		w.step++
		if err := w.run(ctx, fault{}, w.allRounds()); err != nil {
			return err
		}
		list, err := w.openJobs(ctx, slices.Collect(maps.Keys(jobVerbs))...)
		if err != nil || len(list) == 0 {
			return err
		}
		all := action{name: "jobs", do: func(ctx context.Context, p *process) error {
			for _, j := range list {
				if err := w.workOn(ctx, p, j.ID); err != nil { // it is tried again
					w.unwell = fmt.Errorf("%s %d: %w", j.Kind, j.ID, err)
				}
			}
			return nil
		}}
		for _, verb := range jobVerbs {
			all.causes = append(all.causes, cause{verb: verb})
		}
		if err := w.run(ctx, fault{}, all); err != nil {
			return err
		}
		w.clock.pass(20 * time.Minute)
	}
	return nil
}

// allRounds are the rounds of a worker, one after the other.
func (w *world) allRounds() action {
	list := []action{w.sweep(command{}), w.rounds(command{a: 0}), w.rounds(command{a: 1}), w.rounds(command{a: 2}), w.rounds(command{a: 3}), w.rounds(command{a: 4})}
	return action{name: "rounds", causes: []cause{{verb: "report"}}, must: list[0].must, do: func(ctx context.Context, p *process) error {
		var errs []error
		for _, a := range list {
			errs = append(errs, a.do(ctx, p))
		}
		return errors.Join(append(errs, p.ReadPost(ctx))...)
	}}
}

// books holds the credit against what the deliveries must have cost.
func (w *world) books(ctx context.Context) error {
	if _, err := w.processes[0].SettleLeft(ctx, 1000); err != nil {
		return err
	}
	var cost int64
	for _, d := range w.deliveries {
		cost += d.costs()
	}
	c, err := w.processes[0].Credit(ctx, w.account, false)
	if err != nil {
		return err
	}
	if c.Available+c.Reserved != w.given-cost {
		return fmt.Errorf("%w: %d is left of %d, the deliveries cost %d", errFault, c.Available+c.Reserved, w.given, cost)
	}
	return nil
}

// empty removes everything and finds nothing.
func (w *world) empty(ctx context.Context) error {
	by := identity.Actor{Kind: identity.ActorSystem, Subject: "operator"}
	for _, m := range w.kept() {
		if m.held {
			lift := action{name: "lift", do: func(ctx context.Context, p *process) error { return p.Lift(ctx, delivery.ID(m.id), by) }, must: noError}
			if err := w.run(ctx, fault{}, lift); err != nil {
				return err
			}
		}
	}
	w.clock.pass(200 * 24 * time.Hour)
	for range 3 {
		if err := w.run(ctx, fault{}, action{name: "retain", causes: []cause{{verb: "retain"}},
			do: func(ctx context.Context, p *process) error { _, err := p.Retain(ctx, 1000); return err }, must: noError}); err != nil {
			return err
		}
	}
	if _, err := w.processes[0].SweepOrphans(ctx); err != nil {
		return err
	}
	left := w.count(`SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM erds_event) + (SELECT count(*) FROM evidence) + (SELECT count(*) FROM notice)
		+ (SELECT count(*) FROM document) + (SELECT count(*) FROM letter) + (SELECT count(*) FROM code_challenge)`)
	if left != 0 || len(w.objectFiles()) != 0 {
		return fmt.Errorf("%w: %d rows and %d objects are left after retention", errFault, left, len(w.objectFiles()))
	}
	if n := w.count(`SELECT count(*) FROM erasure`); n != len(w.messages) {
		return fmt.Errorf("%w: %d erasures of %d messages", errFault, n, len(w.messages))
	}
	return nil
}
