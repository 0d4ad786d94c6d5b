package main

import (
	"fmt"
	"os"

	"github.com/bode-erds/bode/evidence/tlog"
)

// logCmd is about the public log.
type logCmd struct {
	Key logKeyCmd `cmd:"" help:"Make the key that signs the public log; prints the key that verifies it."`
}

type logKeyCmd struct {
	File   string `arg:"" help:"Where the key goes; nothing that is there is overwritten." type:"path"`
	Origin string `help:"Name of the log: its public address without the scheme, as bode.example/log. It never changes." required:""`
}

// Run makes the key. What it prints is the first line of log.pub among the anchors.
func (c logKeyCmd) Run() error {
	key, err := tlog.GenerateKey(c.File, c.Origin)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(os.Stdout, key.Public())
	return err
}
