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

	"github.com/bode-erds/bode/notify"
)

// suppressCmd shows and mends what keeps addresses from being written to.
type suppressCmd struct {
	List   suppressedCmd `cmd:"" help:"List why addresses are not written to, or the reasons of one address."`
	Remove unsuppressCmd `cmd:"" help:"Let an address be written to again."`
}

// maxSuppressed bounds one listing.
const maxSuppressed = 1000

type suppressedCmd struct {
	desk
	Address string `arg:"" optional:"" help:"E-mail address, or number as +32…; without it, all that there are. Addresses are kept as digests only."`
}

// Run lists them.
func (c suppressedCmd) Run(ctx context.Context, log *slog.Logger) error {
	return c.at(ctx, log, func(o office) error {
		var list []notify.Suppression
		var err error
		if c.Address == "" {
			list, err = o.suppressions.List(ctx, maxSuppressed)
		} else {
			list, err = o.suppressions.Of(ctx, channelOf(c.Address), c.Address)
		}
		if err != nil {
			return err
		}
		log.InfoContext(ctx, "suppressions listed", "suppressions", len(list))
		return writeSuppressed(os.Stdout, list)
	})
}

func writeSuppressed(w io.Writer, list []notify.Suppression) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CHANNEL\tDIGEST\tREASON\tSINCE\tUNTIL")
	for _, x := range list {
		until := "removed by hand"
		if !x.Until.IsZero() {
			until = x.Until.Format(time.RFC3339)
		}
		fmt.Fprintf(t, "%s\t%.16s\t%s\t%s\t%s\n", x.Channel, x.Address, x.Reason, x.Since.Format(time.RFC3339), until)
	}
	return t.Flush()
}

type unsuppressCmd struct {
	desk
	Address string `arg:"" help:"E-mail address, or number as +32…"`
	By      string `help:"Who decided." required:""`
}

var errNotSuppressed = errors.New("is written to already")

// Run removes every reason.
func (c unsuppressCmd) Run(ctx context.Context, log *slog.Logger) error {
	by, err := operator(c.By)
	if err != nil {
		return err
	}
	return c.at(ctx, log, func(o office) error {
		ch := channelOf(c.Address)
		n, err := o.suppressions.Remove(ctx, ch, c.Address)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%s: %w", c.Address, errNotSuppressed)
		}
		log.InfoContext(ctx, "suppression removed", "channel", string(ch), "reasons", n, "by", by.Subject)
		fmt.Fprintf(os.Stdout, "removed  %s  %s\n", ch, c.Address)
		return nil
	})
}

func channelOf(address string) notify.Channel {
	if strings.Contains(address, "@") {
		return notify.Email
	}
	return notify.SMS
}
