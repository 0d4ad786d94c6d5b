//go:build !js

// Command erdverify verifies the evidence of electronic registered deliveries
// offline: XML, PDF and dossiers. It needs nothing but the files and the
// certificates its user trusts, and prints a verdict for people. Built for
// WebAssembly it does the same inside a browser.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }
