// Command bode is the registered delivery service: every role of it in one
// binary.
//
//	bode demo      the whole service on this machine, with nothing configured
//	bode serve     the faces and, unless told otherwise, the workers
//	bode worker    the workers alone
//	bode migrate   bring the database to this version
//	bode fsck      hold everything stored against what it must be
//	bode doctor    say what is missing in the configuration, and why
//	bode account   open an account, make an API key
//	bode operator  say who decides on applications of companies
//	bode hold      keep a message while legal proceedings run
//	bode keyring   carry content to newer keys, and destroy old ones
//	bode suppress  say which addresses are not written to, and mend it
//	bode config    show every setting and where its value comes from
//	bode backup    keep database, log and content in a store on another machine
//	bode restore   make from a store what a database server can be started on
//	bode drill     exercise bad days on a service of its own
//	bode openapi   print the contract of the API
//	bode bom       print what this program was built from
//
// Exit status: 0 success, 1 failure, 2 wrong use, 3 a drill cannot be had here.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	_ "time/tzdata" // terms are counted in Europe/Brussels wherever we run

	"github.com/alecthomas/kong"
)

// cli is every command and flag.
type cli struct {
	Log logConfig `embed:"" prefix:"log-"`

	Demo      demoCmd     `cmd:"" help:"Run the whole service on loopback with stand-ins for the outside."`
	Serve     serveCmd    `cmd:"" help:"Answer on the web, and work, until told to stop."`
	Worker    workerCmd   `cmd:"" help:"Work without answering on the web."`
	Migrate   migrateCmd  `cmd:"" help:"Bring the database to this version."`
	Fsck      fsckCmd     `cmd:"" help:"Hold events, states, seals and content against each other."`
	Doctor    doctorCmd   `cmd:"" help:"Say what is missing in the configuration, and why."`
	Account   accountCmd  `cmd:"" help:"Open accounts and make their keys."`
	Operator  operatorCmd `cmd:"" help:"Say who decides on applications of companies."`
	PublicLog logCmd      `cmd:"" name:"log" help:"Make what the public log needs."`
	Hold      holdCmd     `cmd:"" help:"Keep messages while legal proceedings run."`
	Keyring   keyringCmd  `cmd:"" help:"Look after the keys that wrap the keys of content."`
	Suppress  suppressCmd `cmd:"" help:"Say which addresses are not written to, and why."`
	Config    configCmd   `cmd:"" help:"Show every setting and where its value comes from."`
	OpenAPI   openapiCmd  `cmd:"" name:"openapi" help:"Print the contract of the API (OpenAPI 3.1)."`
	BOM       bomCmd      `cmd:"" name:"bom" help:"Print what this program was built from (CycloneDX)."`
	Backup    backupCmd   `cmd:"" help:"Keep database, log and content in a store on another machine."`
	Restore   restoreCmd  `cmd:"" help:"Make from a store what a database server can be started on."`
	Drill     drillCmd    `cmd:"" help:"Exercise bad days on a service of their own."`
	Bench     benchCmd    `cmd:"" hidden:"" help:"Measure this program as ratios to what the machine can do."`
}

type logConfig struct {
	Level  string `help:"Least level that is logged." enum:"debug,info,warn,error" default:"info" env:"BODE_LOG_LEVEL"`
	Format string `help:"How lines are written." enum:"json,text" default:"json" env:"BODE_LOG_FORMAT"`
}

// logger writes to standard error, so that standard output is a command's answer.
func (c logConfig) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // kong has checked it
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == "text" {
		return slog.New(tracedLog{slog.NewTextHandler(os.Stderr, opts)})
	}
	return slog.New(tracedLog{slog.NewJSONHandler(os.Stderr, opts)})
}

// errUsage marks an error as wrong use: exit status 2.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

// run parses and runs one command and returns its exit status.
func run(ctx context.Context, args []string) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("bode"), kong.Description("Electronic registered delivery."),
		kong.UsageOnError(), kong.ShortUsageOnError())
	if err != nil {
		fmt.Fprintln(os.Stderr, "bode:", err)
		return 1
	}
	k, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bode:", err)
		return 2
	}
	k.BindTo(ctx, (*context.Context)(nil))
	err = k.Run(c.Log.logger())
	if child, ok := errors.AsType[*exec.ExitError](err); ok && errors.Is(err, errInside) {
		return child.ExitCode() // which has said why
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "bode:", err)
		return 2
	case errors.Is(err, errNotHere):
		fmt.Fprintln(os.Stderr, "bode:", err)
		return 3
	default:
		fmt.Fprintln(os.Stderr, "bode:", err)
		return 1
	}
}
