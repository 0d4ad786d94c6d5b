package evidence_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

var update = flag.Bool("update", false, "write the golden files again")

// The XML of every event stays as it is, octet for octet: evidence that was
// prepared by an older release must resume.
func TestGolden(t *testing.T) {
	t.Parallel()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatal("xmllint is not installed: .ci/tools names the package")
	}
	for _, name := range evidence.Names() {
		p, err := evidence.Prepare(evidencetest.Document(name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "golden", string(name)+".xml")
		if *update {
			if err := os.WriteFile(path, p.XML(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p.XML(), want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, p.XML(), want)
		}
		if out, err := schema(t, want); err != nil {
			t.Errorf("%s: schema: %s", name, out)
		}
		if got := goxmldsig(t, want); !bytes.Equal(got, want) {
			t.Errorf("%s: goxmldsig canonicalises it to\n%s", name, got)
		}
		if xmllint == "" {
			continue
		}
		if out, err := exec.Command(xmllint, "--exc-c14n", path).Output(); err != nil || !bytes.Equal(out, want) {
			t.Errorf("%s: xmllint canonicalises it to\n%s", name, out)
		}
	}
}

// schema validates doc with xmllint, when there is one.
func schema(t testing.TB, doc []byte) ([]byte, error) {
	t.Helper()
	bin, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatal("xmllint is not installed: .ci/tools names the package")

	}
	cmd := exec.Command(bin, "--nonet", "--noout", "--schema", "testdata/schema/19522-3.xsd", "-")
	cmd.Stdin = bytes.NewReader(doc)
	return cmd.CombinedOutput()
}

func goxmldsig(t testing.TB, doc []byte) []byte {
	t.Helper()
	tree := etree.NewDocument()
	if err := tree.ReadFromBytes(doc); err != nil {
		t.Fatal(err)
	}
	out, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Whatever text an event holds, the document is its own canonical form.
func FuzzCanonicalText(f *testing.F) {
	for _, s := range []string{"\r\n\t", `"'&<>]]>`, "𝔅\u0085\u2028", " ", "&#xD;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := evidencetest.Document(evidence.ContentHandover)
		d.Event.Subject, d.Event.Parts[0].Name = s, "n"+s
		d.Event.Recipient.Identifier = evidence.Identifier{Scheme: "x" + s, Value: "y" + s}
		p, err := evidence.Prepare(d)
		if err != nil {
			return
		}
		if got := goxmldsig(t, p.XML()); !bytes.Equal(got, p.XML()) {
			t.Fatalf("goxmldsig canonicalises\n%q to\n%q", p.XML(), got)
		}
		back, err := evidence.ReadXML(p.XML())
		if err != nil || back.Event.Subject != s {
			t.Fatalf("read back %q: %v", back.Event.Subject, err)
		}
	})
}
