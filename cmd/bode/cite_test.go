package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// repository is the root of the tree, seen from this package.
const repository = "../.."

// conformance is the table of clauses, code and tests.
const conformance = "docs/conformance.md"

// A citation is a document and, mostly, places in it, as in
// "RFC 3161 §2.4, §3.4" or "eIDAS art. 43(2) and 44".
var (
	citedDocument = regexp.MustCompile(`\b(?:(?:EN|TS) \d{3} \d{3}(?:-\d+)*|CIR \(EU\) \d{4}/\d+|RFC \d{4}(?:bis)?|eIDAS|GDPR|NIST SP 800-\d+[A-Zr\d]*|ISO(?:/IEC)? \d+(?:-\d+)?)`)
	citedPlace    = regexp.MustCompile(`^(?:§(?:[A-Z]\.)?\d+(?:\.\d+)*(?: [A-Z]\d{2}(?:-[A-Z]\d{2})?| [A-Z]\.\d)?|REQ-[A-Z]+-\d+(?:\.\d+)*(?:-\d+[A-Z]?)?|Table \d+|art\. \d+[a-z]?(?:,?\(\w+\))*|annex(?: [IVX]+)?\b)`)
	// What may follow a place, and what a further one leaves out.
	citedNext   = regexp.MustCompile(`^(?:,? and |, |,| \(?)`)
	citedSuffix = regexp.MustCompile(`^(?:[A-Z]\.\d|[A-Z]\d{2}(?:-[A-Z]\d{2})?|\d+[a-z]?(?:\(\w+\))+|\d+[a-z]?\b)`)
	commentLine = regexp.MustCompile(`\s*\n[ \t]*(?://)?[ \t]*`)
)

// citations lists what a text cites: each document, and each place in it.
func citations(text string) []string {
	text = commentLine.ReplaceAllString(text, " ")
	var found []string
	for _, at := range citedDocument.FindAllStringIndex(text, -1) {
		doc, rest := text[at[0]:at[1]], text[at[1]:]
		if doc == "eIDAS" && !strings.HasPrefix(rest, " art. ") {
			continue // the regulation as a subject, not as a source
		}
		found = append(found, doc)
		last := ""
		for gap := " "; strings.HasPrefix(rest, gap) && gap != ""; gap = citedNext.FindString(rest) {
			next := rest[len(gap):]
			place := citedPlace.FindString(next)
			step := len(place)
			if place == "" && last != "" {
				suffix := citedSuffix.FindString(next)
				place, step = continued(last, suffix), len(suffix)
			}
			if place == "" {
				break
			}
			found, last, rest = append(found, doc+" "+place), place, next[step:]
		}
	}
	return found
}

// continued completes the short form of a further place: the "C.2" of
// "§6.2.4 C.1, C.2", the "44" of "art. 43 and 44".
func continued(last, suffix string) string {
	switch {
	case suffix == "":
		return ""
	case strings.HasPrefix(last, "art. ") && suffix[0] <= '9':
		return "art. " + suffix
	case strings.HasPrefix(last, "§") && suffix[0] >= 'A':
		section, _, _ := strings.Cut(last, " ")
		return section + " " + suffix
	}
	return ""
}

// goFiles lists the Go files of the tree, but not this one, which cites by way
// of example.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != repository && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go") && d.Name() != "cite_test.go":
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestCitations holds code and docs/conformance.md together: what a Go file
// cites is there, and a clause of its second table is cited by some Go file.
func TestCitations(t *testing.T) {
	t.Parallel()
	text := read(t, filepath.Join(repository, conformance))
	listed := citations(text)
	var cited []string
	for _, path := range goFiles(t) {
		for _, c := range citations(read(t, path)) {
			cited = append(cited, c)
			if !slices.Contains(listed, c) {
				t.Errorf("%s cites %s, %s does not", strings.TrimPrefix(path, repository+"/"), c, conformance)
			}
		}
	}
	if len(cited) < 100 {
		t.Errorf("only %d citations found: is this the whole module?", len(cited))
	}
	for _, row := range rows(text, "## Clauses") {
		for _, c := range citations(row[0]) {
			if !slices.Contains(cited, c) {
				t.Errorf("%s lists %s, no Go file cites it", conformance, c)
			}
		}
	}
}

// rows gives the cells of the tables below a heading, up to the next heading of
// the same rank.
func rows(text, heading string) (found [][]string) {
	_, text, _ = strings.Cut(text, "\n"+heading+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| ---") {
			continue
		}
		var cells []string
		for _, c := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(c))
		}
		found = append(found, cells)
	}
	return found
}

func TestCitationShapes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"// EN 319 522-1 §6.2.4 C.1, C.2":             {"EN 319 522-1", "EN 319 522-1 §6.2.4 C.1", "EN 319 522-1 §6.2.4 C.2"},
		"EN 319 522-1 §6.2.7 F.1 and F.2; next":       {"EN 319 522-1", "EN 319 522-1 §6.2.7 F.1", "EN 319 522-1 §6.2.7 F.2"},
		"RFC 3161 §2.4, §3.4; EN 319 421, EN 319 422": {"RFC 3161", "RFC 3161 §2.4", "RFC 3161 §3.4", "EN 319 421", "EN 319 422"},
		"eIDAS art. 43(2)\n\t// and 44.":              {"eIDAS", "eIDAS art. 43(2)", "eIDAS art. 44"},
		"EN 319 522-2 §8.2 R01,\n// R02). It":         {"EN 319 522-2", "EN 319 522-2 §8.2 R01", "EN 319 522-2 §8.2 R02"},
		"EN 319 521 REQ-QERDS-5.2.1.1-01;":            {"EN 319 521", "EN 319 521 REQ-QERDS-5.2.1.1-01"},
		"EN 319 521\n// REQ-ERDS-5.1.1-01 (both)":     {"EN 319 521", "EN 319 521 REQ-ERDS-5.1.1-01"},
		"RFC 6265bis §4.1.3.2: only":                  {"RFC 6265bis", "RFC 6265bis §4.1.3.2"},
		"CIR (EU) 2025/1944 annex I (REQ-QERDS-5.2.1": {"CIR (EU) 2025/1944", "CIR (EU) 2025/1944 annex I", "CIR (EU) 2025/1944 REQ-QERDS-5.2.1"},
		"GDPR art. 17 and 32, NIST SP 800-88r1 §2.6":  {"GDPR", "GDPR art. 17", "GDPR art. 32", "NIST SP 800-88r1", "NIST SP 800-88r1 §2.6"},
		"RFC 3339 with microseconds, 44 of them":      {"RFC 3339"},
		"RFC 5652 §5.1, 3 of them and Appendix C.1":   {"RFC 5652", "RFC 5652 §5.1"},
		"an eIDAS level":                              nil,
		"the RFC, and EN 319":                         nil,
	} {
		if got := citations(text); !slices.Equal(got, want) {
			t.Errorf("%q: %s", text, fmt.Sprintf("got %q, want %q", got, want))
		}
	}
}
