package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

type doctorCmd struct{ config }

// Run goes through the configuration and says what is missing and why. Exit
// status 1 when the service would not start, or would not do its work.
func (c doctorCmd) Run(ctx context.Context, log *slog.Logger) error {
	sick := 0
	say := func(what string, err error) {
		if err == nil {
			fmt.Fprintf(os.Stdout, "ok       %s\n", what)
			return
		}
		sick++
		for _, line := range strings.Split(err.Error(), "\n") {
			fmt.Fprintf(os.Stdout, "MISSING  %s: %s\n", what, line)
		}
	}
	say("settings", c.validate())
	out, err := c.outside(ctx, discard())
	say("keys, stores and channels open", err)
	parts := map[string]any{"content store answers": out.vault, "print and post partner can be handed letters": out.post}
	for _, m := range out.means {
		parts["identification with "+m.Method()+" answers"] = m
	}
	out.texting.checked(parts)
	for what, part := range parts {
		if p, ok := part.(interface{ Check(context.Context) error }); ok {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			say(what, p.Check(ctx))
			cancel()
		}
	}
	if c.Database != "" {
		pool, err := openPool(ctx, c.Database, nil)
		say("database answers", err)
		if err == nil {
			defer pool.Close()
			say("database is at this version", atThisVersion(ctx, pool))
		}
	}
	if out.sealKeys != nil {
		defer out.sealKeys.Close()
		sayKeys(ctx, out, time.Now(), say)
	}
	say("keys that sign mails", c.sayMail(os.Stdout))
	if !c.Issuer.Qualified {
		fmt.Fprintln(os.Stdout, "note     not qualified: every document says so")
	}
	if c.EID.Anchors == "" {
		fmt.Fprintln(os.Stdout, "note     no anchors of identity cards: nobody can identify with one")
	}
	if c.Wallet.Cert == "" {
		fmt.Fprintln(os.Stdout, "note     no access certificate: nobody can identify with a wallet")
	}
	if c.Statement.Anchors == "" {
		fmt.Fprintln(os.Stdout, "note     no issuers of qualified certificates: nobody can identify by a signed statement")
	}
	if c.Post.Dir == "" {
		fmt.Fprintln(os.Stdout, "note     no print and post partner: nothing can go on paper")
	}
	if sick > 0 {
		return fmt.Errorf("%d things are missing", sick)
	}
	return nil
}

// sayKeys says whether evidence can be sealed, and which certificates end soon.
func sayKeys(ctx context.Context, out outside, now time.Time, say func(string, error)) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	say("sealing keys can seal", out.sealKeys.Health(ctx, now))
	var soon []error
	for _, e := range out.endings(now) {
		if e.level == slog.LevelError {
			soon = append(soon, errors.New(e.String()))
		} else {
			fmt.Fprintf(os.Stdout, "note     %s\n", e)
		}
	}
	say("no certificate in use ends within 30 days", errors.Join(soon...))
}

type configCmd struct {
	Print printCmd `cmd:"" default:"1" help:"Print every setting and where its value comes from."`
}

type printCmd struct{ config }

// Run prints settings; secrets are paths and stay unread.
func (c printCmd) Run(k *kong.Context) error {
	if k.Selected() == nil {
		return errors.New("no command")
	}
	set := map[string]string{}
	for _, p := range k.Path {
		switch {
		case p.Flag != nil && p.Resolved:
			set[p.Flag.Name] = "file"
		case p.Flag != nil:
			set[p.Flag.Name] = "flag"
		}
	}
	for _, f := range k.Flags() {
		if f.Name == "help" {
			continue
		}
		from := set[f.Name]
		if from == "" {
			from = "default"
			for _, e := range f.Envs {
				if _, ok := os.LookupEnv(e); ok {
					from = "environment " + e
				}
			}
		}
		value := fmt.Sprint(f.Target.Interface())
		if f.Name == "database" {
			value = hidePassword(value)
		}
		fmt.Fprintf(os.Stdout, "%-24s %-40s %s\n", f.Name, value, from)
	}
	return nil
}

// hidePassword keeps the password of a database address off the screen.
func hidePassword(address string) string {
	head, tail, ok := strings.Cut(address, "@")
	if !ok {
		return address
	}
	if i := strings.LastIndexByte(head, ':'); i > strings.Index(head, "//") {
		head = head[:i] + ":***"
	}
	return head + "@" + tail
}
