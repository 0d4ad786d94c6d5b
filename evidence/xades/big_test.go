package xades

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// TestBigData has evidence checked that was extended with as much as is read at
// all: two lists of 16 MiB in the name of the right authority, made by somebody
// else. A process of its own takes at most 256 MiB and 10 seconds for it.
func TestBigData(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv("BODE_BIG"); dir != "" {
		doc, err := os.ReadFile(filepath.Join(dir, "big.xml"))
		if err != nil {
			t.Fatal(err)
		}
		trust, err := evidence.ReadTrust(dir)
		if err != nil {
			t.Fatal(err)
		}
		if r := (Checker{}).Check(doc, trust); r.OK() || !strings.Contains(r.Failures(), "by nobody who issued") {
			t.Errorf("got %s", r.Failures())
		}
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.Write(status)
		return
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "big.xml"), bigEvidence(t, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestBigData$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), "BODE_BIG="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// What the system says of a child includes what its parent took before.
	var peak int
	_, after, _ := strings.Cut(string(out), "VmHWM:")
	if _, err := fmt.Sscan(after, &peak); err != nil {
		t.Fatalf("no figure: %v\n%s", err, out)
	}
	spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	t.Logf("%d MiB, %s", peak>>10, spent.Round(time.Millisecond))
	if !raceDetector && (peak > 256<<10 || spent > 10*time.Second) {
		t.Errorf("took %d MiB, %s", peak>>10, spent)
	}
}

// bigEvidence is that evidence; its anchors go to dir.
func bigEvidence(t *testing.T, dir string) []byte {
	t.Helper()
	a, err := evidencetest.New(evidencetest.Config{Now: evidencetest.At})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.WritePEM(dir); err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper()})
	if err != nil {
		t.Fatal(err)
	}
	p, err := evidence.Prepare(evidencetest.Document(evidence.ContentHandover))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := s.SignXML(p, evidencetest.At())
	if err == nil {
		doc, err = s.StampXML(t.Context(), doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	v := a.Validation()
	if l, err := x509.ParseRevocationList(list(t, a.Roots()[0], 1, 1<<10)); err != nil || len(l.RevokedCertificateEntries) < 40 {
		t.Fatalf("not a list: %v", err)
	}
	v.CRLs = [][]byte{list(t, a.Roots()[0], 1, 15<<20), list(t, a.Roots()[0], 2, 15<<20)}
	if doc, err = Extend(doc, v); err != nil {
		t.Fatal(err)
	}
	return doc
}

// list is one of that size in the name of c that nobody signed.
func list(t *testing.T, c *x509.Certificate, serial, size int) []byte {
	t.Helper()
	type content struct {
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		Issuer     asn1.RawValue
		This, Next time.Time
		Entries    asn1.RawValue
	}
	algorithm := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
	entry, err := asn1.Marshal(struct {
		Serial int
		At     time.Time
	}{serial, evidencetest.At()})
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		Content   content
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{content{1, algorithm, asn1.RawValue{FullBytes: c.RawSubject}, evidencetest.At(), evidencetest.At().Add(time.Hour),
		asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: bytes.Repeat(entry, size/len(entry))}},
		algorithm, asn1.BitString{Bytes: []byte{1}, BitLength: 8}})
	if err != nil {
		t.Fatal(err)
	}
	return der
}
