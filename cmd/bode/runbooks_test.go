package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var (
	alertName = regexp.MustCompile("`(Bode[A-Z][A-Za-z]+)`")
	metric    = regexp.MustCompile(`\bbode_[a-z_]+\b`)
	quotedArg = regexp.MustCompile(`"[^"]*"`)
)

// TestRunbooks: each runbook has all its parts, names only alerts that fire,
// figures that are given and commands that this program takes, and is listed.
func TestRunbooks(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&cli{}, kong.Name("bode"))
	if err != nil {
		t.Fatal(err)
	}
	alerts := read(t, "../../docs/monitoring/alerts.yml")
	files, err := filepath.Glob("../../docs/runbooks/*.md")
	if err != nil || len(files) < 11 {
		t.Fatalf("%d runbooks, %v", len(files), err)
	}
	list := read(t, "../../docs/runbooks/README.md")
	for _, file := range files {
		name := filepath.Base(file)
		if name == "README.md" {
			continue
		}
		if !strings.Contains(list, "]("+name+")") {
			t.Errorf("%s is not listed", name)
		}
		page := read(t, file)
		for _, fault := range runbookFaults(page, alerts, parser.Model) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

// TestRunbookFaults: what a runbook must not be is found.
func TestRunbookFaults(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&cli{}, kong.Name("bode"))
	if err != nil {
		t.Fatal(err)
	}
	whole := "# X\n\n## Symptom\n\na\n\n## Check\n\n`bode doctor`\n\n## Act\n\na\n\n## Verify\n\na\n\n## Tell\n\na\n"
	for name, page := range map[string]string{
		"no such command":     strings.ReplaceAll(whole, "bode doctor", "bode heal"),
		"no such subcommand":  strings.ReplaceAll(whole, "bode doctor", "bode hold put X"),
		"half a command":      strings.ReplaceAll(whole, "bode doctor", "bode hold"),
		"no such flag":        strings.ReplaceAll(whole, "bode doctor", "bode doctor --deep"),
		"a required flag":     strings.ReplaceAll(whole, "bode doctor", `bode hold place X --reason "y"`),
		"no check":            strings.ReplaceAll(whole, "## Check", "## Checks"),
		"nothing to do":       strings.ReplaceAll(whole, "## Act\n\na", "## Act\n"),
		"an alert that isn't": whole + "`BodeHungry`",
		"a figure that isn't": whole + "`bode_hunger`",
	} {
		if len(runbookFaults(page, "- alert: BodeDown", parser.Model)) == 0 {
			t.Errorf("%s: taken", name)
		}
	}
	if got := runbookFaults(whole, "", parser.Model); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

func runbookFaults(page, alerts string, model *kong.Application) (faults []string) {
	for _, part := range []string{"Symptom", "Check", "Act", "Verify", "Tell"} {
		_, text, ok := strings.Cut(page, "\n## "+part+"\n")
		text, _, _ = strings.Cut(text, "\n## ")
		if !ok || len(strings.TrimSpace(text)) == 0 {
			faults = append(faults, "nothing under "+part)
		}
	}
	for _, m := range alertName.FindAllStringSubmatch(page, -1) {
		if !strings.Contains(alerts, "alert: "+m[1]+"\n") && !strings.HasSuffix(alerts, "alert: "+m[1]) {
			faults = append(faults, "no alert "+m[1])
		}
	}
	for _, name := range metric.FindAllString(page, -1) {
		if !slices.Contains([]string{"bode_jobs", "bode_jobs_oldest_seconds", "bode_notices_oldest_seconds", "bode_deadlines_oldest_seconds",
			"bode_evidence_unstamped", "bode_evidence_unstamped_oldest_seconds", "bode_certificate_days_left", "bode_database_connections", "bode_register_entries"}, name) {
			faults = append(faults, "nobody gives "+name)
		}
	}
	for _, line := range commandsIn(page) {
		if fault := commandFault(line, model); fault != "" {
			faults = append(faults, line+": "+fault)
		}
	}
	return faults
}

// commandsIn are lines of code blocks, and code within lines, that run bode.
func commandsIn(page string) (found []string) {
	block := false
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			block = !block
		} else if block && strings.HasPrefix(line, "bode ") {
			found = append(found, line)
		} else if !block {
			for _, m := range inlineCode.FindAllStringSubmatch(line, -1) {
				if strings.HasPrefix(m[1], "bode ") {
					found = append(found, m[1])
				}
			}
		}
	}
	return found
}

// commandFault says why the program would not take a command; empty: it would.
func commandFault(line string, model *kong.Application) string {
	node, words := model.Node, strings.Fields(quotedArg.ReplaceAllString(line, "x"))[1:]
	for len(words) > 0 && len(node.Children) > 0 {
		i := slices.IndexFunc(node.Children, func(c *kong.Node) bool { return c.Name == words[0] })
		if i < 0 {
			break
		}
		node, words = node.Children[i], words[1:]
	}
	if len(node.Children) > 0 && (node.DefaultCmd == nil || len(words) > 0) {
		return "no such command"
	}
	given := map[string]bool{}
	for _, w := range words {
		if name, ok := strings.CutPrefix(w, "--"); ok {
			name, _, _ = strings.Cut(name, "=")
			given[name] = true
		}
	}
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if f.Required && len(f.Envs) == 0 && !given[f.Name] {
				return "wants --" + f.Name
			}
			delete(given, f.Name)
		}
	}
	for name := range given {
		return "no flag --" + name
	}
	return ""
}

// TestSilentSettings: doctor names what OpenTelemetry would read besides our own.
func TestSilentSettings(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x=y")
	if got := strayTraceSettings(); !slices.Contains(got, "OTEL_EXPORTER_OTLP_HEADERS") {
		t.Errorf("%q", got)
	}
}
