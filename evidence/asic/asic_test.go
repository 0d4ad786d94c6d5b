package asic_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/asic"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// unsigned stands in for the XML checker: the container is what is tested here.
// Validation data, in these tests, is "+LT" after the XML.
type unsigned struct{}

func (c unsigned) Check(doc []byte, t evidence.Trust) evidence.Report {
	return c.CheckWith(doc, evidence.Beside{}, t)
}

func (unsigned) CheckSigned(doc []byte) ([]byte, error) { return doc, nil }

func (unsigned) CheckWith(doc []byte, b evidence.Beside, _ evidence.Trust) evidence.Report {
	var r evidence.Report
	content := bytes.TrimSuffix(doc, []byte("+LT"))
	d, err := evidence.ReadXML(content)
	if r.Add(evidence.CheckContent, err) {
		r.Document, r.Content = &d, content
	}
	if b.Record != nil && !bytes.Equal(b.Record, recordOf(sha256.Sum256(content))) {
		r.Add(evidence.CheckRecord, errors.New("record of something else"))
	}
	if b.Proof != nil {
		r.Log = &evidence.LogInfo{Origin: string(b.Proof)}
		if !bytes.HasPrefix(b.Proof, proofOf(content)) {
			r.Add(evidence.CheckLog, errors.New("proof of something else"))
		}
	}
	return r
}

func recordOf(sum [32]byte) []byte { return fmt.Appendf(nil, "record of %x", sum) }
func proofOf(xml []byte) []byte    { return fmt.Appendf(nil, "proof of %x", sha256.Sum256(xml)) }

type records struct{}

func (records) CheckRecord(record []byte, digest [32]byte, _ evidence.Trust) (evidence.Recorded, error) {
	if !bytes.Equal(record, recordOf(digest)) {
		return evidence.Recorded{}, evidence.ErrToken
	}
	return evidence.Recorded{}, nil
}

// pdf stands in for a PDF checker that may look inside.
type pdf struct{ inside bool }

// A PDF of these tests is "%PDF", the XML, and what stands beside it.
func (p pdf) Check(doc []byte, t evidence.Trust) evidence.Report {
	var r evidence.Report
	content, ok := bytes.CutPrefix(doc, []byte("%PDF"))
	var err error
	if !ok {
		err = errors.New("no PDF")
	}
	fields := bytes.Split(content, []byte("|"))
	r.Content = fields[0]
	if len(fields) == 3 {
		r.Beside = evidence.Beside{Record: fields[1], Proof: fields[2]}
	}
	r.Add(evidence.CheckFormat, err)
	if p.inside {
		inside := unsigned{}.CheckWith(r.Content, r.Beside, t)
		r.Checks, r.Document = append(r.Checks, inside.Checks...), inside.Document
	}
	return r
}

func pdfOf(xml []byte, b evidence.Beside) []byte {
	return bytes.Join([][]byte{append([]byte("%PDF"), xml...), b.Record, b.Proof}, []byte("|"))
}

func checker() asic.Checker { return asic.Checker{XML: unsigned{}, PDF: pdf{}, Record: records{}} }

func file(name, text string) asic.File {
	return asic.File{Name: name, MediaType: "text/plain", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}
}

func dossier(t testing.TB) asic.Dossier {
	t.Helper()
	var d asic.Dossier
	for _, e := range evidencetest.History() {
		doc := evidencetest.Document(e.Name)
		doc.Event = e
		p, err := evidence.Prepare(doc)
		if err != nil {
			t.Fatal(err)
		}
		d.Pieces = append(d.Pieces, asic.Piece{Seq: e.Seq, Event: e.Name, XML: p.XML(), PDF: append([]byte("%PDF"), p.XML()...)})
	}
	// The second is of a batch and logged; the third has validation data since.
	b := &d.Pieces[1]
	b.Beside = evidence.Beside{Record: recordOf(sha256.Sum256(b.XML)), Proof: proofOf(b.XML)}
	b.PDF = pdfOf(b.XML, b.Beside)
	d.Pieces[2].XML = append(d.Pieces[2].XML, "+LT"...)
	d.Content = []asic.File{file("message.txt", "hello world"), file("../../opzegging.pdf", "%PDF-1.7")}
	d.Attachments = []asic.File{file("letter.pdf", "a letter")}
	return d
}

