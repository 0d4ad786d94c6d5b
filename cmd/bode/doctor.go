package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

type doctorCmd struct{ config }

// Run goes through the configuration and says what is missing, why, and what to do.
// Exit status 1 when the service would not start, or would not do its work.
func (c doctorCmd) Run(ctx context.Context, log *slog.Logger) error {
	r := &findings{w: os.Stdout}
	r.say("settings", c.validate(), "set what is named; docs/configuration.md has every setting")
	out, err := c.outside(ctx, discard())
	r.say("keys, stores and channels open", err, "mend the file or address that is named; permissions are those of the user that runs the service")
	c.sayParts(ctx, r, out)
	c.sayDatabase(ctx, r)
	if out.sealKeys != nil {
		defer out.sealKeys.Close()
		sayKeys(ctx, out, time.Now(), r)
	}
	c.sayAuthorities(ctx, r, out)
	c.sayRelays(ctx, r, out)
	c.sayFiles(r, time.Now())
	r.say("keys that sign mails", c.sayMail(os.Stdout), "make the key anew, see docs/operations.md, Mail relays")
	c.sayNotes(r)
	if r.sick > 0 {
		return fmt.Errorf("%d things are missing", r.sick)
	}
	return nil
}

// findings are what doctor says, a line each, with a remedy under what is wrong.
type findings struct {
	w    io.Writer
	sick int
}

func (r *findings) say(what string, err error, remedy string) {
	if err == nil {
		fmt.Fprintf(r.w, "ok       %s\n", what)
		return
	}
	r.sick++
	for _, line := range strings.Split(err.Error(), "\n") {
		fmt.Fprintf(r.w, "MISSING  %s: %s\n", what, line)
	}
	fmt.Fprintf(r.w, "do       %s\n", remedy)
}

func (r *findings) note(format string, a ...any) {
	fmt.Fprintf(r.w, "note     "+format+"\n", a...)
}

// sayParts asks everything outside that can be asked without doing anything.
func (c config) sayParts(ctx context.Context, r *findings, out outside) {
	parts := map[string]any{"content store answers": out.vault, "print and post partner can be handed letters": out.post}
	for _, m := range out.means {
		parts["identification with "+m.Method()+" answers"] = m
	}
	out.texting.checked(parts)
	for _, what := range slices.Sorted(maps.Keys(parts)) {
		if p, ok := parts[what].(interface{ Check(context.Context) error }); ok {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			r.say(what, p.Check(ctx), "ask who runs it, and look at address and credentials; its runbook is in docs/runbooks")
			cancel()
		}
	}
}

// sayNotes says what is left out on purpose.
func (c config) sayNotes(r *findings) {
	for _, n := range []struct {
		absent bool
		note   string
	}{
		{!c.Issuer.Qualified, "not qualified: every document says so"},
		{c.EID.Anchors == "", "no anchors of identity cards: nobody can identify with one"},
		{c.Wallet.Cert == "", "no access certificate: nobody can identify with a wallet"},
		{c.Statement.Anchors == "", "no issuers of qualified certificates: nobody can identify by a signed statement"},
		{c.Post.Dir == "", "no print and post partner: nothing can go on paper"},
		{c.Clamd == "", "nobody looks for malware in what senders upload"},
		{c.Admin == "", "no address for figures: no alert can fire"},
		{len(c.Seal.TSA) < 2, "one time-stamp authority: evidence waits while it is down"},
		{len(c.Seal.Witnesses) == 0, "no witness of the log: it shows only that we agree with ourselves"},
	} {
		if n.absent {
			r.note("%s", n.note)
		}
	}
	for _, name := range strayTraceSettings() {
		r.note("%s is in the environment: OpenTelemetry may follow it; use --trace-… instead", name)
	}
}

// sayKeys says whether evidence can be sealed, and which certificates end soon.
func sayKeys(ctx context.Context, out outside, now time.Time, r *findings) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r.say("sealing keys can seal", out.sealKeys.Health(ctx, now), "docs/runbooks/seal-certificate.md")
	var soon []error
	for _, e := range out.endings(now) {
		if e.level == slog.LevelError {
			soon = append(soon, errors.New(e.String()))
		} else {
			r.note("%s", e)
		}
	}
	r.say("no certificate in use ends within 30 days", errors.Join(soon...), "docs/runbooks/seal-certificate.md")
}

type configCmd struct {
	Print printCmd `cmd:"" default:"1" help:"Print every setting and where its value comes from."`

	Describe describeCmd `cmd:"" help:"Write the reference of all settings (Markdown)."`
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
