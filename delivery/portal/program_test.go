package portal_test

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/asic"
	"github.com/bode-erds/bode/evidence/ers"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/pades"
	"github.com/bode-erds/bode/evidence/tlog"
	"github.com/bode-erds/bode/evidence/xades"
)

// samples is the evidence of one delivery, of which the second is in a batch, in
// a folder; and what a service that issued it believes.
type samples struct {
	dir     string
	trust   evidence.Trust
	anchors portal.Anchors
}

func newSamples(t testing.TB) samples {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s := samples{dir: t.TempDir()}
	put := func(name string, b []byte) { must(os.WriteFile(filepath.Join(s.dir, name), b, 0o600)) }
	at := evidencetest.At().Add(6 * time.Hour)
	a, err := evidencetest.New(evidencetest.Config{Now: func() time.Time { return at }})
	must(err)
	key, err := tlog.GenerateKey(filepath.Join(t.TempDir(), "log.key"), "bode.example/log")
	must(err)
	s.trust = a.Trust()
	s.trust.Log = key.Public()
	pem := t.TempDir()
	must(a.WritePEM(pem))
	for name, into := range map[string]*string{evidence.SealAnchors: &s.anchors.Seal, evidence.TSAAnchors: &s.anchors.TSA} {
		b, err := os.ReadFile(filepath.Join(pem, name))
		must(err)
		*into = string(b)
	}
	s.anchors.Log = key.Public() + "\n"
	x, err := xades.New(xades.Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper()})
	must(err)
	p, err := pades.New(pades.Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper()})
	must(err)
	v := judges()
	engine := evidence.Engine{XML: x, XMLChecker: v.XML, PDF: p, PDFChecker: v.PDF, Trust: s.trust}
	var dossier asic.Dossier
	for i, e := range evidencetest.History()[:2] {
		doc := evidencetest.Document(e.Name)
		doc.Event, doc.History = e, evidencetest.History()[:i]
		prepared, err := evidence.Prepare(doc)
		must(err)
		xml, err := engine.Sign(prepared, at)
		must(err)
		piece := asic.Piece{Seq: e.Seq, Event: e.Name}
		if i == 0 {
			xml, _, err = engine.Stamp(t.Context(), xml)
			must(err)
		} else {
			tree, err := ers.NewTree([][32]byte{sha256.Sum256(xml), sha256.Sum256([]byte("another"))})
			must(err)
			root := tree.Root()
			token, err := a.Stamper().Stamp(t.Context(), root[:])
			must(err)
			piece.Record, err = tree.Record(0, token)
			must(err)
			put("batched.ers", piece.Record)
			put("batched.xml", xml)
		}
		log := tiles{}
		growth, err := tlog.Grow(t.Context(), log, 0, [][32]byte{sha256.Sum256(prepared.XML())})
		must(err)
		for _, tile := range growth.Tiles {
			log[[2]int64{int64(tile.Level), tile.Index}] = tile.Hashes
		}
		path, err := tlog.Prove(t.Context(), log, growth.Size, 0)
		must(err)
		checkpoint, err := key.Checkpoint(growth.Size, growth.Root)
		must(err)
		piece.XML, piece.Proof = xml, tlog.FormatProof(0, path, checkpoint)
		piece.PDF, _, err = engine.Finish(t.Context(), doc, xml, piece.Beside, i == 0, at)
		must(err)
		dossier.Pieces = append(dossier.Pieces, piece)
	}
	put("batched.tlog-proof", dossier.Pieces[1].Proof)
	put("good.pdf", dossier.Pieces[0].PDF)
	changed := slices.Clone(dossier.Pieces[0].PDF)
	changed[len(changed)/2] ^= 1
	put("changed.pdf", changed)
	put("holiday.jpg", []byte("\xff\xd8\xff nothing of ours"))
	w, err := asic.New(asic.Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper()})
	must(err)
	f, err := os.Create(filepath.Join(s.dir, "dossier.asice"))
	must(err)
	must(w.Write(t.Context(), f, dossier, at))
	must(f.Close())
	return s
}

// tiles is a log in memory.
type tiles map[[2]int64][]byte

func (t tiles) Tile(_ context.Context, level int, index int64) ([]byte, error) {
	return t[[2]int64{int64(level), index}], nil
}

// judges is the verifier as the programs have it.
func judges() evidence.Verifier {
	xml := xades.Checker{Record: ers.Checker{}, Proof: tlog.Checker{}}
	pdf := pades.Checker{XML: xml}
	return evidence.Verifier{XML: xml, PDF: pdf, Dossier: asic.Checker{XML: xml, PDF: pdf, Record: ers.Checker{}}}
}

