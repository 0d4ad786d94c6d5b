package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/asic"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/pades"
	"github.com/bode-erds/bode/evidence/xades"
)

// bench is a folder with anchors and one of each kind of file.
type bench struct {
	dir, trust, xml, pdf, dossier string
	anchors                       evidence.Trust
}

func newBench(t testing.TB) bench {
	t.Helper()
	at := evidencetest.At().Add(6 * time.Hour)
	a, err := evidencetest.New(evidencetest.Config{Now: func() time.Time { return at }})
	check(t, err)
	x, err := xades.New(xades.Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper()})
	check(t, err)
	p, err := pades.New(pades.Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper()})
	check(t, err)
	engine := evidence.Engine{XML: x, XMLChecker: xades.Checker{}, PDF: p, PDFChecker: pades.Checker{}, Trust: a.Trust()}
	dir := t.TempDir()
	b := bench{dir: dir, trust: filepath.Join(dir, "trust"), xml: filepath.Join(dir, "e.xml"),
		pdf: filepath.Join(dir, "e.pdf"), dossier: filepath.Join(dir, "d.asice"), anchors: a.Trust()}
	check(t, a.WritePEM(b.trust))
	var d asic.Dossier
	history := evidencetest.History()
	for i, e := range history {
		doc := evidencetest.Document(e.Name)
		doc.Event, doc.History = e, history[:i]
		prepared, err := evidence.Prepare(doc)
		check(t, err)
		sealed, err := engine.Seal(t.Context(), prepared, at)
		check(t, err)
		d.Pieces = append(d.Pieces, asic.Piece{Seq: e.Seq, Event: e.Name, XML: sealed.XML, PDF: sealed.PDF})
		check(t, os.WriteFile(b.xml, sealed.XML, 0o600))
		check(t, os.WriteFile(b.pdf, sealed.PDF, 0o600))
	}
	d.Content = []asic.File{{Name: "message.txt", MediaType: "text/plain", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("hello world")), nil
	}}}
	w, err := asic.New(asic.Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper()})
	check(t, err)
	f, err := os.Create(b.dossier)
	check(t, err)
	check(t, w.Write(t.Context(), f, d, at))
	check(t, f.Close())
	return b
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func erdverify(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(args, &out, &err)
	return status, out.String(), err.String()
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for lang, want := range map[string]string{"nl": "IN ORDE", "fr": "EN ORDRE", "de": "IN ORDNUNG", "en": "IN ORDER"} {
		status, out, errs := erdverify("--trust", b.trust, "--lang", lang, b.xml, b.pdf, b.dossier)
		if status != exitOK || strings.Count(out, want) != 3 || errs != "" {
			t.Errorf("%s: got %d\n%s%s", lang, status, out, errs)
		}
	}
	status, out, _ := erdverify("--trust", b.trust, "--json", b.xml, b.pdf, b.dossier)
	var results []result
	if err := json.Unmarshal([]byte(out), &results); err != nil || status != exitOK || len(results) != 3 {
		t.Fatalf("json: got %d, %v\n%s", status, err, out)
	}
	for _, r := range results {
		if !r.OK || r.Report.Document.Event.Name != evidence.ContentHandover || len(r.Report.Stamps) == 0 {
			t.Errorf("%s: got %+v", r.File, r)
		}
	}
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	b, other := newBench(t), newBench(t)
	broken, empty := filepath.Join(b.dir, "broken.xml"), filepath.Join(b.dir, "empty")
	check(t, os.WriteFile(broken, []byte("<x>"), 0o600))
	check(t, os.MkdirAll(empty, 0o700))
	badTrust := filepath.Join(b.dir, "bad")
	check(t, os.MkdirAll(badTrust, 0o700))
	check(t, os.WriteFile(filepath.Join(badTrust, "ca.pem"), []byte("no certificate"), 0o600))
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"nothing":         {nil, exitUsage},
		"no file":         {[]string{"--trust", b.trust}, exitUsage},
		"no trust":        {[]string{b.xml}, exitUsage},
		"empty trust":     {[]string{"--trust", empty, b.xml}, exitUsage},
		"bad trust":       {[]string{"--trust", badTrust, b.xml}, exitUsage},
		"language":        {[]string{"--trust", b.trust, "--lang", "xx", b.xml}, exitUsage},
		"unknown flag":    {[]string{"--trust", b.trust, "--force", b.xml}, exitUsage},
		"help":            {[]string{"-h"}, exitOK},
		"missing file":    {[]string{"--trust", b.trust, filepath.Join(b.dir, "none.xml")}, exitFail},
		"broken file":     {[]string{"--trust", b.trust, broken}, exitFail},
		"one of three":    {[]string{"--trust", b.trust, b.xml, broken, b.pdf}, exitFail},
		"strangers":       {[]string{"--trust", other.trust, b.xml}, exitFail},
		"strangers, PDF":  {[]string{"--trust", other.trust, b.pdf}, exitFail},
		"strangers, pack": {[]string{"--trust", other.trust, b.dossier}, exitFail},
	} {
		if got, out, errs := erdverify(c.args...); got != c.want {
			t.Errorf("%s: got %d, want %d\n%s%s", name, got, c.want, out, errs)
		}
	}
}

// A change of any octet of a small XML, and of octets spread over PDF and
// dossier, is refused.
func TestEveryOctetCounts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	v := verifier()
	for path, stride := range map[string]int{b.xml: 1, b.pdf: 97, b.dossier: 1999} {
		doc, err := os.ReadFile(path)
		check(t, err)
		for i := 0; i < len(doc); i += stride {
			bad := bytes.Clone(doc)
			bad[i] ^= 1 << (i % 8)
			if v.Check(bad, b.anchors).OK() {
				t.Errorf("%s: octet %d of %d accepted", filepath.Base(path), i, len(doc))
			}
		}
	}
}

func TestNothingObeysTheTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &printer{w: &out, lang: "en"}
	p.line("", "Subject", "a\u009b31m\u202eb\x1b[2J")
	if s := out.String(); strings.ContainsAny(strings.TrimSuffix(s, "\n"), "\u009b\u202e\x1b\n") {
		t.Errorf("got %q", s)
	}
}

// Every command of the readme in a dossier holds, run by foreign tools.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"unzip", "openssl", "xmlsec1", "pdfsig", "sh"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is not installed: .ci/tools names the package", name)
		}
	}
	b := newBench(t)
	shell := func(command string) (string, error) {
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = b.dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = errors.New(command + "\n" + string(out))
		}
		return string(out), err
	}
	_, err := shell("unzip -q d.asice && cp trust/*.pem .")
	check(t, err)
	readme, err := os.ReadFile(filepath.Join(b.dir, "readme.txt"))
	check(t, err)
	for _, c := range regexp.MustCompile(`(?m)^\$ (.*)$`).FindAllSubmatch(readme, -1) {
		out, err := shell(string(c[1]))
		if err != nil {
			t.Error(err)
		}
		if strings.Contains(string(c[1]), "pdfsig") && strings.Count(out, "Signature is Valid") != 5 {
			t.Errorf("pdfsig: %s", out)
		}
	}
}
