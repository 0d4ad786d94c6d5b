package main

import (
	"errors"
	"os/exec"
	"regexp"
	"testing"
)

// drilled runs a drill and returns what it said.
func drilled(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), bin, append([]string{"drill"}, args...)...).CombinedOutput()
	t.Logf("bode drill %q: %v\n%s", args, err, out)
	return out, err
}

var restored = regexp.MustCompile(`restored (to the end|to \S+): .*lost (\d+) of ([1-9]\d*) acknowledged, (\d+) from later than asked; fsck: (\w+)`)

// TestDrillRestore: a database that is lost under load comes back whole from a
// store of bode backup, into a new place: to the moment of the content, to the end
// and to a moment; and the drill notices when a part of the log is missing.
func TestDrillRestore(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a minute of load and restoring: make test runs it")
	}
	out, err := drilled(t, "restore", "--span", "2s", "--rounds", "1")
	all := restored.FindAllSubmatch(out, -1)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d restores: %v", len(all), err)
	}
	for _, m := range all {
		if string(m[2]) != "0" || string(m[4]) != "0" || string(m[5]) != "clean" {
			t.Errorf("%s", m[0])
		}
	}
	out, err = drilled(t, "restore", "--span", "2s", "--rounds", "1", "--cut")
	if all = restored.FindAllSubmatch(out, -1); err == nil || len(all) != 1 || string(all[0][2]) == "0" {
		t.Errorf("without the newest part of the log: %v, %q", err, all)
	}
}

// TestDrillShort: the short form of drills that need nothing but the program, and
// what must stand in their last words.
func TestDrillShort(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a minute of faults: make test runs it")
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"soak", "--span", "20s", "--every", "1s"},
			`([1-9]\d*) messages acknowledged, .* faults: map\[.+\]\n.*lost 0, double 0, answered with another number 0; .* 0 sent twice without doubt\n(?s:.*)fsck: clean`},
		{[]string{"link", "--span", "4s", "--share", "0.1"}, `[1-9]\d* acknowledged, lost 0, double 0, under another number 0; .*fsck: clean`},
		{[]string{"failover", "--span", "4s"}, `lost 0, double 0, .*fsck: clean\n.* acknowledges a write: false`},
	} {
		t.Run(tc.args[0], func(t *testing.T) {
			out, err := drilled(t, tc.args...)
			if err != nil || !regexp.MustCompile(tc.want).Match(out) {
				t.Errorf("the drill does not hold: %v", err)
			}
		})
	}
}

// TestDrillMounts: drills with disks of their own hold, or say what they lack and
// end with status 3.
func TestDrillMounts(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a minute of faults: make test runs it")
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"power", "--rounds", "1", "--lives", "1", "--span", "2s"},
			`round 2: cut among people; .* [1-9]\d* messages removed; .* so far [1-9]\d* acknowledged, lost 0, double 0(?s:.*)control, fsync off: .*lost [1-9]`},
		{[]string{"disk", "--span", "2s", "--what", "data"}, `lost 0, double 0, .* 0 refusals did not say when to try again; fsck: clean`},
	} {
		t.Run(tc.args[0], func(t *testing.T) {
			out, err := drilled(t, tc.args...)
			if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 3 {
				t.Skipf("%s", out) // a kernel without mounts for us; it said so
			}
			if err != nil || !regexp.MustCompile(tc.want).Match(out) {
				t.Errorf("the drill does not hold: %v", err)
			}
		})
	}
}
