package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// module is the path all our packages begin with.
const module = "github.com/bode-erds/bode/"

// listed is what "go list -json" says of a package.
type listed struct {
	ImportPath   string
	Imports      []string
	Deps         []string // all the way down
	TestImports  []string
	XTestImports []string
}

// TestLaw holds the tree to its shape: a star of nouns around delivery, with the
// outside world at the tips, and evidence free of everything.
func TestLaw(t *testing.T) {
	t.Parallel()
	pkgs := list(t)
	if len(pkgs) < 10 {
		t.Fatalf("only %d packages: is this the whole module?", len(pkgs))
	}
	for _, breach := range breaches(pkgs) {
		t.Error(breach)
	}
}

func list(t *testing.T) []listed {
	t.Helper()
	// -e: a package that does not build still has imports.
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e",
		"-json=ImportPath,Imports,Deps,TestImports,XTestImports", module+"...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var pkgs []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// breaches lists every import that the law forbids.
func breaches(pkgs []listed) []string {
	var found []string
	for _, p := range pkgs {
		from := strings.TrimPrefix(p.ImportPath, module)
		if noun(from) == "" {
			found = append(found, fmt.Sprintf("%s belongs to no noun", from))
		}
		for _, to := range own(p.Imports) {
			if !mayImport(from, to) {
				found = append(found, fmt.Sprintf("%s imports %s", from, to))
			}
		}
		for _, to := range own(slices.Concat(p.TestImports, p.XTestImports)) {
			if to != from && !mayImport(from, to) && !mayImportInTests(from, to) {
				found = append(found, fmt.Sprintf("tests of %s import %s", from, to))
			}
		}
		found = append(found, heavy(from, p.Deps)...)
	}
	return found
}

// own picks our packages out of a list, without the module's path.
func own(paths []string) []string {
	var ours []string
	for _, p := range paths {
		if rest, ok := strings.CutPrefix(p, module); ok {
			ours = append(ours, rest)
		}
	}
	return ours
}

// noun is the first element of a path, "" when the tree has no such branch.
func noun(path string) string {
	first, _, _ := strings.Cut(path, "/")
	if slices.Contains([]string{"cmd", "delivery", "evidence", "identity", "notify", "migrations"}, first) {
		return first
	}
	return ""
}

func isRoot(path string) bool {
	return slices.Contains([]string{"delivery", "evidence", "identity", "notify"}, path)
}

// mayImport is the law.
func mayImport(from, to string) bool {
	switch {
	case noun(from) == "cmd":
		return true
	case noun(to) == "cmd":
		return false
	case noun(from) == "migrations":
		// The machinery of the database knows no noun.
		return from == "migrations/pgtest" && (to == "migrations" || to == "migrations/pgproc")
	case from == "delivery":
		return isRoot(to)
	case isRoot(from):
		return false
	case isRoot(to):
		return from != "delivery/api/client" // which knows the contract and nothing behind it
	case from == "delivery/api/client/example":
		return to == "delivery/api/client" // as any program of somebody else's does
	case to == "delivery/web":
		return slices.Contains([]string{"delivery/portal", "delivery/collect", "delivery/identify"}, from)
	}
	return false
}

// mayImportInTests is what tests may on top: every real part there is, so that
// nothing has to be faked that could be run.
func mayImportInTests(from, to string) bool {
	return noun(to) != "cmd" && (noun(from) != "migrations" || noun(to) == "migrations")
}

// heavy lists what a package carries that must stay light: evidence has to
// verify for decades and without us.
func heavy(from string, deps []string) []string {
	var found []string
	for _, dep := range deps {
		rest, ours := strings.CutPrefix(dep, module)
		switch {
		case from == "evidence" && foreignTo(dep):
			found = append(found, fmt.Sprintf("evidence depends on %s", dep))
		case from == "cmd/erdverify" && ours && (noun(rest) != "evidence" || rest == "evidence/ledger"):
			found = append(found, fmt.Sprintf("cmd/erdverify depends on %s", rest))
		case from == "cmd/erdverify" && foreignTo(dep) && !strings.HasPrefix(dep, "net/http"):
			// net/http comes with the half of pades that signs; the linker leaves it out,
			// which TestAlone of cmd/erdverify looks at.
			found = append(found, fmt.Sprintf("cmd/erdverify depends on %s", dep))
		}
	}
	return found
}

// TestVerifierIsLight builds erdverify as it is given out, without what makes
// evidence: no part of it speaks to anybody.
func TestVerifierIsLight(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "offline", module+"cmd/erdverify").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, module+"evidence/pades") || !slices.Contains(deps, module+"evidence/tlog") {
		t.Fatalf("not the verifier: %v", deps)
	}
	for _, dep := range deps {
		if foreignTo(dep) || dep == "crypto/tls" || strings.HasPrefix(dep, "github.com/digitorus/pdfsign") {
			t.Errorf("cmd/erdverify depends on %s", dep)
		}
	}
}