func world(t testing.TB) (*evidencetest.Authority, *asic.Writer) {
	t.Helper()
	a, err := evidencetest.New(evidencetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := asic.New(asic.Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper()})
	if err != nil {
		t.Fatal(err)
	}
	return a, w
}

func pack(t testing.TB, w *asic.Writer, d asic.Dossier) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := w.Write(t.Context(), &b, d, time.Now()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	a, w := world(t)
	r := checker().Check(pack(t, w, dossier(t)), a.Trust())
	if !r.OK() {
		t.Fatal(r.Failures())
	}
	if len(r.Members) != 1+5+5+3+2+1 || r.Document.Event.Name != evidence.ContentHandover || len(r.Stamps) != 1 {
		t.Errorf("got %d members, %+v", len(r.Members), r.Document)
	}
	for _, m := range r.Members {
		logged := m.Report.Log != nil
		if want := m.Name == "evidence/002-NotificationForAcceptance.xml"; logged != want {
			t.Errorf("%s: logged %v, want %v", m.Name, logged, want)
		}
	}
	if !slices.ContainsFunc(r.Unchecked, func(u evidence.Unchecked) bool { return u.Code == evidence.CheckRevocation }) {
		t.Error("nothing says that revocation could not be checked")
	}
}

// The commands of the readme hold, run by tools that are not ours.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"unzip", "openssl", "sh", "base64"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is not installed: .ci/tools names the package", name)
		}
	}
	a, w := world(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "d.asice"), pack(t, w, dossier(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(command string) error {
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			return errors.New(command + ": " + string(out))
		}
		return nil
	}
	if err := run("unzip -t -q d.asice && unzip -q d.asice"); err != nil {
		t.Fatal(err)
	}
	if err := a.WritePEM(dir); err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(dir, "readme.txt"))
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^\$ (.*)$`).FindAllSubmatch(readme, -1)
	if len(commands) != 6 {
		t.Fatalf("got %d commands, want 6", len(commands))
	}
	for _, c := range commands[:2] { // 3 to 6 are about sealed evidence
		if err := run(string(c[1])); err != nil {
			t.Error(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "evidence/001-SubmissionAcceptance.xml"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(string(commands[1][1])); err == nil {
		t.Error("command 2 does not see a changed file")
	}
}

func TestEveryOctetCounts(t *testing.T) {
	t.Parallel()
	a, w := world(t)
	d := dossier(t)
	d.Pieces = d.Pieces[:2]
	d.Pieces[0].PDF, d.Pieces[1].PDF = nil, nil
	d.Content = nil
	d.Validation = a.Validation()
	doc, trust := pack(t, w, d), a.Trust()
	if r := checker().Check(doc, trust); !r.OK() || len(r.Unchecked) > 0 {
		t.Fatal(r.Failures(), r.Unchecked)
	}
	for i := range doc {
		bits := []int{i % 8}
		if i > len(doc)-1024 { // directory: every bit
			bits = []int{0, 1, 2, 3, 4, 5, 6, 7}
		}
		for _, bit := range bits {
			bad := bytes.Clone(doc)
			bad[i] ^= 1 << bit
			if r := checker().Check(bad, trust); r.OK() {
				t.Fatalf("octet %d bit %d accepted, near %q", i, bit, bad[max(0, i-30):min(len(bad), i+30)])
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	a, w := world(t)
	stranger, _ := world(t)
	good := pack(t, w, dossier(t))
	change := func(f func(*asic.Dossier)) []byte {
		d := dossier(t)
		f(&d)
		return pack(t, w, d)
	}
	cases := []struct {
		name  string
		doc   []byte
		trust evidence.Trust
		code  evidence.Code
	}{
		{"nothing", nil, a.Trust(), evidence.CheckFormat},
		{"appended", append(bytes.Clone(good), 0), a.Trust(), evidence.CheckFormat},
		{"prepended", append([]byte{0}, good...), a.Trust(), evidence.CheckFormat},
		{"truncated", good[:len(good)-100], a.Trust(), evidence.CheckFormat},
		{"stranger", good, stranger.Trust(), evidence.CheckTimeStamp},
		{"first event missing", change(func(d *asic.Dossier) { d.Pieces = d.Pieces[1:] }), a.Trust(), evidence.CheckChain},
		{"middle event missing", change(func(d *asic.Dossier) { d.Pieces = slices.Delete(d.Pieces, 2, 3) }), a.Trust(), evidence.CheckChain},
		{"event under another name", change(func(d *asic.Dossier) { d.Pieces[1].Event = evidence.NotificationDelivered }), a.Trust(), evidence.CheckMember},
		{"PDF of another event", change(func(d *asic.Dossier) { d.Pieces[3].PDF = d.Pieces[4].PDF }), a.Trust(), evidence.CheckMember},
		{"PDF with another record", change(func(d *asic.Dossier) {
			d.Pieces[1].PDF = pdfOf(d.Pieces[1].XML, evidence.Beside{Record: []byte("x"), Proof: d.Pieces[1].Proof})
		}), a.Trust(), evidence.CheckMember},
		{"PDF with another proof", change(func(d *asic.Dossier) {
			d.Pieces[1].PDF = pdfOf(d.Pieces[1].XML, evidence.Beside{Record: d.Pieces[1].Record, Proof: []byte("x")})
		}), a.Trust(), evidence.CheckMember},
		{"record of another XML", change(func(d *asic.Dossier) { d.Pieces[1].Record = recordOf(sha256.Sum256(d.Pieces[0].XML)) }), a.Trust(), evidence.CheckMember},
		{"record of the XML as it was issued", change(func(d *asic.Dossier) {
			d.Pieces[2].Record = recordOf(sha256.Sum256(bytes.TrimSuffix(d.Pieces[2].XML, []byte("+LT"))))
		}), a.Trust(), evidence.CheckMember},
		{"proof of another XML", change(func(d *asic.Dossier) { d.Pieces[1].Proof = d.Pieces[0].XML }), a.Trust(), evidence.CheckMember},
		{"no PDF at all", change(func(d *asic.Dossier) { d.Pieces[1].PDF = []byte("x") }), a.Trust(), evidence.CheckMember},
		{"no evidence", change(func(d *asic.Dossier) { d.Pieces[0].XML = []byte("<a></a>") }), a.Trust(), evidence.CheckMember},
		{"content that was not sent", change(func(d *asic.Dossier) { d.Content[0] = file("message.txt", "hello moon") }), a.Trust(), evidence.CheckChain},
	}
	inside := checker()
	inside.PDF = pdf{inside: true}
	if r := inside.Check(good, a.Trust()); !r.OK() {
		t.Error(r.Failures())
	}
	for _, c := range cases {
		if inside.Check(c.doc, c.trust).OK() {
			t.Errorf("%s: accepted when PDFs are looked into", c.name)
		}
		r := checker().Check(c.doc, c.trust)
		if r.OK() || !slices.ContainsFunc(r.Checks, func(x evidence.Check) bool { return x.Code == c.code && !x.OK }) {
			t.Errorf("%s: want %s to fail, got ok=%v %s", c.name, c.code, r.OK(), r.Failures())
		}
	}
	if r := (asic.Checker{XML: unsigned{}, Record: records{}}).Check(good, a.Trust()); r.OK() {
		t.Error("a PDF that nobody can check was accepted")
	}
	if r := (asic.Checker{XML: unsigned{}, PDF: pdf{}}).Check(good, a.Trust()); r.OK() {
		t.Error("a record that nobody can check was accepted")
	}
}

func TestWriteErrors(t *testing.T) {
	t.Parallel()
	a, w := world(t)
	sum := sha256.Sum256([]byte("other"))
	turns := 0
	for name, c := range map[string]struct {
		change func(*asic.Dossier)
		want   error
	}{
		"empty":          {func(d *asic.Dossier) { d.Pieces = nil }, asic.ErrDossier},
		"out of order":   {func(d *asic.Dossier) { slices.Reverse(d.Pieces) }, asic.ErrDossier},
		"twice the same": {func(d *asic.Dossier) { d.Pieces[1] = d.Pieces[0] }, asic.ErrDossier},
		"no XML":         {func(d *asic.Dossier) { d.Pieces[0].XML = nil }, asic.ErrDossier},
		"unknown event":  {func(d *asic.Dossier) { d.Pieces[0].Event = "X" }, asic.ErrDossier},
		"no way to open": {func(d *asic.Dossier) { d.Content[0].Open = nil }, asic.ErrDossier},
		"wrong digest":   {func(d *asic.Dossier) { d.Content[0].SHA256 = hex.EncodeToString(sum[:]) }, asic.ErrContent},
		"unreadable": {func(d *asic.Dossier) {
			d.Content[0].Open = func(context.Context) (io.ReadCloser, error) { return nil, io.ErrUnexpectedEOF }
		}, io.ErrUnexpectedEOF},
		"changes while read": {func(d *asic.Dossier) {
			d.Content[0].Open = func(context.Context) (io.ReadCloser, error) {
				turns++
				return io.NopCloser(strings.NewReader(strings.Repeat("x", turns))), nil
			}
		}, asic.ErrContent},
	} {
		d := dossier(t)
		c.change(&d)
		if err := w.Write(t.Context(), io.Discard, d, time.Now()); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	a.SetFault(evidencetest.Down)
	if err := w.Write(t.Context(), io.Discard, dossier(t), time.Now()); !errors.Is(err, evidencetest.ErrRefused) {
		t.Errorf("without a time-stamp: got %v", err)
	}
	none := errors.New("none")
	w, err := asic.New(asic.Config{Stamper: a.Stamper(), Key: func(time.Time) (evidence.SealKey, error) { return nil, none }})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(t.Context(), io.Discard, dossier(t), time.Now()); !errors.Is(err, none) {
		t.Errorf("without a key: got %v", err)
	}
	if _, err := asic.New(asic.Config{}); !errors.Is(err, asic.ErrConfig) {
		t.Errorf("without anything: got %v", err)
	}
}

// The seal would stop everything that is not ours: what it guards is tried alone.
func FuzzOpen(f *testing.F) {
	_, w := world(f)
	d := dossier(f)
	d.Pieces, d.Content, d.Attachments = d.Pieces[:2], nil, nil
	for i := range d.Pieces {
		d.Pieces[i].XML, d.Pieces[i].PDF = []byte("<x></x>"), []byte("%PDF")
	}
	f.Add(pack(f, w, d))
	d.Pieces[1].Beside = evidence.Beside{}
	f.Add(pack(f, w, d))
	f.Fuzz(func(t *testing.T, doc []byte) {
		names, err := asic.Open(doc)
		if err == nil && (len(names) < 2 || !strings.HasPrefix(names[0], "readme")) {
			t.Errorf("accepted %q", names)
		}
	})
}

func FuzzCheck(f *testing.F) {
	a, w := world(f)
	d := dossier(f)
	d.Pieces, d.Content = d.Pieces[:1], nil
	d.Validation = a.Validation()
	f.Add(pack(f, w, d))
	trust := a.Trust()
	f.Fuzz(func(t *testing.T, doc []byte) { checker().Check(doc, trust) })
}
