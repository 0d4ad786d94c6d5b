package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// describeCmd writes the reference of all settings, docs/configuration.md.
type describeCmd struct{}

// Run writes to standard output.
func (describeCmd) Run(k *kong.Context) error { return writeReference(os.Stdout, k.Model) }

// settingGroups are the parts of the reference: what a flag's name begins with,
// and what the settings are for. The first that fits takes a flag.
var settingGroups = []struct{ prefix, title string }{
	{"config", "Service"},
	{"log-", "Log"},
	{"mails-", "Mail programs that submit"},
	{"content-", "Content"},
	{"smtp-", "Mail"},
	{"sms-", "SMS"},
	{"sms2-", "SMS, second provider"},
	{"seal-", "Evidence"},
	{"issuer-", "Issuer of evidence"},
	{"bounce-", "Reports about mails"},
	{"post-", "Paper"},
	{"credits-", "Credit and invoices"},
	{"about-", "What public pages say"},
	{"trace-", "Traces"},
	{"clients-", "Programs with certificates"},
	{"login-", "itsme"},
	{"eid-", "Belgian identity cards"},
	{"wallet-", "EUDI wallets"},
	{"statement-", "Signed statements"},
	{"fas-", "FAS"},
	{"luxtrust-", "LuxTrust"},
	{"", "Service"},
}

// writeReference writes every setting of serve, from the same definitions that
// the program reads its settings by.
func writeReference(w io.Writer, model *kong.Application) error {
	tables := map[string][]string{}
	for _, f := range serveFlags(model) {
		for _, g := range settingGroups {
			if strings.HasPrefix(f.Name, g.prefix) {
				tables[g.title] = append(tables[g.title], settingRow(f))
				break
			}
		}
	}
	var b strings.Builder
	b.WriteString(`# Configuration

Made by ` + "`bode config describe`" + ` from the program itself; ` + "`make generate`" + ` writes it again. How settings are given, and how
the groups hang together, is in [operations](operations.md). A flag wins over its variable, which wins over the file.
`)
	done := map[string]bool{}
	for _, g := range append(settingGroups[len(settingGroups)-1:], settingGroups...) {
		if done[g.title] || len(tables[g.title]) == 0 {
			continue
		}
		done[g.title] = true
		fmt.Fprintf(&b, "\n## %s\n\n| Setting | Variable | Default | Meaning |\n| --- | --- | --- | --- |\n%s", g.title, strings.Join(tables[g.title], ""))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// serveFlags are the flags of serve, those of every command included.
func serveFlags(model *kong.Application) (flags []*kong.Flag) {
	for _, leaf := range model.Leaves(false) {
		if leaf.Name != "serve" || leaf.Parent != model.Node {
			continue
		}
		for _, group := range leaf.AllFlags(false) {
			for _, f := range group {
				if f.Name != "help" {
					flags = append(flags, f)
				}
			}
		}
	}
	return flags
}

func settingRow(f *kong.Flag) string {
	meaning := f.Help
	if f.Enum != "" {
		meaning += " One of: " + strings.ReplaceAll(f.Enum, ",", ", ") + "."
	}
	if f.IsSlice() {
		meaning += " Several, by commas or as a list."
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", f.Name, code(strings.Join(f.Envs, ", ")), code(f.Default), strings.ReplaceAll(meaning, "|", `\|`))
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
