package evidence_test

import (
	"bytes"
	"encoding/asn1"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// foreignCMS is a signature over data that openssl made, detached or not.
func foreignCMS(t testing.TB, args ...string) (der []byte) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("openssl is not installed: .ci/tools names the package")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "data"), []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	openssl(t, dir, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "k", "-out", "c", "-subj", "/CN=X")
	openssl(t, dir, append([]string{"cms", "-sign", "-in", "data", "-binary", "-signer", "c", "-inkey", "k", "-outform", "DER", "-out", "p"}, args...)...)
	der, err := os.ReadFile(filepath.Join(dir, "p"))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestForeignCMS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []string
		ok   bool
	}{
		{"CAdES", []string{"-md", "sha256", "-cades"}, true},
		{"CAdES, content inside", []string{"-md", "sha512", "-cades", "-nodetach"}, true},
		{"certificate not named", []string{"-md", "sha256"}, false},
		{"SHA-1", []string{"-md", "sha1", "-cades"}, false},
		{"SHA-224", []string{"-md", "sha224", "-cades"}, false},
		{"nothing signed but the content", []string{"-md", "sha256", "-noattr"}, false},
		{"no certificate", []string{"-md", "sha256", "-cades", "-nocerts"}, false},
		{"signer named by key", []string{"-md", "sha256", "-cades", "-keyid"}, false},
	} {
		der := foreignCMS(t, c.args...)
		s, err := evidence.ParseCMS(der)
		if err == nil {
			err = s.Verify([]byte("data"))
		}
		if (err == nil) != c.ok {
			t.Errorf("%s: got %v", c.name, err)
		}
		if c.ok && s.Verify([]byte("other")) == nil {
			t.Errorf("%s: verifies over other data", c.name)
		}
	}
}

// Whatever parses has one signer, whose certificate is inside, and is refused
// with an octet more or less.
func FuzzParseCMS(f *testing.F) {
	_, tok, _ := token(f, evidencetest.Config{})
	f.Add(tok)
	f.Add(foreignCMS(f, "-md", "sha256", "-cades"))
	f.Add(foreignCMS(f, "-md", "sha384", "-cades", "-nodetach"))
	var empty, _ = asn1.Marshal(struct{ A asn1.ObjectIdentifier }{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}})
	f.Add(empty)
	f.Add(bytes.Repeat([]byte{0x30, 0x80}, 1000))
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := evidence.ParseCMS(der)
		if err != nil {
			return
		}
		c.Verify(c.Content)
		if c.Signer == nil || len(c.Certificates) == 0 {
			t.Fatal("nobody signed")
		}
		for _, other := range [][]byte{append(bytes.Clone(der), 0), der[:len(der)-1]} {
			if _, err := evidence.ParseCMS(other); err == nil {
				t.Fatal("parsed with an octet more or less")
			}
		}
	})
}
