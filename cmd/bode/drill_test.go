package main

import (
	"os/exec"
	"regexp"
	"testing"
)

var restored = regexp.MustCompile(`restored (to the end|to \S+): .*lost (\d+) of ([1-9]\d*) acknowledged, (\d+) from later than asked; fsck: (\w+)`)

// TestDrillRestore: a database that is lost under load comes back whole, to its
// end and to a moment; and the drill notices when a part of the log is missing.
func TestDrillRestore(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a minute of load and restoring: make test runs it")
	}
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	drill := func(flags ...string) ([][][]byte, error) {
		out, err := exec.CommandContext(t.Context(), bin, append([]string{"drill", "restore", "--span", "2s", "--rounds", "1"}, flags...)...).CombinedOutput()
		t.Logf("%s", out)
		return restored.FindAllSubmatch(out, -1), err
	}
	all, err := drill()
	if err != nil || len(all) != 2 {
		t.Fatalf("%d restores: %v", len(all), err)
	}
	for _, m := range all {
		if string(m[2]) != "0" || string(m[4]) != "0" || string(m[5]) != "clean" {
			t.Errorf("%s", m[0])
		}
	}
	if all, err = drill("--cut"); err == nil || len(all) != 1 || string(all[0][2]) == "0" {
		t.Errorf("without the newest part of the log: %v, %q", err, all)
	}
}

var soaked = regexp.MustCompile(`([1-9]\d*) messages acknowledged, .* faults: map\[.+\]\n.*lost 0, double 0, answered with another number 0; .* 0 sent twice without doubt\n(?s:.*)fsck: clean`)

// TestDrillSoak: while services and database are killed and connections cut,
// nothing that was acknowledged is lost, and nothing is there twice.
func TestDrillSoak(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a minute of faults: make test runs it")
	}
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), bin, "drill", "soak", "--span", "20s", "--every", "1s").CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !soaked.Match(out) {
		t.Errorf("the soak does not hold: %v", err)
	}
}
