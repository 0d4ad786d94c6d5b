package statement

import (
	"bytes"
	"crypto"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/pdf"
	pdfsign "github.com/digitorus/pdfsign/sign"

	"github.com/bode-erds/bode/identity"
)

// signWithLibrary signs with digitorus/pdfsign.
func signWithLibrary(t *testing.T, doc []byte, who signer, change func(*pdfsign.SignData)) []byte {
	t.Helper()
	r, err := pdf.NewReader(bytes.NewReader(doc), int64(len(doc)))
	if err != nil {
		t.Fatal(err)
	}
	data := pdfsign.SignData{
		Signature:       pdfsign.SignDataSignature{CertType: pdfsign.ApprovalSignature, Info: pdfsign.SignDataSignatureInfo{Name: "Lotte", Date: time.Now()}},
		Signer:          who.key,
		DigestAlgorithm: crypto.SHA256,
		Certificate:     who.cert,
		SubFilter:       pdfsign.SubFilterETSICAdESDetached,
	}
	change(&data)
	var out bytes.Buffer
	//lint:ignore SA1019 the builder takes no signing time
	if err := pdfsign.SignWithData(bytes.NewReader(doc), &out, r, int64(len(doc)), data); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestSignedByALibrary(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	who := a.issue(rsaKeys()[1])
	c := begun(t, s, identity.Ask{})
	for name, change := range map[string]func(*pdfsign.SignData){
		"invisible": func(*pdfsign.SignData) {},
		"visible": func(d *pdfsign.SignData) {
			d.Appearance = pdfsign.Appearance{Visible: true, Page: 1, LowerLeftX: 70, LowerLeftY: 60, UpperRightX: 400, UpperRightY: 200}
		},
		"legacy": func(d *pdfsign.SignData) { d.SubFilter = pdfsign.SubFilterAdbePKCS7Detached },
		"certifies": func(d *pdfsign.SignData) {
			d.Signature.CertType, d.Signature.DocMDPPerm = pdfsign.CertificationSignature, pdfsign.DoNotAllowAnyChangesPerms
		},
	} {
		doc := signWithLibrary(t, c.Document, who, change)
		p, err := finish(t, s, c, doc)
		if err != nil || p.Family != "Peeters" || p.Checks[6].Result != "ok" {
			t.Errorf("%s: %v %v", name, p.Checks, err)
		}
	}
	over := signWithLibrary(t, c.Document, who, func(d *pdfsign.SignData) {
		d.Appearance = pdfsign.Appearance{Visible: true, Page: 1, LowerLeftX: 0, LowerLeftY: 0, UpperRightX: 595, UpperRightY: 842}
	})
	p, err := finish(t, s, c, over)
	wantRefusal(t, p, err, ErrChanged)
	// A claimed time before the statement, or after now, is another occasion.
	for _, when := range []time.Duration{-time.Hour, time.Hour} {
		doc := signWithLibrary(t, c.Document, who, func(d *pdfsign.SignData) { d.Signature.Info.Date = time.Now().Add(when) })
		p, err := finish(t, s, c, doc)
		wantRefusal(t, p, err, ErrStale)
	}
}

// python is the one that pyHanko lies with.
func python(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../.cache/oracle/venv/bin/python")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("pyHanko is not there; make tools puts it: %v", err)
	}
	return path
}

func TestSignedByAnotherMaker(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	who := a.issue(rsaKeys()[0])
	cert, key := who.files(t)
	c := begun(t, s, identity.Ask{Language: "fr", Text: mandateText})
	dir := t.TempDir()
	blank := filepath.Join(dir, "blank.pdf")
	if err := os.WriteFile(blank, c.Document, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, modes := range [][]string{nil, {"visible"}, {"certifies"}, {"visible", "stamped"}} {
		out := filepath.Join(dir, "signed.pdf")
		said, err := exec.Command(python(t), append([]string{"testdata/foreign.py", blank, out, cert, key}, modes...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("pyHanko %v: %v\n%s", modes, err, said)
		}
		doc, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		p, err := finish(t, s, c, doc)
		if err != nil || p.Family != "Peeters" || p.Approved != mandateText {
			t.Errorf("%v: %v", modes, err)
		}
	}
}

// What we refuse for its form is held against a reader of another maker: the files
// of the other tests must be good ones, or they would prove nothing.
func TestOthersReadOurFiles(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	c := begun(t, a.asking(), identity.Ask{Language: "de", Text: mandateText})
	path := filepath.Join(t.TempDir(), "signed.pdf")
	if err := os.WriteFile(path, signWith(t, c.Document, a.issue(rsaKeys()[0]), how{}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ask := range []struct{ program, say string }{
		{"qpdf --check", "No syntax or stream encoding errors"},
		{"pdfsig", "Signature is Valid"},
		{"pdfsig", "Total document signed"},
		{"pdftotext -layout PATH -", "Karim Yılmaz-Ďuriš"},
		{"pdftotext -layout PATH -", "Erklärung zur Identität"},
	} {
		args := strings.Fields(strings.Replace(ask.program, "PATH", path, 1))
		if !strings.Contains(ask.program, "PATH") {
			args = append(args, path)
		}
		said, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil || !strings.Contains(string(said), ask.say) {
			t.Errorf("%s: %v\n%s", ask.program, err, said)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	keys := map[string]bool{}
	for _, language := range []string{"nl", "fr", "de", "en", "tlh"} {
		w, err := words(language)
		if err != nil {
			t.Fatal(err)
		}
		for key, text := range w {
			if language == "nl" {
				keys[key] = true
			}
			if !keys[key] || text == "" || shown(text) != text {
				t.Errorf("%s: %s %q", language, key, text)
			}
		}
		if len(w) != len(keys) {
			t.Errorf("%s: %d words, want %d", language, len(w), len(keys))
		}
		c := begun(t, s, identity.Ask{Language: language, Text: strings.Repeat("Karim Benali mag ontvangen. ", 60)})
		if f, err := readFile(c.Document); err != nil || len(f.sections) != 1 || bytes.Contains(c.Document, []byte("/Annots")) {
			t.Errorf("%s: %v", language, err)
		}
	}
	for name, bad := range map[string]string{
		"empty": "", "blank": " \n", "long": strings.Repeat("word ", 700), "many lines": strings.Repeat("a\n", 40), "chinese": "漢字", "bell": "a\ab",
		"direction": "a\u202eb", "endless": strings.Repeat("a", 20000), "tab": "a\tb",
	} {
		if s.Approves(bad) {
			t.Errorf("%s: approves", name)
		}
		if _, err := s.Begin(t.Context(), identity.Ask{Text: bad}); bad != "" && !errors.Is(err, ErrChanged) {
			t.Errorf("%s: begun: %v", name, err)
		}
	}
	if !s.Approves(mandateText) || !s.Approves(strings.Repeat("word ", 400)) {
		t.Error("does not approve what fits")
	}
}