func (s samples) file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// buildProgram makes the verifier for browsers, as the Makefile does.
func buildProgram(t testing.TB) fstest.MapFS {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("make", "-s", "-C", filepath.Join("..", ".."), "verifier", "VERIFIER="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make verifier: %v\n%s", err, out)
	}
	fsys := fstest.MapFS{}
	for _, name := range []string{portal.ProgramFile, portal.GoScript} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		fsys[name] = &fstest.MapFile{Data: b}
	}
	return fsys
}

// choose gives files to the page and waits for what it says of them.
func (s *screen) choose(results int, files ...string) {
	s.r.t.Helper()
	s.do(chromedp.Navigate(s.r.server.URL + "/verify?lang=" + s.lang))
	s.wait(`document.querySelector("#document").multiple`)
	s.do(chromedp.SetUploadFiles(chromedp.CSS(`#document`), files))
	s.wait(fmt.Sprintf(`document.querySelectorAll("article.verdict").length === %d`, results))
}

func (s *screen) wait(condition string) {
	s.r.t.Helper()
	for range 1200 {
		if value[bool](s, condition) {
			return
		}
		<-time.After(50 * time.Millisecond) // the browser is another process
	}
	s.r.t.Fatalf("%s %s: never %s; the page says %q", s.name, s.lang, condition, value[string](s, `document.querySelector("main").innerText`))
}

// TestVerifyInBrowser holds the page against the verifier: the same verdict and
// the same answers in every language, while no file leaves the browser.
func TestVerifyInBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the verifier for browsers")
	}
	s := newSamples(t)
	program := buildProgram(t)
	for lang, size := range map[string]struct {
		name          string
		width, height int64
		scheme        string
	}{"nl": {"desktop", 1280, 900, "light"}, "fr": {"phone", 390, 844, "light"}, "de": {"narrow", 320, 640, "dark"}, "en": {"desktop", 1280, 900, "dark"}} {
		t.Run(lang, func(t *testing.T) {
			r := newRig(t, func(c *portal.Config) { c.Program, c.Anchors = program, s.anchors })
			screen := newScreen(r, lang, size.name, size.width, size.height, size.scheme)
			screen.open("browser-verify", "/verify?lang="+lang)
			for _, c := range []struct {
				doc    string
				beside []string
				ok     bool
			}{
				{"good.pdf", nil, true},
				{"batched.xml", []string{"batched.ers", "batched.tlog-proof"}, true},
				{"dossier.asice", nil, true},
				{"batched.xml", nil, false},
				{"changed.pdf", nil, false},
				{"holiday.jpg", nil, false},
			} {
				screen.verifies(s, c.doc, c.beside, c.ok)
			}
			screen.choose(3, filepath.Join(s.dir, "good.pdf"), filepath.Join(s.dir, "changed.pdf"), filepath.Join(s.dir, "batched.tlog-proof"))
			r.asked.Lock()
			defer r.asked.Unlock()
			for _, q := range r.asked.list {
				if !strings.HasPrefix(q, "GET ") || !strings.HasSuffix(q, " 0") {
					t.Errorf("the browser sent %s", q)
				}
			}
		})
	}
}

func (s *screen) verifies(from samples, doc string, beside []string, ok bool) {
	t := s.r.t
	t.Helper()
	files := []string{filepath.Join(from.dir, doc)}
	var b evidence.Beside
	for _, name := range beside {
		files = append(files, filepath.Join(from.dir, name))
		if filepath.Ext(name) == evidence.RecordSuffix {
			b.Record = from.file(t, name)
		} else {
			b.Proof = from.file(t, name)
		}
	}
	want := judges().CheckWith(from.file(t, doc), b, from.trust)
	if want.OK() != ok {
		t.Fatalf("%s: %s", doc, want.Failures())
	}
	s.choose(1, files...)
	s.look(fmt.Sprintf("browser-%s-%d", strings.ReplaceAll(doc, ".", "-"), len(beside)))
	said := value[string](s, `document.querySelector("main").innerText`)
	texts := []string{want.Verdict(s.lang)}
	for _, c := range want.Checks {
		texts = append(texts, c.Words(s.lang), c.Detail)
	}
	for _, u := range want.Unchecked {
		texts = append(texts, u.Words(s.lang))
	}
	if ok {
		texts = append(texts, want.Document.Event.Name.Title(s.lang), want.Document.Event.Subject, want.Stamps[0].Serial, want.Signer)
	}
	for _, text := range texts {
		if !strings.Contains(said, text) {
			t.Errorf("%s %s: the page does not say %q:\n%s", s.lang, doc, text, said)
		}
	}
	if bad := value[int](s, `document.querySelectorAll("article .note.bad, article .checks .bad").length`); ok != (bad == 0) {
		t.Errorf("%s %s: %d bad signs", s.lang, doc, bad)
	}
}

