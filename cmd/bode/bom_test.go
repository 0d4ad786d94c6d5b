package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
)

// TestBillOfMaterials: the bill of the real program names each module that go.mod
// and the linker know, with the digest of go.sum, once, and is the same every time.
func TestBillOfMaterials(t *testing.T) {
	t.Parallel()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	first, err := exec.Command(bin, "bom").Output()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := exec.Command(bin, "bom").Output(); err != nil || !bytes.Equal(first, again) {
		t.Errorf("another time it is another: %v", err)
	}
	var b bom
	if err := json.Unmarshal(first, &b); err != nil || b.Format != "CycloneDX" || b.Spec != "1.6" || b.Metadata.Component.Name != "github.com/bode-erds/bode" {
		t.Fatalf("%v: %s", err, first)
	}
	listed, err := exec.Command("go", "version", "-m", bin).Output()
	if err != nil {
		t.Fatal(err)
	}
	refs := map[string]bool{}
	for _, c := range b.Components {
		if refs[c.Ref] {
			t.Errorf("%s twice", c.Ref)
		}
		refs[c.Ref] = true
		if c.Name != "std" && len(c.Hashes) != 1 {
			t.Errorf("%s has no digest", c.Ref)
		}
	}
	n := 0
	for _, m := range regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(string(listed), -1) {
		n++
		if !refs["pkg:golang/"+m[1]+"@"+strings.ReplaceAll(m[2], "+", "%2B")] {
			t.Errorf("go version names %s %s, the bill does not", m[1], m[2])
		}
	}
	if n < 50 || n+1 != len(b.Components) || len(b.Dependencies[0].On) != len(b.Components) {
		t.Errorf("%d modules in the program, %d in the bill", n, len(b.Components))
	}
}

func TestBillOfOddModules(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := writeBOM(&out, &debug.BuildInfo{GoVersion: "go1.27.4", Main: debug.Module{Path: "m"}, Deps: []*debug.Module{
		{Path: "a", Version: "v2.0.0+incompatible", Sum: "h1:bad"},
		{Path: "b", Version: "v1.0.0", Replace: &debug.Module{Path: "fork/b", Version: "v1.0.1"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"pkg:golang/m@(devel)"`, `"pkg:golang/std@1.27.4"`, `"pkg:golang/a@v2.0.0%2Bincompatible"`, `"pkg:golang/fork/b@v1.0.1"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, &out)
		}
	}
	if strings.Contains(out.String(), "hashes") || strings.Contains(out.String(), `"b"`) {
		t.Errorf("%s", &out)
	}
}

// TestReproducible: the smallest of the programs, built at two paths, is the same
// octet by octet. All of them from empty caches is make reproducible.
func TestReproducible(t *testing.T) {
	t.Parallel()
	var sums [2][]byte
	for i := range sums {
		dir := filepath.Join(t.TempDir(), strings.Repeat("deep/", i), "tree")
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		here, err := filepath.Abs("../..")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(here, dir); err != nil {
			t.Fatal(err)
		}
		program := filepath.Join(t.TempDir(), "erdverify")
		cmd := exec.Command("go", "build", "-trimpath", "-tags", "offline", "-ldflags", "-s -w -buildid=", "-o", program, "./cmd/erdverify")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "PWD="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if sums[i], err = os.ReadFile(program); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(sums[i], []byte(here)) || bytes.Contains(sums[i], []byte(dir)) {
			t.Error("the program names the place where it was built")
		}
	}
	if !bytes.Equal(sums[0], sums[1]) {
		t.Error("built twice it is not the same")
	}
}

// TestReleaseSigned: a tool that is not ours accepts the signature of a release,
// and refuses another key, other digests and another file.
func TestReleaseSigned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := func(stdin string, name string, args ...string) error {
		cmd := exec.Command(name, args...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("%s: %s", name, out)
		}
		return err
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	signers := func(name string) {
		must(run("", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path(name)))
		pub, err := os.ReadFile(path(name + ".pub"))
		must(err)
		must(os.WriteFile(path(name+".signers"), append([]byte(`release@bode namespaces="bode-release" `), pub...), 0o600))
	}
	signers("key")
	signers("other")
	must(os.Mkdir(path("dist"), 0o755))
	must(os.WriteFile(path("dist/bode"), []byte("program"), 0o755))
	sum, err := exec.Command("sh", "-c", "cd "+path("dist")+" && sha256sum bode").Output()
	must(err)
	must(os.WriteFile(path("dist/SHA256SUMS"), sum, 0o644))
	must(run("", "ssh-keygen", "-q", "-Y", "sign", "-f", path("key"), "-n", "bode-release", path("dist/SHA256SUMS")))
	verify := func(signers string) error {
		return run("", "../../.ci/release", "-verify", path("dist"), path(signers))
	}
	if err := verify("key.signers"); err != nil {
		t.Fatal("a good release is refused")
	}
	if verify("other.signers") == nil {
		t.Error("another key's release is taken")
	}
	must(os.WriteFile(path("dist/bode"), []byte("Program"), 0o755))
	if verify("key.signers") == nil {
		t.Error("another program is taken")
	}
	must(os.WriteFile(path("dist/SHA256SUMS"), append(sum, '\n'), 0o644))
	if verify("key.signers") == nil {
		t.Error("other digests are taken")
	}
	must(os.Remove(path("dist/SHA256SUMS.sig")))
	if verify("key.signers") == nil {
		t.Error("a release without a signature is taken")
	}
}

// TestSupplyChainIsDescribed: the check for known weaknesses is part of the whole
// verification, its tool is pinned, and who reads the documents learns how soon a
// weakness is mended.
func TestSupplyChainIsDescribed(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"../../.ci/test":           "check vulnerabilities .ci/vulnerable",
		"../../.ci/vulnerable":     "golang.org/x/vuln/cmd/govulncheck@v",
		"../../.ci/release":        "-trimpath",
		"../../docs/security.md":   "## Components and how soon they are mended",
		"../../docs/operations.md": "SHA256SUMS",
	} {
		if !strings.Contains(read(t, file), want) {
			t.Errorf("%s says nothing of %q", file, want)
		}
	}
}
