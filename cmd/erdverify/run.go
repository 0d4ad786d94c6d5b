package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/asic"
	"github.com/bode-erds/bode/evidence/ers"
	"github.com/bode-erds/bode/evidence/pades"
	"github.com/bode-erds/bode/evidence/tlog"
	"github.com/bode-erds/bode/evidence/xades"
)

// Exit statuses.
const (
	exitOK    = 0 // every file is in order
	exitFail  = 1 // a file is not, or cannot be read
	exitUsage = 2 // nothing was checked
)

type options struct {
	Trust string   `help:"Folder with ca.pem (who issues seals) and tsa.pem (who issues time-stamps)." required:"" type:"path" placeholder:"DIR"`
	Lang  string   `help:"Language of the verdict: nl, fr, de or en." enum:"nl,fr,de,en" default:"en"`
	JSON  bool     `help:"Print the reports as JSON."`
	Files []string `arg:"" name:"file" help:"Evidence to verify: .xml, .pdf or .asice."`
}

// result is the report on one file.
type result struct {
	File    string          `json:"file"`
	OK      bool            `json:"ok"`
	Verdict string          `json:"verdict"`
	Report  evidence.Report `json:"report"`
}

// run is the whole program; it returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	var o options
	help := false
	parser, err := kong.New(&o, kong.Name("erdverify"), kong.Writers(stdout, stderr), kong.Exit(func(int) { help = true }),
		kong.Description("Verifies the evidence of electronic registered deliveries, offline. "+
			"Exit status: 0 when every file is in order, 1 when one is not, 2 when nothing could be checked."))
	if err != nil {
		fmt.Fprintln(stderr, "erdverify:", err)
		return exitUsage
	}
	_, err = parser.Parse(args)
	if help {
		return exitOK
	}
	if err != nil {
		fmt.Fprintln(stderr, "erdverify:", err)
		return exitUsage
	}
	trust, err := evidence.ReadTrust(o.Trust)
	if err != nil {
		fmt.Fprintln(stderr, "erdverify:", err)
		return exitUsage
	}
	status := exitOK
	var results []result
	for _, path := range o.Files {
		r := verify(path, o.Lang, trust)
		if !r.OK {
			status = exitFail
		}
		results = append(results, r)
	}
	if err := show(stdout, o, results); err != nil {
		fmt.Fprintln(stderr, "erdverify:", err)
		return exitFail
	}
	return status
}

// verify reports on one file; one that cannot be read is not in order.
func verify(path, lang string, trust evidence.Trust) result {
	r := result{File: filepath.Base(path)}
	doc, err := read(path)
	if err != nil {
		r.Report.Add(evidence.CheckFormat, err)
	} else {
		r.Report = verifier().Check(doc, trust)
	}
	r.OK, r.Verdict = r.Report.OK(), r.Report.Verdict(lang)
	return r
}

// verifier knows every form of evidence.
func verifier() evidence.Verifier {
	xml := xades.Checker{Record: ers.Checker{}, Proof: tlog.Checker{}}
	pdf := pades.Checker{XML: xml}
	return evidence.Verifier{XML: xml, PDF: pdf, Dossier: asic.Checker{XML: xml, PDF: pdf, Record: ers.Checker{}}}
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
