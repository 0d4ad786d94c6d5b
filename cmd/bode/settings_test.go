package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestReadSettings(t *testing.T) {
	t.Parallel()
	s, err := readSettings(strings.NewReader(`{"a": "1", "b-c": true, "d": {"e": ["x,y"], "f": {"g_h": "2"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"a": "1", "b-c": true, "d-f-g-h": "2"} {
		if s[name] != want {
			t.Errorf("%s = %v, want %v", name, s[name], want)
		}
	}
	if len(s) != 4 {
		t.Errorf("settings = %v", s)
	}
	for name, text := range map[string]string{
		"empty":                    ``,
		"a list":                   `["a"]`,
		"cut off":                  `{"a": "1"`,
		"two objects":              `{"a": "1"} {"b": "2"}`,
		"rubbish behind":           `{"a": "1"} x`,
		"twice":                    `{"smtp-addr": "1", "smtp": {"addr": "2"}}`,
		"twice, written otherwise": `{"base_url": "1", "base-url": "2"}`,
		"null":                     `{"a": null}`,
	} {
		if s, err := readSettings(strings.NewReader(text)); !errors.Is(err, errSettings) {
			t.Errorf("%s: %v, %v", name, maps.Collect(maps.All(s)), err)
		}
	}
}

// writeFile writes a file that only its owner can read.
func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestConfigPrint runs the whole program on a file: a flag wins over the
// environment, which wins over the file, and each says where it comes from.
func TestConfigPrint(t *testing.T) {
	t.Parallel()
	file := writeFile(t, filepath.Join(t.TempDir(), "settings.json"), `{
		"base-url": "https://bode.example", "database": "postgres://bode:hidden@db/bode", "log": {"level": "warn"},
		"smtp": {"addr": "mail:25", "security": "starttls", "user": "bode"}, "seal": {"tsa": ["https://a", "https://b,c"], "allow-file-key": true},
		"proxies": ["10.0.0.0/8"], "no-work": true}`)
	env := []string{"BODE_CONFIG=" + file, "BODE_SMTP_ADDR=other:25"}
	s := command{env: env, args: []string{"config", "print", "--smtp-security", "tls"}}.run(t)
	s.expect(t, "config print", 0)
	for name, want := range map[string]string{
		"base-url":            `https://bode\.example +file`,
		"database":            `postgres://bode:\*\*\*@db/bode +file`,
		"log-level":           `warn +file`,
		"smtp-addr":           `other:25 +environment BODE_SMTP_ADDR`,
		"smtp-security":       `tls +flag`,
		"smtp-user":           `bode +file`,
		"seal-tsa":            `\[https://a https://b,c\] +file`,
		"seal-allow-file-key": `true +file`,
		"proxies":             `\[10\.0\.0\.0/8\] +file`,
		"listen":              `127\.0\.0\.1:8080 +default`,
		"config":              regexp.QuoteMeta(file) + ` +environment BODE_CONFIG`,
	} {
		if !regexp.MustCompile(`(?m)^` + name + ` +` + want + `$`).MatchString(s.out) {
			t.Errorf("%s is not %q in:\n%s", name, want, s.out)
		}
	}
	if strings.Contains(s.out+s.err, "hidden") {
		t.Error("a password is shown")
	}
	command{args: []string{"config", "print", "--config", file}}.run(t).expect(t, "by flag", 0, "mail:25")
}

// TestConfigRefused holds that a file with a mistake stops every command that
// takes settings, and says which.
func TestConfigRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, want string }{
		"unknown":            {`{"smpt-addr": "x"}`, "smpt-addr"},
		"unknown in group":   {`{"smtp": {"adr": "x"}}`, "smtp-adr"},
		"of another command": {`{"play": true}`, "play"},
		"of an operator":     {`{"reason": "x"}`, "reason"},
		"itself":             {`{"config": "x"}`, "config"},
		"not one of":         {`{"smtp": {"security": "none"}}`, "security"},
		"not a network":      {`{"proxies": ["everybody"]}`, "everybody"},
		"not a bool":         {`{"seal": {"allow-file-key": "perhaps"}}`, "allow-file-key"},
		"not JSON":           {`base-url = x`, "settings"},
	} {
		file := writeFile(t, filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".json"), c.text)
		commands := [][]string{{"config", "print"}, {"serve"}}
		if !strings.HasPrefix(name, "not ") { // a name is checked by all, a value by who uses it
			commands = append(commands, []string{"hold", "list"})
		}
		for _, args := range commands {
			command{args: append(args, "--config", file)}.run(t).expect(t, name+" to "+args[0], 2, c.want)
		}
	}
	missing := filepath.Join(dir, "missing.json")
	command{args: []string{"serve", "--config", missing}}.run(t).expect(t, "missing", 2, missing)
	// A command without settings has nothing to do with the file.
	command{env: []string{"BODE_CONFIG=" + missing}, args: []string{"demo", "--play"}}.run(t).expect(t, "demo", 2, "--out")
}