// outside says whether dep is a database, the web or a framework.
func foreignTo(dep string) bool {
	for _, path := range []string{"net/http", "database/sql", "github.com/jackc/pgx", "github.com/labstack/echo", "github.com/riverqueue/river"} {
		if dep == path || strings.HasPrefix(dep, path+"/") {
			return true
		}
	}
	return false
}

func TestLawRefuses(t *testing.T) {
	t.Parallel()
	type breach struct{ from, to string }
	for _, b := range []breach{
		{"evidence", "identity"}, {"identity", "evidence"}, {"notify", "delivery"},
		{"evidence", "evidence/xades"}, {"delivery", "delivery/vault"}, {"delivery", "evidence/ledger"},
		{"delivery", "migrations"}, {"delivery/api", "delivery/web"}, {"delivery/portal", "delivery/collect"},
		{"delivery/web", "delivery/portal"}, {"evidence/asic", "evidence/xades"}, {"notify/smtp", "notify/notifytest"},
		{"delivery/api", "cmd/bode"}, {"migrations", "evidence"}, {"migrations/pgproc", "migrations"},
		{"delivery/post", "migrations/pgtest"},
	} {
		got := breaches([]listed{{ImportPath: module + b.from, Imports: []string{module + b.to}}})
		if len(got) != 1 {
			t.Errorf("%s → %s: %q", b.from, b.to, got)
		}
	}
	for _, p := range []listed{
		{ImportPath: module + "util"},
		{ImportPath: module + "internal/x"},
		{ImportPath: module + "evidence", Deps: []string{"net/http"}},
		{ImportPath: module + "evidence", Deps: []string{"github.com/jackc/pgx/v5"}},
		{ImportPath: module + "evidence", Deps: []string{"database/sql/driver"}},
		{ImportPath: module + "cmd/erdverify", Deps: []string{module + "evidence/ledger"}},
		{ImportPath: module + "cmd/erdverify", Deps: []string{module + "identity"}},
		{ImportPath: module + "cmd/erdverify", Deps: []string{"database/sql"}},
		{ImportPath: module + "delivery/api", XTestImports: []string{module + "cmd/bode"}},
		{ImportPath: module + "migrations", TestImports: []string{module + "notify"}},
	} {
		if got := breaches([]listed{p}); len(got) != 1 {
			t.Errorf("%+v: %q", p, got)
		}
	}
}

func TestLawAllows(t *testing.T) {
	t.Parallel()
	for _, p := range []listed{
		{ImportPath: module + "delivery", Imports: []string{module + "evidence", module + "identity", module + "notify"}},
		{ImportPath: module + "delivery/portal", Imports: []string{module + "delivery", module + "delivery/web", "net/http"}},
		{ImportPath: module + "delivery/collect", Imports: []string{module + "identity", module + "delivery/web"}},
		{ImportPath: module + "evidence/ledger", Imports: []string{module + "evidence"}, Deps: []string{"github.com/jackc/pgx/v5"}},
		{ImportPath: module + "evidence", Deps: []string{"net", "crypto/x509"}, XTestImports: []string{module + "evidence", module + "evidence/evidencetest"}},
		{ImportPath: module + "cmd/bode", Imports: []string{module + "delivery/api", module + "migrations/pgproc"}},
		{ImportPath: module + "cmd/erdverify", Deps: []string{module + "evidence", module + "evidence/asic"}},
		{ImportPath: module + "migrations", XTestImports: []string{module + "migrations", module + "migrations/pgtest"}},
	} {
		if got := breaches([]listed{p}); len(got) != 0 {
			t.Errorf("%s: %q", p.ImportPath, got)
		}
	}
}
