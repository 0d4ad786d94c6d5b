package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// holdCmd keeps messages while legal proceedings run (R27).
type holdCmd struct {
	Place placeCmd `cmd:"" help:"Keep a message beyond its retention, until the hold is lifted."`
	Lift  liftCmd  `cmd:"" help:"End the hold of a message; its retention goes on as it was."`
	List  listCmd  `cmd:"" help:"List every hold that is open."`
}

type placeCmd struct {
	desk
	Message string `arg:"" name:"number" help:"Number or id of the message."`
	Reason  string `help:"Why, for the file: a case number rather than names." required:""`
	By      string `help:"Who decided." required:""`
}

// Run places a hold.
func (c placeCmd) Run(ctx context.Context, log *slog.Logger) error {
	by, err := operator(c.By)
	if err != nil {
		return err
	}
	if strings.TrimSpace(c.Reason) == "" {
		return fmt.Errorf("%w: --reason is empty", errUsage)
	}
	return c.at(ctx, log, func(o office) error {
		m, err := o.deliveries.Named(ctx, c.Message)
		if err != nil {
			return fmt.Errorf("message %s: %w", c.Message, err)
		}
		if err := o.deliveries.Hold(ctx, m.ID, by, c.Reason); err != nil {
			return fmt.Errorf("message %s: %w", m.Number, err)
		}
		log.InfoContext(ctx, "hold placed", "message", m.ID, "number", m.Number, "by", by.Subject)
		fmt.Fprintf(os.Stdout, "held  %s  %s\n", m.Number, m.ID)
		return nil
	})
}

type liftCmd struct {
	desk
	Message string `arg:"" name:"number" help:"Number or id of the message."`
	By      string `help:"Who decided." required:""`
}

// Run lifts a hold.
func (c liftCmd) Run(ctx context.Context, log *slog.Logger) error {
	by, err := operator(c.By)
	if err != nil {
		return err
	}
	return c.at(ctx, log, func(o office) error {
		m, err := o.deliveries.Named(ctx, c.Message)
		if err != nil {
			return fmt.Errorf("message %s: %w", c.Message, err)
		}
		err = o.deliveries.Lift(ctx, m.ID, by)
		if errors.Is(err, delivery.ErrNotFound) {
			return fmt.Errorf("message %s: %w", m.Number, errNotHeld)
		}
		if err != nil {
			return fmt.Errorf("message %s: %w", m.Number, err)
		}
		log.InfoContext(ctx, "hold lifted", "message", m.ID, "number", m.Number, "by", by.Subject)
		fmt.Fprintf(os.Stdout, "lifted  %s  %s\n", m.Number, m.ID)
		return nil
	})
}

var errNotHeld = errors.New("is under no hold")

type listCmd struct{ desk }

// Run lists what is held. That somebody looked is logged too: reasons are
// nobody's but the operator's business.
func (c listCmd) Run(ctx context.Context, log *slog.Logger) error {
	return c.at(ctx, log, func(o office) error {
		holds, err := o.deliveries.Holds(ctx)
		if err != nil {
			return err
		}
		log.InfoContext(ctx, "holds listed", "holds", len(holds))
		return writeHolds(os.Stdout, holds)
	})
}

func writeHolds(w io.Writer, holds []delivery.LegalHold) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NUMBER\tMESSAGE\tSINCE\tBY\tREASON")
	for _, h := range holds {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", h.Number, h.Message, h.PlacedAt.Format(time.RFC3339), oneLine(h.PlacedBy), oneLine(h.Reason))
	}
	return t.Flush()
}

// oneLine keeps what somebody typed from looking like another row.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// operator is the system as an actor, in the name of a person who answers for
// what a command does.
func operator(name string) (identity.Actor, error) {
	if name = oneLine(name); name == "" {
		return identity.Actor{}, fmt.Errorf("%w: --by is empty", errUsage)
	}
	return identity.Actor{Kind: identity.ActorSystem, Subject: name}, nil
}
