//go:build ignore

// Command count reads the events of "go test -json" and says, for people, what
// failed and why, what was skipped and why, what took long, and in the end how
// many passed and failed. A package that does not build, or fails outside a test, counts as one
// failure. Lines that are no events are passed on.
//
// The closing line goes to standard output, or to the file that COUNT_RESULT
// names. Exit status 1 when something failed or nothing ran.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// event is one line; see "go doc test2json".
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build events
	Test        string
	Elapsed     float64 // seconds
	Output      string
	FailedBuild string
}

// slow is how long a test may take before it is named, in seconds.
const slow = 20

func main() {
	passed, failed := 0, 0
	said := map[string]*strings.Builder{} // output by package and test
	inTests := map[string]int{}           // failed tests by package
	key := func(e event) string { return e.Package + "\x00" + e.Test }
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadString('\n')
		if line == "" && err != nil {
			break
		}
		var e event
		if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
			fmt.Print(line)
			continue
		}
		switch e.Action {
		case "output":
			b := said[key(e)]
			if b == nil {
				b = new(strings.Builder)
				said[key(e)] = b
			}
			b.WriteString(e.Output)
			continue
		case "build-output":
			fmt.Print(e.Output)
			continue
		}
		text := ""
		if b := said[key(e)]; b != nil {
			text = b.String()
		}
		if e.Elapsed >= slow && e.Test != "" && e.Action != "skip" {
			fmt.Printf("slow %s %s %.0fs\n", e.Package, e.Test, e.Elapsed)
		}
		switch {
		case e.Action == "pass" && e.Test != "":
			passed++
		case e.Action == "fail" && e.Test != "":
			failed++
			inTests[e.Package]++
			fmt.Printf("FAIL %s %s\n%s", e.Package, e.Test, text)
		case e.Action == "skip" && e.Test != "":
			fmt.Printf("skip %s %s: %s\n", e.Package, e.Test, reason(text))
		case e.Action == "fail":
			if inTests[e.Package] == 0 {
				failed++
				fmt.Printf("FAIL %s\n%s", e.Package, text)
			}
		case e.Action == "pass":
			fmt.Printf("ok   %s %.1fs\n", e.Package, e.Elapsed)
		}
		if e.Action == "pass" || e.Action == "fail" || e.Action == "skip" {
			delete(said, key(e))
		}
	}
	closing := fmt.Sprintf("%d passed, %d failed\n", passed, failed)
	if path := os.Getenv("COUNT_RESULT"); path != "" {
		if err := os.WriteFile(path, []byte(closing), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "count:", err)
			os.Exit(1)
		}
	} else {
		fmt.Print(closing)
	}
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}

// reason finds the words of a skipped test among what it printed.
func reason(text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			return line
		}
	}
	return "no reason given"
}