// Without a program there is no trace of one, and the page says where files go.
func TestVerifyWithoutProgram(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser().get(r.server.URL+"/verify?lang=en").shows("Your file is sent to us for this check").hides("data-worker", "verify.js", "does not leave")
	if csp := b.header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || strings.Contains(csp, "connect-src") {
		t.Errorf("policy %q", csp)
	}
	for _, path := range []string{"/verify/worker.js", "/verify/wasm_exec.js", "/verify/erdverify.wasm", "/verify/trust.json"} {
		r.browser().get(r.server.URL+path).want(http.StatusNotFound, path)
	}
}

func TestProgramFiles(t *testing.T) {
	t.Parallel()
	var zipped strings.Builder
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, "\x00asm")
	_ = z.Close()
	program := fstest.MapFS{portal.ProgramFile: {Data: []byte(zipped.String())}, portal.GoScript: {Data: []byte("globalThis.Go = 1")}}
	anchors := portal.Anchors{Seal: "seal", TSA: "tsa", Log: "log"}
	r := newRig(t, func(c *portal.Config) { c.Program, c.Anchors = program, anchors })
	for path, want := range map[string]struct{ kind, body string }{
		"/verify/erdverify.wasm": {"application/wasm", "\x00asm"},
		"/verify/wasm_exec.js":   {"text/javascript; charset=utf-8", "globalThis.Go = 1"},
		"/verify/trust.json":     {"application/json", `{"ca":"seal","tsa":"tsa","log":"log"}`},
	} {
		b := r.browser().get(r.server.URL+path).want(http.StatusOK, path)
		if got := b.header; b.body != want.body || got.Get("Content-Type") != want.kind || got.Get("Cache-Control") != "no-cache" || got.Get("ETag") == "" {
			t.Errorf("%s: %q, %v", path, b.body, got)
		}
		if csp := b.header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.server.URL+path, nil)
		r.must(err)
		q.Header.Set("If-None-Match", b.header.Get("ETag"))
		if again := r.browser().send(q); again.status != http.StatusNotModified {
			t.Errorf("%s: again %d", path, again.status)
		}
	}
	worker := r.browser().get(r.server.URL+"/verify/worker.js").want(http.StatusOK, "/verify/worker.js")
	if csp := worker.header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self' 'wasm-unsafe-eval';") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("policy of the worker %q", csp)
	}
	page := r.browser().get(r.server.URL + "/verify?lang=en").shows("does not leave your browser")
	if csp := page.header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || strings.Contains(csp, "connect-src") || !strings.Contains(csp, "worker-src 'self'") {
		t.Errorf("policy of the page %q", csp)
	}
	for name, fsys := range map[string]fstest.MapFS{"no script": {portal.ProgramFile: {}}, "no program": {portal.GoScript: {}}} {
		cfg := r.config
		cfg.Program = fsys
		if _, err := portal.New(cfg); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A program that does not start is said to the reader; nothing is sent instead.
func TestVerifyBroken(t *testing.T) {
	t.Parallel()
	s := newSamples(t)
	program := fstest.MapFS{portal.ProgramFile: {Data: []byte("no program")}, portal.GoScript: {Data: []byte("globalThis.Go = class {}")}}
	r := newRig(t, func(c *portal.Config) { c.Program, c.Anchors = program, s.anchors })
	screen := newScreen(r, "en", "desktop", 1280, 900, "light")
	screen.do(chromedp.Navigate(r.server.URL + "/verify?lang=en"))
	screen.wait(`document.querySelector("#document").multiple`)
	screen.do(chromedp.Click(chromedp.CSS(`main form button`)))
	screen.wait(`document.querySelector("#verify-state").textContent === "Choose a file first."`)
	screen.do(chromedp.SetUploadFiles(chromedp.CSS(`#document`), []string{filepath.Join(s.dir, "good.pdf")}))
	screen.wait(`document.querySelector("#verify-state").textContent.startsWith("The check in your browser did not succeed")`)
	screen.look("browser-broken")
	r.asked.Lock()
	defer r.asked.Unlock()
	for _, q := range r.asked.list {
		if !strings.HasPrefix(q, "GET ") {
			t.Errorf("the browser sent %s", q)
		}
	}
}
