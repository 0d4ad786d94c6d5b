package main

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/identity"
)

// tellMost is how many accounts one round tells of a sub-processor; the next goes
// on.
const tellMost = 500

// duties looks after the registers: it seeds the list of sub-processors from the
// file, tells senders of those that will begin (R24), and says loudly which clocks
// run out (R20, R22).
func (a *app) duties(ctx context.Context) error {
	seeded, err := a.identity.SeedProcessors(ctx, portal.EntriesOf(a.out.about.Processors))
	if seeded > 0 {
		a.log.InfoContext(ctx, "register of sub-processors filled from the file", "entries", seeded)
	}
	told, terr := a.identity.TellOfProcessors(ctx, tellMost)
	if told > 0 {
		a.log.InfoContext(ctx, "senders told of a sub-processor", "accounts", told)
	}
	return errors.Join(err, terr, a.warnOfClocks(ctx))
}

// warnOfClocks logs what is due in the registers: an error for what is late.
func (a *app) warnOfClocks(ctx context.Context) error {
	due, err := a.identity.DueEntries(ctx, identity.System)
	for _, r := range identity.Registers() {
		switch d := due[r]; {
		case d.Late > 0:
			a.log.ErrorContext(ctx, "a clock of a register ran out", "register", string(r), "late", d.Late, "soon", d.Soon)
		case d.Soon > 0:
			a.log.WarnContext(ctx, "a clock of a register runs out soon", "register", string(r), "soon", d.Soon)
		}
	}
	return err
}

// askRegisters gives how many entries of each register wait, soon run out, or are
// late.
func (q queues) askRegisters(ctx context.Context, to chan<- prometheus.Metric) error {
	due, err := q.identity.DueEntries(ctx, identity.System)
	for r, d := range due {
		for when, n := range map[string]int{"open": d.Open, "soon": d.Soon, "late": d.Late} {
			to <- gauge(q.registers, float64(n), string(r), when)
		}
	}
	return err
}
