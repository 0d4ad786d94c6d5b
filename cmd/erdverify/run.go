//go:build !js

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/bode-erds/bode/evidence"
)

// Exit statuses.
const (
	exitOK    = 0 // every file is in order
	exitFail  = 1 // a file is not, or cannot be read
	exitUsage = 2 // nothing was checked
)

type options struct {
	Trust    string   `help:"Folder with ca.pem (who issues seals) and tsa.pem (who issues time-stamps); log.pub (the keys of the public log) if there is one." required:"" type:"path" placeholder:"DIR"`
	Lang     string   `help:"Language of the verdict: nl, fr, de or en." enum:"nl,fr,de,en" default:"en"`
	JSON     bool     `help:"Print the reports as JSON."`
	NoBeside bool     `help:"Do not look for .ers and .tlog-proof files beside an .xml file."`
	Content  []string `help:"A file, or a folder of files, to compare with what was sent. Repeat it for more. A file that is no part of any evidence fails; one in a folder does not." type:"path" placeholder:"FILE" sep:"none"`
	Files    []string `arg:"" name:"file" help:"Evidence to verify: .xml, .pdf or .asice, with the .ers and .tlog-proof files of the same name; or a folder: the evidence in it, under the names that the service gives."`
}

// run is the whole program; it returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	status, err := attempt(args, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "erdverify:", err)
	}
	return status
}

func attempt(args []string, stdout, stderr io.Writer) (status int, err error) {
	var o options
	help := false
	parser, err := kong.New(&o, kong.Name("erdverify"), kong.Writers(stdout, stderr), kong.Exit(func(int) { help = true }),
		kong.Description("Verifies the evidence of electronic registered deliveries, offline. "+
			"Exit status: 0 when every file is in order, 1 when one is not, 2 when nothing could be checked."))
	if err != nil {
		return exitUsage, err
	}
	_, err = parser.Parse(args)
	if help {
		return exitOK, nil
	}
	if err != nil {
		return exitUsage, err
	}
	trust, err := evidence.ReadTrust(o.Trust)
	if err != nil {
		return exitUsage, err
	}
	wanted, err := gather(o.Files, !o.NoBeside)
	if err != nil {
		return exitUsage, err
	}
	results := make([]result, len(wanted))
	for i, w := range wanted {
		if results[i] = verify(w, o.Lang, trust); !results[i].OK {
			status = exitFail
		}
	}
	if err := match(results, o.Content); err != nil {
		status = exitFail
		fmt.Fprintln(stderr, "erdverify:", err)
	}
	if err := show(stdout, o, results); err != nil {
		return exitFail, err
	}
	return status, nil
}

// verify reports on one file; one that cannot be read is not in order.
func verify(w wanted, lang string, trust evidence.Trust) (r result) {
	doc, err := read(w.doc)
	var b evidence.Beside
	if err == nil {
		b, err = w.beside()
	}
	if err != nil {
		r.Report.Add(evidence.CheckFormat, err)
	} else {
		r = judge(doc, b, trust)
	}
	r.File, r.Verdict = filepath.Base(w.doc), r.Report.Verdict(lang)
	return r
}

// match holds files against what the evidence in order says was sent.
func match(results []result, paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	files, loose, err := digests(paths)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for i, r := range results {
		if !r.OK || r.Report.Document == nil {
			continue
		}
		results[i].Content = compare(r.Report.Document, files)
		for _, p := range r.Report.Document.Event.Parts {
			known[p.SHA256] = true
		}
	}
	for _, f := range loose {
		if !known[f.SHA256] {
			err = errors.Join(err, fmt.Errorf("%s is no part of this evidence", f.File))
		}
	}
	return err
}

func show(w io.Writer, o options, results []result) error {
	if o.JSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(results)
	}
	for i, r := range results {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := write(w, o.Lang, r); err != nil {
			return err
		}
	}
	return nil
}
