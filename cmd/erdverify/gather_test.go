package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bode-erds/bode/evidence"
)

// folder is a delivery's evidence as the service names it, with its content, a
// letter, and the anchors.
type folder struct{ dir, trust, batched, content string }

func newFolder(t testing.TB) folder {
	t.Helper()
	w := newWorld(t)
	dir := t.TempDir()
	f := folder{dir: filepath.Join(dir, "d"), trust: filepath.Join(dir, "trust"), content: filepath.Join(dir, "content")}
	check(t, os.MkdirAll(f.dir, 0o700))
	check(t, os.MkdirAll(f.content, 0o700))
	check(t, w.WritePEM(f.trust))
	put := func(dir, name string, b []byte) { check(t, os.WriteFile(filepath.Join(dir, name), b, 0o600)) }
	put(f.trust, evidence.LogAnchors, []byte(w.trust.Log+"\n"))
	for i, p := range w.pieces {
		stem := "00" + string(rune('0'+p.Seq)) + "-" + string(p.Event)
		if i == batched {
			f.batched = filepath.Join(f.dir, stem)
		}
		put(f.dir, stem+".xml", p.XML)
		put(f.dir, stem+".pdf", p.PDF)
		put(f.dir, stem+evidence.ProofSuffix, p.Proof)
		if p.Record != nil {
			put(f.dir, stem+evidence.RecordSuffix, p.Record)
		}
	}
	put(f.dir, "dossier.asice", w.dossier(t))
	put(f.dir, "letter.pdf", []byte("%PDF-1.7 no evidence"))
	put(f.content, "bericht.txt", []byte("hello world"))
	put(f.content, "holiday.jpg", []byte("something else"))
	return f
}

func copyTo(t testing.TB, from, to string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	check(t, err)
	check(t, os.MkdirAll(filepath.Dir(to), 0o700))
	check(t, os.WriteFile(to, b, 0o600))
	return to
}

func TestBeside(t *testing.T) {
	t.Parallel()
	f, dir := newFolder(t), t.TempDir()
	xml, record, proof := f.batched+".xml", f.batched+".ers", f.batched+".tlog-proof"
	alone := copyTo(t, xml, filepath.Join(dir, "alone", filepath.Base(xml)))
	wrong := copyTo(t, xml, filepath.Join(dir, "wrong", filepath.Base(xml)))
	check(t, os.WriteFile(strings.TrimSuffix(wrong, ".xml")+".ers", []byte("no record"), 0o600))
	large := copyTo(t, xml, filepath.Join(dir, "large", filepath.Base(xml)))
	check(t, os.WriteFile(strings.TrimSuffix(large, ".xml")+".ers", make([]byte, maxBeside+1), 0o600))
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"in the same folder":        {[]string{xml}, exitOK},
		"given":                     {[]string{alone, record, proof}, exitOK},
		"record only":               {[]string{record, alone}, exitOK},
		"given, not looked for":     {[]string{"--no-beside", xml, record}, exitOK},
		"not looked for":            {[]string{"--no-beside", xml}, exitFail},
		"not there":                 {[]string{alone}, exitFail},
		"log proof only":            {[]string{alone, proof}, exitFail},
		"not a record":              {[]string{wrong}, exitFail},
		"too large":                 {[]string{large}, exitFail},
		"given beats what is there": {[]string{wrong, record}, exitOK},
		"without its XML":           {[]string{record}, exitUsage},
		"beside a PDF only":         {[]string{f.batched + ".pdf", proof}, exitUsage},
	} {
		if got, out, errs := erdverify(append([]string{"--trust", f.trust}, c.args...)...); got != c.want {
			t.Errorf("%s: got %d, want %d\n%s%s", name, got, c.want, out, errs)
		}
	}
}

func TestFolders(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	status, out, errs := erdverify("--trust", f.trust, "--json", filepath.Dir(f.dir))
	var results []result
	if err := json.Unmarshal([]byte(out), &results); err != nil || status != exitOK || errs != "" {
		t.Fatalf("got %d, %v\n%s%s", status, err, out, errs)
	}
	if len(results) != 11 { // five events, XML and PDF, and the dossier
		t.Errorf("got %d results", len(results))
	}
	for _, r := range results {
		if r.Report.Log == nil && r.File != "dossier.asice" {
			t.Errorf("%s: the log was not checked", r.File)
		}
	}
	check(t, os.WriteFile(filepath.Join(f.dir, "009-ContentHandover.pdf"), []byte("%PDF-1.7 broken"), 0o600))
	if status, _, _ := erdverify("--trust", f.trust, f.dir); status != exitFail {
		t.Errorf("broken evidence in a folder: got %d", status)
	}
	for _, dir := range []string{t.TempDir(), f.content} {
		if status, _, errs := erdverify("--trust", f.trust, dir); status != exitUsage || errs == "" {
			t.Errorf("a folder without evidence: got %d", status)
		}
	}
	for _, name := range []string{"letter.pdf", "-ContentHandover.xml", "1-Other.xml", "x1-ContentHandover.xml", "1-ContentHandover.txt", ".xml", ""} {
		if isEvidence(name) {
			t.Errorf("%q is taken for evidence", name)
		}
	}
}

