package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var asvsNumber = regexp.MustCompile(`^V\d+\.\d+\.\d+$`)

// TestASVS: docs/asvs.md has a row for every requirement of levels 1 and 2, and for
// those of level 3 about cryptography and configuration; each row judges, what is
// met says where and by which test, what is not says why. That files and tests exist
// is TestDocumentsPointSomewhere.
func TestASVS(t *testing.T) {
	t.Parallel()
	levels := map[string]string{}
	for line := range strings.Lines(read(t, "testdata/asvs/requirements.txt")) {
		if number, level, ok := strings.Cut(strings.TrimSpace(line), " "); ok && asvsNumber.MatchString(number) {
			levels[number] = level
		}
	}
	if len(levels) != 345 {
		t.Fatalf("%d requirements", len(levels))
	}
	page := read(t, "../../docs/asvs.md")
	seen, counts := map[string]bool{}, map[string]map[string]int{"2": {}, "3": {}}
	for _, row := range asvsRows(page) {
		for _, fault := range asvsFaults(row, levels) {
			t.Errorf("%s: %s", row[0], fault)
		}
		if seen[row[0]] {
			t.Errorf("%s has two rows", row[0])
		}
		seen[row[0]] = true
		if levels[row[0]] == "3" {
			counts["3"][row[3]]++
		} else {
			counts["2"][row[3]]++
		}
	}
	for number, level := range levels {
		if must := level != "3" || strings.HasPrefix(number, "V11.") || strings.HasPrefix(number, "V13."); must && !seen[number] {
			t.Errorf("no row for %s", number)
		}
	}
	for level, name := range map[string]string{"2": "levels 1 and 2", "3": "level 3, those below"} {
		n := counts[level]
		if want := fmt.Sprintf("| %s | %d | %d | %d | %d |", name, n["met"], n["partly"], n["not"], n["n/a"]); !strings.Contains(page, want) {
			t.Errorf("the summary is not %q", want)
		}
	}
}

// asvsRows are the rows of a page that begin with a requirement's number.
func asvsRows(page string) (rows [][]string) {
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 3 {
			continue
		}
		cells = cells[1 : len(cells)-1]
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if asvsNumber.MatchString(cells[0]) {
			rows = append(rows, cells)
		}
	}
	return rows
}

// asvsFaults says what is wrong with a row of number, level, words, status, where,
// test and remark.
func asvsFaults(row []string, levels map[string]string) (faults []string) {
	if len(row) != 7 {
		return []string{"is not seven cells"}
	}
	if levels[row[0]] == "" || levels[row[0]] != row[1] {
		faults = append(faults, "is of another level, or no requirement")
	}
	status, where, test, remark := row[3], row[4], row[5], row[6]
	switch {
	case !slices.Contains([]string{"met", "partly", "not", "n/a"}, status):
		faults = append(faults, "is "+status)
	case status == "met" && (!strings.Contains(where, "`") || !strings.Contains(test, "Test")):
		faults = append(faults, "is met, but nowhere or untested")
	case status == "partly" && (!strings.Contains(where, "`") || !strings.Contains(test, "Test") || remark == ""):
		faults = append(faults, "is partly met, but does not say where, by which test, or what is missing")
	case (status == "not" || status == "n/a") && remark == "":
		faults = append(faults, "does not say why")
	}
	if row[2] == "" || len(row[2]) > 90 {
		faults = append(faults, "is not in short words")
	}
	return faults
}

func TestASVSFaults(t *testing.T) {
	t.Parallel()
	levels := map[string]string{"V1.1.1": "2"}
	if f := asvsFaults([]string{"V1.1.1", "2", "x", "met", "`a/b.go`", "`a.TestX`", ""}, levels); len(f) > 0 {
		t.Errorf("%q", f)
	}
	for name, row := range map[string][]string{
		"six cells":           {"V1.1.1", "2", "x", "met", "`a`", "`a.TestX`"},
		"another level":       {"V1.1.1", "1", "x", "met", "`a`", "`a.TestX`", ""},
		"no requirement":      {"V1.1.9", "2", "x", "met", "`a`", "`a.TestX`", ""},
		"a status of its own": {"V1.1.1", "2", "x", "mostly", "`a`", "`a.TestX`", ""},
		"met untested":        {"V1.1.1", "2", "x", "met", "`a`", "", "by hand"},
		"met nowhere":         {"V1.1.1", "2", "x", "met", "", "`a.TestX`", ""},
		"partly, why":         {"V1.1.1", "2", "x", "partly", "`a`", "`a.TestX`", ""},
		"not, why":            {"V1.1.1", "2", "x", "not", "", "", ""},
		"not applicable, why": {"V1.1.1", "2", "x", "n/a", "", "", ""},
		"no words":            {"V1.1.1", "2", "", "met", "`a`", "`a.TestX`", ""},
		"the standard's":      {"V1.1.1", "2", strings.Repeat("word ", 30), "met", "`a`", "`a.TestX`", ""},
	} {
		if len(asvsFaults(row, levels)) == 0 {
			t.Errorf("%s: taken", name)
		}
	}
}
