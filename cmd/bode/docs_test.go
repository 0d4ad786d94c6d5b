package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	inlineCode = regexp.MustCompile("`([^`\n]+)`")
	linkTarget = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	treePath   = regexp.MustCompile(`^(?:cmd|delivery|evidence|identity|notify|migrations|docs|\.ci)/[\w./-]+$`)
	treeTest   = regexp.MustCompile(`^([a-z0-9/]+)\.((?:Test|Fuzz|Benchmark)[A-Z]\w*)$`)
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
)

// documents lists what is written for people: the root and everything in docs.
func documents(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repository, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(repository, "docs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// tests lists the tests of the tree as "directory.Name".
func tests(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, path := range goFiles(t) {
		if !strings.HasSuffix(path, "_test.go") {
			continue
		}
		dir, err := filepath.Rel(repository, filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllStringSubmatch(read(t, path), -1) {
			found[filepath.ToSlash(dir)+"."+m[1]] = true
		}
	}
	return found
}

// dangling says what a document, which lies in dir, names that is not there.
func dangling(text, dir string, tests map[string]bool, exists func(path string) bool) (found []string) {
	for _, m := range inlineCode.FindAllStringSubmatch(text, -1) {
		switch name := m[1]; {
		case treeTest.MatchString(name):
			if !tests[name] {
				found = append(found, "test "+name)
			}
		case treePath.MatchString(name):
			if !exists(name) {
				found = append(found, "file "+name)
			}
		}
	}
	for _, m := range linkTarget.FindAllStringSubmatch(text, -1) {
		if !strings.Contains(m[1], ":") && !exists(filepath.Join(dir, m[1])) {
			found = append(found, "link "+m[1])
		}
	}
	return found
}

// TestDocumentsPointSomewhere holds that files, tests and links that a document
// names are there.
func TestDocumentsPointSomewhere(t *testing.T) {
	t.Parallel()
	known := tests(t)
	exists := func(path string) bool {
		_, err := os.Stat(filepath.Join(repository, path))
		return err == nil
	}
	for _, path := range documents(t) {
		name, err := filepath.Rel(repository, path)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range dangling(read(t, path), filepath.Dir(name), known, exists) {
			t.Errorf("%s names %s, which is not there", name, d)
		}
	}
}

func TestDangling(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"evidence/tsp.TestFailOver": true}
	exists := func(path string) bool { return path == "delivery/move.go" || path == "docs/adr/0002.md" }
	for text, want := range map[string]int{
		"`delivery/move.go`, `evidence/tsp.TestFailOver`, [two](adr/0002.md#part)": 0,
		"`delivery/moved.go`":                      1,
		"`tsp.TestFailOver` and `delivery.TestAt`": 2,
		"[gone](adr/0003.md)":                      1,
		"[web](https://example.be/x), `make test`, `Service.move`, `/api/v1`, `a/b`": 0,
	} {
		if got := dangling(text, "docs", known, exists); len(got) != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestEveryRequirementHasItsRow holds that the first table of conformance.md
// says of each requirement how far it is.
func TestEveryRequirementHasItsRow(t *testing.T) {
	t.Parallel()
	states := map[string]string{}
	for _, row := range rows(read(t, filepath.Join(repository, conformance)), "## Requirements") {
		if len(row) != 5 {
			t.Errorf("%s: %d cells in %q", conformance, len(row), row)
			continue
		}
		if states[row[0]] != "" {
			t.Errorf("%s: %s has two rows", conformance, row[0])
		}
		states[row[0]] = row[4]
		if strings.HasPrefix(row[4], "done") && !strings.Contains(row[3], "Test") {
			t.Errorf("%s: %s is done without a test", conformance, row[0])
		}
	}
	for n := 1; n <= 41; n++ {
		state, _, _ := strings.Cut(states[fmt.Sprintf("R%d", n)], ":")
		if !slices.Contains([]string{"done", "partly", "planned"}, state) {
			t.Errorf("%s: R%d is %q; want done, or partly or planned with what is missing", conformance, n, state)
		}
	}
}

// TestReadmeTree holds the picture of the tree in README.md against the tree:
// each folder of the picture is there, and each package is in the picture.
func TestReadmeTree(t *testing.T) {
	t.Parallel()
	shown := treeOf(read(t, filepath.Join(repository, "README.md")))
	if len(shown) < 10 {
		t.Fatalf("only %d folders in the picture", len(shown))
	}
	for dir := range shown {
		if info, err := os.Stat(filepath.Join(repository, dir)); err != nil || !info.IsDir() {
			t.Errorf("README.md shows %s, which is no folder", dir)
		}
	}
	var missing []string
	for _, path := range goFiles(t) {
		dir, err := filepath.Rel(repository, filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		if !shown[dir] && !slices.Contains(missing, dir) {
			missing = append(missing, dir)
		}
	}
	if len(missing) > 0 {
		t.Errorf("README.md does not show %q; it shows %q", missing, slices.Sorted(maps.Keys(shown)))
	}
}

// treeOf reads the first block of a text whose lines begin with folders, one
// level for every two blanks; several folders may share a line.
func treeOf(text string) map[string]bool {
	found := map[string]bool{}
	_, text, _ = strings.Cut(text, "\n```tree\n")
	text, _, _ = strings.Cut(text, "\n```")
	var above []string
	for line := range strings.Lines(text) {
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		for word := range strings.FieldsSeq(line) {
			name, ok := strings.CutSuffix(word, "/")
			if !ok {
				break
			}
			above = append(above[:min(depth, len(above))], name)
			found[strings.Join(above, "/")] = true
		}
	}
	return found
}