// What is told is said in every language, and nothing that was left is hidden.
func TestTells(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	for lang, want := range map[string][]string{
		"nl": {"Openbaar logboek", "Geïdentificeerd met", "niet nagegaan", "Nodig: "},
		"fr": {"Journal public", "Identifié au moyen de", "non vérifié", "Nécessaire: "},
		"de": {"Öffentliches Protokoll", "Identifiziert mit", "nicht geprüft", "Erforderlich: "},
		"en": {"Public log", "Identified with", "not checked", "Needed: "},
	} {
		_, out, _ := erdverify("--trust", f.trust, "--lang", lang, f.batched+".xml")
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("%s: no %q in\n%s", lang, text, out)
			}
		}
	}
	check(t, os.Remove(filepath.Join(f.trust, evidence.LogAnchors)))
	_, out, _ := erdverify("--trust", f.trust, f.batched+".pdf")
	if !strings.Contains(out, "Whether the public log holds this evidence was not checked") {
		t.Errorf("got\n%s", out)
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	part, other := filepath.Join(f.content, "bericht.txt"), filepath.Join(f.content, "holiday.jpg")
	for name, c := range map[string]struct {
		content []string
		want    int
		says    string
	}{
		"a part":         {[]string{part}, exitOK, "bericht.txt: is the document that was sent"},
		"a folder":       {[]string{f.content}, exitOK, "holiday.jpg: does not belong to this evidence"},
		"something else": {[]string{other}, exitFail, "holiday.jpg: does not belong"},
		"both":           {[]string{part, other}, exitFail, "bericht.txt: is the document that was sent"},
		"missing":        {[]string{filepath.Join(f.content, "none")}, exitFail, ""},
		"endless":        {[]string{"/dev/zero"}, exitFail, ""},
	} {
		args := []string{"--trust", f.trust, f.dir + "/dossier.asice"}
		for _, path := range c.content {
			args = append(args, "--content", path)
		}
		if got, out, errs := erdverify(args...); got != c.want || !strings.Contains(out, c.says) {
			t.Errorf("%s: got %d, want %d\n%s%s", name, got, c.want, out, errs)
		}
	}
	// Content says nothing about evidence that is not in order.
	broken := filepath.Join(f.dir, "broken.xml")
	check(t, os.WriteFile(broken, []byte("<x>"), 0o600))
	if got, out, _ := erdverify("--trust", f.trust, "--content", part, broken); got != exitFail || strings.Contains(out, "bericht.txt") {
		t.Errorf("broken evidence: got %d\n%s", got, out)
	}
}

// The program is one static file: it runs where nothing else is, and says the
// same. Nothing in it speaks HTTP or TLS, or to a database; of other makers'
// signing code nothing is left.
func TestAlone(t *testing.T) {
	t.Parallel()
	f, dir := newFolder(t), t.TempDir()
	program := filepath.Join(dir, "erdverify")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	args := []string{"--trust", f.trust, "--content", f.content, "--lang", "nl", f.dir}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = dir, []string{}
	out, err := cmd.Output()
	if _, want, _ := erdverify(args...); err != nil || string(out) != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, out, want)
	}
	if file, err := exec.Command("go", "version", "-m", program).Output(); err != nil || !strings.Contains(string(file), "CGO_ENABLED=0") {
		t.Errorf("not static: %v\n%s", err, file)
	}
	symbols, err := exec.Command("go", "tool", "nm", program).Output()
	check(t, err)
	if !strings.Contains(string(symbols), "evidence/xades.Checker.CheckWith") {
		t.Fatal("nm lists nothing")
	}
	abroad := regexp.MustCompile(`(?m)^.* [Tt] (?:net/http\.\(\*(?:Client|Transport|Server)\)|crypto/tls\.\(\*Conn\)|database/sql|github\.com/(?:jackc|labstack|riverqueue)/|github\.com/digitorus/\S*\.(?:[^i\s]|i[^n\s])).*$`)
	for _, found := range abroad.FindAllString(string(symbols), -1) {
		t.Errorf("in the program: %s", found)
	}
}

func TestPair(t *testing.T) {
	t.Parallel()
	none := func(string) bool { return false }
	list, loose := pair([]string{"a/1.xml", "b/1.ers", "a/1.ers", "b/1.xml", "c/2.ers", "x.pdf"}, none)
	want := []wanted{{"a/1.xml", "a/1.ers", ""}, {"b/1.xml", "b/1.ers", ""}, {doc: "x.pdf"}}
	if !slices.Equal(list, want) || !slices.Equal(loose, []string{"c/2.ers"}) {
		t.Errorf("got %v, %v", list, loose)
	}
}
