package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"text/tabwriter"
	"time"

	"github.com/bode-erds/bode/identity"
)

// operatorCmd says who decides on applications of companies. There is no page for
// it: whoever could make operators could be all of four eyes.
type operatorCmd struct {
	Add    addOperatorCmd    `cmd:"" help:"Let a person decide on applications and suspend accounts."`
	Remove removeOperatorCmd `cmd:"" help:"End that, from the person's next request on."`
	List   operatorsCmd      `cmd:"" help:"List the operators."`
}

type addOperatorCmd struct {
	desk
	Person string `arg:"" help:"Id of the person, who has to have proven an identity."`
	By     string `help:"Who decided." required:""`
}

// Run makes a person an operator.
func (c addOperatorCmd) Run(ctx context.Context, log *slog.Logger) error {
	by, err := operator(c.By)
	if err != nil {
		return err
	}
	return c.at(ctx, log, func(o office) error {
		err := o.identity.AddOperator(ctx, identity.System, c.Person, by.Subject)
		switch {
		case errors.Is(err, identity.ErrUnidentified):
			return fmt.Errorf("person %s has not proven an identity at \"substantial\" or above: %w", c.Person, err)
		case errors.Is(err, identity.ErrOwnCase):
			return fmt.Errorf("that human is an operator already, maybe under another login: %w", err)
		case err != nil:
			return fmt.Errorf("person %s: %w", c.Person, asUsage(err))
		}
		log.InfoContext(ctx, "operator added", "person", c.Person, "by", by.Subject)
		fmt.Fprintf(os.Stdout, "operator  %s\n", c.Person)
		return nil
	})
}

type removeOperatorCmd struct {
	desk
	Person string `arg:"" help:"Id of the person."`
	By     string `help:"Who decided." required:""`
}

// Run ends it.
func (c removeOperatorCmd) Run(ctx context.Context, log *slog.Logger) error {
	by, err := operator(c.By)
	if err != nil {
		return err
	}
	return c.at(ctx, log, func(o office) error {
		if err := o.identity.RemoveOperator(ctx, identity.System, c.Person, by.Subject); err != nil {
			return fmt.Errorf("person %s: %w", c.Person, err)
		}
		log.InfoContext(ctx, "operator removed", "person", c.Person, "by", by.Subject)
		fmt.Fprintf(os.Stdout, "removed  %s\n", c.Person)
		return nil
	})
}

type operatorsCmd struct {
	desk
}

// Run lists them.
func (c operatorsCmd) Run(ctx context.Context, log *slog.Logger) error {
	return c.at(ctx, log, func(o office) error {
		list, err := o.identity.Operators(ctx, identity.System)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "PERSON\tLOGIN\tNAME\tSINCE\tBY")
		for _, p := range list {
			fmt.Fprintf(w, "%s\t%s\t%s %s\t%s\t%s\n", p.Person, p.Login, p.Given, p.Family, p.Since.UTC().Format(time.DateOnly), p.GrantedBy)
		}
		return w.Flush()
	})
}

// signatures is the one of the means that can look at an approval form, or nil:
// two operators look at each then.
func signatures(means []identity.Means) identity.Signatures {
	for _, m := range means {
		if s, ok := m.(identity.Signatures); ok {
			return s
		}
	}
	return nil
}
