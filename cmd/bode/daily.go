package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// dailyCmd lets an account send another number of deliveries in a day than others.
type dailyCmd struct {
	desk
	Account string `arg:"" help:"Id of the account."`
	Mode    string `help:"test, trial or live." enum:"test,trial,live" required:""`
	PerDay  int    `help:"Deliveries a day (UTC)." required:""`
	Reason  string `help:"Why, for the file." required:""`
	By      string `help:"Who decided." required:""`
}

// Run sets it.
func (c dailyCmd) Run(ctx context.Context, log *slog.Logger) error {
	by, err := operator(c.By)
	if err != nil {
		return err
	}
	return c.at(ctx, log, func(o office) error {
		if _, err := o.identity.Profile(ctx, c.Account); err != nil {
			return fmt.Errorf("account %s: %w", c.Account, err)
		}
		op := identity.Operation{Act: "daily_cap_set", Subject: fmt.Sprintf("%s %d", c.Mode, c.PerDay), Account: c.Account, Reason: c.Reason}
		err := o.identity.Operate(ctx, by, op, func(tx pgx.Tx, _ time.Time) error {
			return o.deliveries.SetDailyCap(ctx, tx, c.Account, identity.Mode(c.Mode), c.PerDay, by.Subject)
		})
		if err != nil {
			return asUsage(err)
		}
		log.InfoContext(ctx, "daily cap set", "account", c.Account, "mode", c.Mode, "per_day", c.PerDay, "by", by.Subject)
		fmt.Fprintf(os.Stdout, "daily  %s  %s  %d\n", c.Account, c.Mode, c.PerDay)
		return nil
	})
}
