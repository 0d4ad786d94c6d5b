package main

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestConfigurationReference: docs/configuration.md says what the program reads,
// and every setting has a variable and a meaning.
func TestConfigurationReference(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&cli{}, kong.Name("bode"))
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := writeReference(&want, parser.Model); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/configuration.md")
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("docs/configuration.md is not what the program reads: make generate (%v)", err)
	}
	flags, seen := serveFlags(parser.Model), map[string]string{}
	if len(flags) < 100 {
		t.Fatalf("%d settings", len(flags))
	}
	for _, f := range flags {
		if len(f.Envs) != 1 || !strings.HasPrefix(f.Envs[0], "BODE_") && f.Envs[0] != "DATABASE_URL" {
			t.Errorf("--%s: variables %q", f.Name, f.Envs)
			continue
		}
		if other := seen[f.Envs[0]]; other != "" {
			t.Errorf("--%s and --%s share %s", f.Name, other, f.Envs[0])
		}
		seen[f.Envs[0]] = f.Name
		if len(f.Help) < 8 || !strings.HasSuffix(f.Help, ".") {
			t.Errorf("--%s means %q", f.Name, f.Help)
		}
		for _, word := range []string{"password", "token", "secret"} { // these are read from files
			if strings.HasSuffix(f.Name, word) && (f.Target.Kind() != reflect.String || !strings.Contains(strings.ToLower(f.Help), "file")) {
				t.Errorf("--%s is a secret and no file: %q", f.Name, f.Help)
			}
		}
	}
}
