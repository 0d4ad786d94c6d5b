package asic_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
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
	"github.com/bode-erds/bode/evidence/ers"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/pades"
	"github.com/bode-erds/bode/evidence/tlog"
	"github.com/bode-erds/bode/evidence/xades"
)

// factory makes real evidence of one delivery, now: the tools of others judge
// certificates by their own clock.
type factory struct {
	now   time.Time
	a     *evidencetest.Authority
	xml   *xades.Sealer
	pdf   *pades.Sealer
	trust evidence.Trust
	docs  []evidence.Document
}

func newFactory(t testing.TB, n int) *factory {
	t.Helper()
	f := &factory{now: time.Now().UTC().Truncate(time.Second)}
	var err error
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	f.a, err = evidencetest.New(evidencetest.Config{Now: func() time.Time { return f.now }})
	check(err)
	f.xml, err = xades.New(xades.Config{Key: evidence.FixedKey(f.a.SealKey()), Stamper: f.a.Stamper()})
	check(err)
	f.pdf, err = pades.New(pades.Config{Key: evidence.FixedKey(f.a.SealKey()), Stamper: f.a.Stamper()})
	check(err)
	f.trust = f.a.Trust()
	var history []evidence.Event
	for i := range n {
		name := evidence.NotificationForAcceptance
		if i == 0 {
			name = evidence.SubmissionAcceptance
		}
		doc := evidencetest.Document(name)
		e := &doc.Event
		e.ID = fmt.Sprintf("%s%02x", e.ID[:len(e.ID)-2], i+1)
		e.Seq, e.At = i+1, f.now.Add(time.Duration(i-n)*time.Minute)
		if i > 0 {
			body, err := history[i-1].Encode()
			check(err)
			e.Prev = evidence.HashHex(body)
		}
		doc.History = slices.Clone(history)
		history = append(history, *e)
		f.docs = append(f.docs, doc)
	}
	return f
}

// tiles keeps a log in memory.
type tiles map[string][]byte

func (m tiles) Tile(_ context.Context, level int, index int64) ([]byte, error) {
	return m[fmt.Sprint(level, index)], nil
}

// proofs logs content and proves where.
func (f *factory) proofs(t testing.TB, content [][]byte) [][]byte {
	t.Helper()
	key, err := tlog.GenerateKey(filepath.Join(t.TempDir(), "log.key"), "log.example/bode")
	if err != nil {
		t.Fatal(err)
	}
	f.trust.Log = key.Public()
	var entries [][32]byte
	for _, c := range content {
		entries = append(entries, sha256.Sum256(c))
	}
	stored := tiles{}
	g, err := tlog.Grow(t.Context(), stored, 0, entries)
	if err != nil {
		t.Fatal(err)
	}
	for _, tile := range slices.Concat(g.Tiles, g.Entries) {
		stored[fmt.Sprint(tile.Level, tile.Index)] = tile.Hashes
	}
	note, err := key.Checkpoint(g.Size, g.Root)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]byte
	for i := range entries {
		path, err := tlog.Prove(t.Context(), stored, g.Size, int64(i))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, tlog.FormatProof(int64(i), path, note))
	}
	return list
}

// pack seals everything: every other evidence has its own time-stamp and got
// validation data since, the rest is of one batch, and one record was renewed.
func (f *factory) pack(t testing.TB) []byte {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	var d asic.Dossier
	var content [][]byte
	var leaves [][32]byte
	for i, doc := range f.docs {
		p, err := evidence.Prepare(doc)
		check(err)
		content = append(content, p.XML())
		xml, err := f.xml.SignXML(p, f.now)
		check(err)
		if i%2 == 0 {
			xml, err = f.xml.StampXML(t.Context(), xml)
			check(err)
		} else {
			leaves = append(leaves, sha256.Sum256(xml))
		}
		d.Pieces = append(d.Pieces, asic.Piece{Seq: doc.Event.Seq, Event: doc.Event.Name, XML: xml})
	}
	tree, err := ers.NewTree(leaves)
	check(err)
	root := tree.Root()
	token, err := f.a.Stamper().Stamp(t.Context(), root[:])
	check(err)
	for i, proof := range f.proofs(t, content) {
		p, own := &d.Pieces[i], i%2 == 0
		p.Proof = proof
		if !own {
			p.Record, err = tree.Record(i/2, token)
			check(err)
			p.Record, err = ers.Extend(p.Record, f.a.ValidationByLists())
			check(err)
		}
		p.PDF, err = f.pdf.SealPDF(t.Context(), f.docs[i], evidence.Attached{XML: p.XML, Beside: p.Beside,
			Stamp: evidence.TokenInfo{Time: f.now, Serial: "1", Authority: "CN=Time-Stamp Unit"}, Own: own}, f.now)
		check(err)
		if own {
			p.XML, err = xades.Extend(p.XML, f.a.ValidationByLists())
			check(err)
		}
	}
	f.renew(t, &d.Pieces[1])
	d.Validation = f.a.ValidationByLists()
	w, err := asic.New(asic.Config{Key: evidence.FixedKey(f.a.SealKey()), Stamper: f.a.Stamper()})
	check(err)
	d.Content = []asic.File{file("message.txt", "hello world")}
	var b bytes.Buffer
	check(w.Write(t.Context(), &b, d, f.now))
	return b.Bytes()
}

