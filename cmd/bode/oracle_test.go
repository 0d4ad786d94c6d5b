package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ownStamp are the events whose evidence has a time-stamp of its own; all others
// have an evidence record.
var ownStamp = []string{
	"SubmissionAcceptance", "SubmissionRejection", "SubmissionCancelled", "ConsignmentAcceptance", "ConsignmentRejection",
	"AcceptanceRejectionExpiry", "ContentHandover", "ContentHandoverFailure", "RelayToNonERDS",
}

// finding is what a validator of another maker says about one thing in a file;
// see evidence/testdata/oracle.
type finding struct {
	File, Tool, Kind, Level   string
	Indication, Subindication string
	Errors, Warnings          []string
}

// String is what is expected of it.
func (f finding) String() string {
	return strings.Join([]string{f.Tool, f.Kind, f.Level, f.Indication}, " ")
}

func (f finding) passed() bool { return f.Indication == "TOTAL_PASSED" || f.Indication == "PASSED" }

// othersJudge lets the validators of other makers judge every evidence and
// dossier of a play. They must have nothing to remark; and lest that means
// nothing, they must refuse what was broken on purpose.
//
// EN 319 102-1 §5; the letter is no evidence, and not judged here.
func othersJudge(t *testing.T, out string) {
	var files []string
	err := filepath.WalkDir(out, func(path string, e fs.DirEntry, err error) error {
		if err == nil && slices.Contains([]string{".xml", ".pdf", ".asice"}, filepath.Ext(path)) && e.Name() != "letter.pdf" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	spoiled := spoil(t, files)
	all := slices.Clone(files)
	for _, s := range spoiled {
		all = append(all, s.file)
	}
	found := askOthers(t, filepath.Join(out, "trust"), all)

	for _, path := range files {
		name, err := filepath.Rel(out, path)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, f := range found[path] {
			said = append(said, f.String())
			if len(f.Errors)+len(f.Warnings) != 0 {
				t.Errorf("%s: %s %s says %q and warns %q", name, f, f.Subindication, f.Errors, f.Warnings)
			}
		}
		if want := expected(t, path); !slices.Equal(said, want) {
			t.Errorf("%s:\n got %q\nwant %q", name, said, want)
		}
		if filepath.Ext(path) == ".asice" {
			sameInside(t, path)
		}
	}
	for _, s := range spoiled {
		s.check(t, found[s.file])
	}
	t.Logf("%d files judged by others, %d broken ones refused", len(files), len(spoiled))
}

// expected is what must be said about a file, given its name.
func expected(t *testing.T, path string) []string {
	own := slices.Contains(ownStamp, eventOf(path))
	const stamp, record = "dss timestamp SIGNATURE_TIMESTAMP PASSED", "dss record ASN1_EVIDENCE_RECORD PASSED"
	archival := []string{"verapdf file 3a PASSED", "verapdf file ua1 PASSED"}
	switch ext := filepath.Ext(path); {
	case ext == ".asice":
		list := []string{"dss signature CAdES-BASELINE-LT TOTAL_PASSED", stamp}
		for name := range unpack(t, path) {
			if strings.HasSuffix(name, ".xml") && strings.HasPrefix(name, "evidence/") && !slices.Contains(ownStamp, eventOf(name)) {
				list = append(list, record)
			}
		}
		return list
	case ext == ".pdf" && own:
		return slices.Concat([]string{"dss signature PAdES-BASELINE-LT TOTAL_PASSED", stamp}, archival,
			[]string{"pyhanko signature time-stamped PASSED"})
	case ext == ".pdf":
		return slices.Concat([]string{"dss signature PAdES-BASELINE-B TOTAL_PASSED"}, archival, []string{"pyhanko signature basic PASSED"})
	case own:
		return []string{"dss signature XAdES-BASELINE-LT TOTAL_PASSED", stamp}
	}
	return []string{"dss signature XAdES-BASELINE-B TOTAL_PASSED", record, "bouncycastle record RFC 4998 PASSED"}
}

// eventOf is the event that a file of evidence is named after: 001-Event.xml.
func eventOf(path string) string {
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	_, event, _ := strings.Cut(name, "-")
	return event
}

// sameInside makes sure that the evidence in a dossier is the evidence beside
// it, so that it need not be judged twice.
func sameInside(t *testing.T, dossier string) {
	t.Helper()
	for name, b := range unpack(t, dossier) {
		base, ok := strings.CutPrefix(name, "evidence/")
		if ext := filepath.Ext(base); !ok || ext != ".xml" && ext != ".pdf" {
			continue
		}
		if beside, err := os.ReadFile(filepath.Join(filepath.Dir(dossier), base)); err != nil || !bytes.Equal(b, beside) {
			t.Errorf("%s in %s is not what was handed out by itself: %v", name, dossier, err)
		}
	}
}

// unpack returns the files in a container by name.
func unpack(t *testing.T, path string) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	return files
}

// askOthers lets the validators of other makers judge files with the anchors in
// trust, and returns what they say by file, in their order.
func askOthers(t *testing.T, trust string, files []string) map[string][]finding {
	t.Helper()
	const runners = "../../evidence/testdata/oracle"
	built, err := filepath.Abs("../../.cache/oracle")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(built, "state")); err != nil {
		t.Fatalf("the validators of other makers are not built; make tools does that: %v", err)
	}
	all := map[string][]finding{}
	ask := func(files []string, program string, args ...string) {
		cmd := exec.CommandContext(t.Context(), program, append(args, trust)...)
		cmd.Stdin = strings.NewReader(strings.Join(files, "\n"))
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		said, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", program, err, &complaints)
		}
		lines := bufio.NewScanner(bytes.NewReader(said))
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			var f finding
			if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
				t.Fatal(fmt.Errorf("%s said %q: %w", program, lines.Text(), err))
			}
			all[f.File] = append(all[f.File], f)
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
	}
	ask(files, "java", "-Xmx1g", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", filepath.Join(built, "lib", "*"), "Oracle")
	pdfs := slices.DeleteFunc(slices.Clone(files), func(f string) bool { return filepath.Ext(f) != ".pdf" })
	ask(pdfs, filepath.Join(built, "venv", "bin", "python"), runners+"/pdf.py")
	return all
}
