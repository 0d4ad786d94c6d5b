package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFuzzAPI lets schemathesis call every operation of the contract with what it
// allows and with what it forbids. Nothing may end in a status from 500, and every
// answer has a status, a media type and a body that the contract has. It finds the
// whole contract in the service itself.
//
// BODE_FUZZ_EXAMPLES is how many calls of each operation are made at most,
// BODE_FUZZ_SEED what they are drawn from. By itself it makes the same few each
// time, so that it fails for what was changed; make fuzz-api draws many anew.
func TestFuzzAPI(t *testing.T) {
	t.Parallel()
	tool, err := filepath.Abs(filepath.Join(contractTools, "venv", "bin", "schemathesis"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tool); err != nil {
		t.Fatal("schemathesis is missing: make tools")
	}
	c := newContractTown(t)
	seed := cmp.Or(os.Getenv("BODE_FUZZ_SEED"), "909206919") // once found a name with a NUL
	most := cmp.Or(os.Getenv("BODE_FUZZ_EXAMPLES"), "12")
	t.Logf("BODE_FUZZ_SEED=%s", seed)
	dir := t.TempDir()
	// Values that are there: else nearly every call of a path with an identifier
	// would end at 404.
	if err := os.WriteFile(filepath.Join(dir, "schemathesis.toml"), []byte(c.parameters(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cmd := exec.CommandContext(ctx, tool, "run", c.base+"/api/v1/openapi.json", "--origin", c.base,
		"--header", "Authorization: Bearer "+c.seeds.TestKey, "--phases", "examples,coverage,fuzzing",
		"--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance",
		"--max-examples", most, "--seed", seed, "--workers", "1", "--request-timeout", "300", "--rate-limit", "40/s",
		"--suppress-health-check", "all", "--no-shrink", "--continue-on-failure", "--warnings", "off")
	cmd.Dir = dir
	hooks, err := filepath.Abs(filepath.Join("testdata", "schemathesis"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "SCHEMATHESIS_HOOKS=hooks", "PYTHONPATH="+hooks, "PYTHONDONTWRITEBYTECODE=1", "HYPOTHESIS_STORAGE_DIRECTORY="+filepath.Join(dir, "hypothesis"), "COLUMNS=160")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", tail(out, 6000))
	if err != nil {
		t.Errorf("schemathesis: %v; BODE_FUZZ_SEED=%s repeats it", err, seed)
	}
}

// parameters names an object that is there for each kind that the paths name.
func (c *contractTown) parameters(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, path := range c.doc.Paths.InMatchingOrder() {
		item := c.doc.Paths.Value(path)
		steps := strings.Split(strings.Trim(path, "/"), "/")
		values := map[string]string{}
		parents := map[string]string{}
		for i, step := range steps {
			name, ok := strings.CutPrefix(step, "{")
			if !ok || i == 0 {
				continue
			}
			name = strings.TrimSuffix(name, "}")
			if p := item.Parameters.GetByInAndName("path", name); p != nil && p.Schema.Value.Type.Is("integer") {
				continue
			}
			kind := steps[i-1]
			if c.kept[kind] == "" || strings.Contains(path, "{proposal}") { // only of what is open
				id, err := c.make(t.Context(), kind, parents)
				if err != nil {
					t.Logf("%s: %v", path, err)
					continue
				}
				c.kept[kind] = id
			}
			parents[variableOf(kind)] = c.kept[kind]
			values[name] = c.kept[kind]
		}
		if len(values) == 0 {
			continue
		}
		for method := range item.Operations() {
			fmt.Fprintf(&b, "[[operations]]\ninclude-name = %q\n[operations.parameters]\n", method+" "+path)
			for name, value := range values {
				fmt.Fprintf(&b, "%q = [%q]\n", "path."+name, value)
			}
		}
	}
	return b.String()
}

// tail is the end of a text.
func tail(text []byte, most int) string {
	if len(text) > most {
		return "…" + string(text[len(text)-most:])
	}
	return string(text)
}