// renew adds a time-stamp to the record of p, a second later.
func (f *factory) renew(t testing.TB, p *asic.Piece) {
	t.Helper()
	leaf, err := ers.RenewalDigest(p.Record)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := ers.NewTree([][32]byte{{1}, leaf, {2}})
	if err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(time.Second)
	root := tree.Root()
	token, err := f.a.Stamper().Stamp(t.Context(), root[:])
	if err != nil {
		t.Fatal(err)
	}
	if p.Record, err = ers.Renewed(p.Record, tree, 1, token); err != nil {
		t.Fatal(err)
	}
}

func everything() asic.Checker {
	xml := xades.Checker{Record: ers.Checker{}, Proof: tlog.Checker{}}
	return asic.Checker{XML: xml, PDF: pades.Checker{XML: xml}, Record: ers.Checker{}}
}

// A whole dossier holds, to us and to the tools that its readme names, and those
// see a change of what they are for.
func TestWholeDossier(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"unzip", "openssl", "xmlsec1", "pdfsig", "sh", "basenc"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is not installed: .ci/tools names the package", name)
		}
	}
	f := newFactory(t, 5)
	doc := f.pack(t)
	r := everything().Check(doc, f.trust)
	if !r.OK() {
		t.Fatal(r.Failures())
	}
	for _, m := range r.Members {
		if strings.HasSuffix(m.Name, ".xml") && strings.HasPrefix(m.Name, "evidence/") &&
			(m.Report.Log == nil || len(m.Report.Unchecked) > 0) {
			t.Errorf("%s: log %v, unchecked %v", m.Name, m.Report.Log, m.Report.Unchecked)
		}
	}
	dir := t.TempDir()
	if err := f.a.WritePEM(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "d.asice"), doc, 0o600); err != nil {
		t.Fatal(err)
	}
	shell := func(command string) ([]byte, error) {
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = dir
		return cmd.CombinedOutput()
	}
	if out, err := shell("unzip -q d.asice"); err != nil {
		t.Fatal(string(out))
	}
	readme, err := os.ReadFile(filepath.Join(dir, "readme.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, c := range regexp.MustCompile(`(?m)^\$ (.*)$`).FindAllSubmatch(readme, -1) {
		commands = append(commands, string(c[1]))
		if out, err := shell(string(c[1])); err != nil {
			t.Errorf("command %d: %s", len(commands), out)
		}
	}
	for _, c := range []struct {
		command  int
		name     string
		old, new string
	}{
		{2, "content/01-message.txt", "hello", "hallo"},
		{3, "evidence/001-SubmissionAcceptance.xml", "Opzegging", "Verlenging"},
		{4, "evidence/001-SubmissionAcceptance.xml", "<ds:SignatureValue Id=\"", "<ds:SignatureValue Id=\"x"},
		{5, "evidence/002-NotificationForAcceptance.xml", "Opzegging", "Verlenging"},
		{5, "META-INF/evidencerecord002.ers", "\x04\x20", "\x04\x20\x00"},
		{6, "evidence/003-NotificationForAcceptance.pdf", "%%EOF", "%%EOFx"},
	} {
		path := filepath.Join(dir, filepath.FromSlash(c.name))
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Replace(good, []byte(c.old), []byte(c.new), 1)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := shell(commands[c.command-1])
		if bytes.Equal(good, bad) || err == nil && (c.command != 6 || !bytes.Contains(out, []byte("Not total document signed"))) {
			t.Errorf("command %d does not see a change of %s: %s", c.command, c.name, out)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkCheckWhole checks 30 pieces of evidence, each XML and PDF. The limit is
// a second on one processor.
func BenchmarkCheckWhole(b *testing.B) {
	f := newFactory(b, 30)
	doc := f.pack(b)
	b.ReportAllocs()
	for b.Loop() {
		if r := everything().Check(doc, f.trust); !r.OK() {
			b.Fatal(r.Failures())
		}
	}
}
