package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/bode-erds/bode/identity"
)

type recoverCmd struct {
	desk
	Person string `arg:"" help:"Id of the person."`
	By     string `help:"Who recognised the person." required:""`
	Second string `help:"Who else did." required:""`
}

// Run begins a recovery for somebody who cannot identify, and prints the address
// for that person, once. The person is told, and can stop it for a day.
func (c recoverCmd) Run(ctx context.Context, log *slog.Logger) error {
	by, second, err := twoOperators(c.By, c.Second)
	if err != nil {
		return err
	}
	return c.at(ctx, log, func(o office) error {
		r, err := o.identity.RecoverByOperators(ctx, identity.System, c.Person, by.Subject, second.Subject)
		if err != nil {
			return asUsage(err)
		}
		log.WarnContext(ctx, "recovery begun by operators", "person", c.Person, "by", by.Subject, "second", second.Subject, "ready", r.ReadyAt)
		fmt.Fprintf(os.Stdout, "path  /portal/recovery/go/%s\nfrom  %s\nuntil %s\n", r.Token, r.ReadyAt.Format(time.RFC3339), r.ExpiresAt.Format(time.RFC3339))
		return nil
	})
}

// twoOperators are those who stand in for what one alone may not do.
func twoOperators(by, second string) (one, two identity.Actor, err error) {
	if one, err = operator(by); err != nil {
		return one, two, err
	}
	if two, err = operator(second); err != nil {
		return one, two, err
	}
	if one.Subject == two.Subject {
		return one, two, fmt.Errorf("%w: --second: another operator than --by", errUsage)
	}
	return one, two, nil
}
