package xades_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/xades"
)

type world struct {
	*evidencetest.Authority
	sealer *xades.Sealer
}

func newWorld(t testing.TB, key string) world {
	t.Helper()
	at := evidencetest.At().Add(3 * time.Second)
	a, err := evidencetest.New(evidencetest.Config{Key: key, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	s, err := xades.New(xades.Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper()})
	if err != nil {
		t.Fatal(err)
	}
	return world{a, s}
}

func (w world) seal(t testing.TB, d evidence.Document) []byte {
	t.Helper()
	p, err := evidence.Prepare(d)
	if err != nil {
		t.Fatal(err)
	}
	b, err := seal(t, w.sealer, p, evidencetest.At().Add(2*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// seal signs and stamps.
func seal(t testing.TB, s *xades.Sealer, p *evidence.Prepared, at time.Time) ([]byte, error) {
	b, err := s.SignXML(p, at)
	if err != nil {
		return nil, err
	}
	return s.StampXML(t.Context(), b)
}

func write(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: .ci/tools names the package", name)
	}
	return path
}

// xmlsec runs xmlsec1 on a signed document.
func xmlsec(t testing.TB, w world, signed []byte) error {
	t.Helper()
	bin := tool(t, "xmlsec1")
	dir := t.TempDir()
	if err := w.WritePEM(dir); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(bin, "--verify", "--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties",
		"--trusted-pem", filepath.Join(dir, "ca.pem"), write(t, "e.xml", signed)).CombinedOutput()
	if err != nil {
		return errors.New(string(out))
	}
	return nil
}

func TestEveryKeyAndEvent(t *testing.T) {
	t.Parallel()
	schema, err := filepath.Abs("../testdata/schema/19522-3.xsd")
	if err != nil {
		t.Fatal(err)
	}
	lint := tool(t, "xmllint")
	for _, key := range []string{"P-256", "P-384", "RSA-3072"} {
		w := newWorld(t, key)
		for _, name := range evidence.Names() {
			t.Run(key+"/"+string(name), func(t *testing.T) {
				t.Parallel()
				signed := w.seal(t, evidencetest.Document(name))
				r := xades.Checker{}.Check(signed, w.Trust())
				if !r.OK() {
					t.Fatalf("own check: %s", r.Failures())
				}
				if r.Document.Event.Name != name || len(r.Stamps) != 1 || !strings.Contains(r.Signer, "Evidence Seal") {
					t.Errorf("report: got %+v", r)
				}
				if out, err := exec.Command(lint, "--nonet", "--noout", "--schema", schema, write(t, "e.xml", signed)).CombinedOutput(); err != nil {
					t.Errorf("schema: %s", out)
				}
				if err := xmlsec(t, w, signed); err != nil {
					t.Errorf("xmlsec1: %v", err)
				}
			})
		}
	}
}

// Text that hand-made canonical XML gets wrong.
func TestAwkwardText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "P-256")
	for _, text := range []string{
		"a\r\nb", "\rx\r", "tab\there", "\n", "  leading and trailing  ", `"quotes" & 'apostrophes'`, "]]>", "<e:Evidence>",
		"&amp; &#xD;", "𝔅𝔬𝔡𝔢 🐎", "e\u0301\u200f\u2028\u0085", "<!-- no comment -->", "<![CDATA[x]]>",
		"\u202eRLO\u202c \u2066LRI\u2069", "\ufeffBOM\ufeff", "\u200b\u200c\u200d", "\u007f\u009f", everyPlane(),
	} {
		d := evidencetest.Document(evidence.ContentHandover)
		d.Event.Subject, d.Event.Reference = text, text
		d.Event.Sender.Identifier.Scheme = "S" + text
		d.Event.Reasons = []evidence.Reason{{Code: "technical", Text: text}}
		d.Event.Parts[0].Name = text
		signed := w.seal(t, d)
		if r := (xades.Checker{}).Check(signed, w.Trust()); !r.OK() {
			t.Errorf("%q: %s", text, r.Failures())
		} else if r.Document.Event.Subject != text {
			t.Errorf("%q: read back as %q", text, r.Document.Event.Subject)
		}
		if err := xmlsec(t, w, signed); err != nil {
			t.Errorf("%q: xmlsec1: %v", text, err)
		}
	}
}

// everyPlane has characters from both ends of every Unicode plane.
func everyPlane() string {
	var b strings.Builder
	for plane := rune(0); plane <= 16; plane++ {
		for _, r := range []rune{0x21, 0x5A5A, 0xD7FF, 0xE000, 0xFFFD} {
			b.WriteRune(plane<<16 | r)
		}
	}
	return b.String()
}

func TestEveryOctetCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "P-256")
	signed := w.seal(t, evidencetest.Document(evidence.ConsignmentAcceptance))
	trust := w.Trust()
	for i := range signed {
		bad := bytes.Clone(signed)
		bad[i] ^= 1 << (i % 8)
		if r := (xades.Checker{}).Check(bad, trust); r.OK() || r.Content != nil || r.Document != nil {
			t.Fatalf("octet %d accepted, near %q", i, bad[max(0, i-30):min(len(bad), i+30)])
		}
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t, "P-256"), newWorld(t, "P-256")
	doc := evidencetest.Document(evidence.ContentHandover)
	signed := string(w.seal(t, doc))
	foreign := w.Trust()
	foreign.TSA = other.Trust().TSA
	otherSeal := w.Trust()
	otherSeal.Seal = other.Trust().Seal
	policy := w.Trust()
	policy.Policies = []string{"1.2.3"}
	d2 := doc
	d2.Nonce[0]++
	second := string(w.seal(t, d2))
	signatureOf := func(s string) string {
		return s[strings.Index(s, "<ds:Signature "):strings.LastIndex(s, "</e:Evidence>")]
	}
	cases := []struct {
		name, doc string
		trust     evidence.Trust
		code      evidence.Code
	}{
		{"empty", "", w.Trust(), evidence.CheckFormat},
		{"no signature", strings.Replace(signed, signatureOf(signed), "", 1), w.Trust(), evidence.CheckFormat},
		{"two signatures", strings.Replace(signed, "</e:Evidence>", signatureOf(second)+"</e:Evidence>", 1), w.Trust(), evidence.CheckFormat},
		{"signature of another document", strings.Replace(signed, signatureOf(signed), signatureOf(second), 1), w.Trust(), evidence.CheckIntegrity},
		{"wrapped in another evidence", `<e:Evidence xmlns:e="http://uri.etsi.org/19522/v1#">` + signed + "</e:Evidence>", w.Trust(), evidence.CheckFormat},
		{"declaration before", `<?xml version="1.0"?>` + signed, w.Trust(), evidence.CheckFormat},
		{"comment", strings.Replace(signed, "<EventTime>", "<!-- --><EventTime>", 1), w.Trust(), evidence.CheckFormat},
		{"document type", "<!DOCTYPE x [<!ENTITY a 'b'>]>" + signed, w.Trust(), evidence.CheckFormat},
		{"white space after", signed + "\n", w.Trust(), evidence.CheckFormat},
		{"white space in base64", strings.Replace(signed, "<xades:EncapsulatedTimeStamp>", "<xades:EncapsulatedTimeStamp>\n", 1), w.Trust(), evidence.CheckFormat},
		{"unsigned property added", strings.Replace(signed, "</xades:UnsignedSignatureProperties>", "<xades:X></xades:X></xades:UnsignedSignatureProperties>", 1), w.Trust(), evidence.CheckFormat},
		{"object added", strings.Replace(signed, "</ds:Signature>", "<ds:Object></ds:Object></ds:Signature>", 1), w.Trust(), evidence.CheckFormat},
		{"changed content", strings.Replace(signed, "Opzegging", "Verlenging", 1), w.Trust(), evidence.CheckIntegrity},
		{"time-stamp by a stranger", signed, foreign, evidence.CheckTimeStamp},
		{"time-stamp policy", signed, policy, evidence.CheckTimeStamp},
		{"seal by a stranger", signed, otherSeal, evidence.CheckCertificate},
		{"nobody trusted", signed, evidence.Trust{}, evidence.CheckTimeStamp},
		{"very deep", strings.Repeat("<a>", 100_000), w.Trust(), evidence.CheckFormat},
		{"very long", strings.Repeat(" ", 5<<20), w.Trust(), evidence.CheckFormat},
		{"billion laughs", `<!DOCTYPE l [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><l>&b;</l>`, w.Trust(), evidence.CheckFormat},
	}
	for _, c := range cases {
		r := xades.Checker{}.Check([]byte(c.doc), c.trust)
		if r.OK() {
			t.Errorf("%s: accepted", c.name)
			continue
		}
		found := false
		for _, check := range r.Checks {
			found = found || check.Code == c.code && !check.OK
		}
		if !found {
			t.Errorf("%s: want %s to fail, got %s", c.name, c.code, r.Failures())
		}
		if r.Content != nil || r.Document != nil || r.Stamps != nil {
			t.Errorf("%s: refused, yet gives content", c.name)
		}
	}
	if err := xmlsec(t, w, []byte(strings.Replace(signed, "Opzegging", "Verlenging", 1))); err == nil {
		t.Error("xmlsec1 accepts the changed content: the oracle is blind")
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "P-256") // stamps 3 s after the event
	p := func(d evidence.Document) *evidence.Prepared {
		t.Helper()
		p, err := evidence.Prepare(d)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	late := evidencetest.Document(evidence.NotificationForAcceptance)
	late.Event.At = late.Event.At.Add(time.Hour)
	test := late
	test.Event.Test = true
	for _, c := range []struct {
		name string
		doc  evidence.Document
		at   time.Duration
		ok   bool
	}{
		{"signed an hour after the stamp", evidencetest.Document(evidence.NotificationForAcceptance), time.Hour, false},
		{"event an hour after the stamp", late, 0, false},
		{"test event on a test clock", test, 0, true},
	} {
		signed, err := seal(t, w.sealer, p(c.doc), evidencetest.At().Add(c.at))
		if err != nil {
			t.Fatal(err)
		}
		if r := (xades.Checker{}).Check(signed, w.Trust()); r.OK() != c.ok {
			t.Errorf("%s: got ok=%v, want %v: %s", c.name, r.OK(), c.ok, r.Failures())
		}
	}
}

func TestSealErrors(t *testing.T) {
	t.Parallel()
	a := newWorld(t, "P-256")
	for name, cfg := range map[string]xades.Config{
		"nothing":    {},
		"no stamper": {Key: evidence.FixedKey(a.SealKey())},
		"no key":     {Stamper: a.Stamper()},
		"key of nil": {Key: evidence.FixedKey(nil), Stamper: a.Stamper()},
	} {
		if _, err := xades.New(cfg); !errors.Is(err, xades.ErrConfig) {
			t.Errorf("%s: got %v, want ErrConfig", name, err)
		}
	}
	a.SetFault(evidencetest.Down)
	p, err := evidence.Prepare(evidencetest.Document(evidence.ContentHandover))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := seal(t, a.sealer, p, evidencetest.At()); err == nil || out != nil {
		t.Errorf("without a time-stamp: got %d octets, %v", len(out), err)
	}
}

// mixed signs with one key and shows the certificate of another.
type mixed struct {
	evidence.SealKey
	shown evidence.SealKey
}

func (m mixed) Certificates() []*x509.Certificate { return m.shown.Certificates() }

// TestKeys holds that method, certificates and signature are those of the key for
// the time of signing, and that nothing is signed without one.
func TestKeys(t *testing.T) {
	t.Parallel()
	a, next := newWorld(t, "P-384"), newWorld(t, "RSA-3072")
	at, none := evidencetest.At(), errors.New("none")
	prepared := func() *evidence.Prepared {
		p, err := evidence.Prepare(evidencetest.Document(evidence.ContentHandover))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	s, err := xades.New(xades.Config{Stamper: a.Stamper(), Key: func(at time.Time) (evidence.SealKey, error) {
		if at.Equal(evidencetest.At()) {
			return a.SealKey(), nil
		}
		return next.SealKey(), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // there and back
		for at, by := range map[time.Time]world{at: a, at.Add(time.Second): next} {
			signed, err := s.SignXML(prepared(), at)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := (xades.Checker{}).CheckSigned(signed); err != nil {
				t.Error(err)
			}
			chains, err := xades.Chains(signed)
			if err != nil || len(chains) != 1 || !chains[0][0].Equal(by.SealChain()[0]) {
				t.Errorf("at %s: %v, %v", at, chains, err)
			}
		}
	}
	for name, c := range map[string]struct {
		key  evidence.KeyAt
		want error
	}{
		"no key":            {func(time.Time) (evidence.SealKey, error) { return nil, none }, none},
		"nothing at all":    {func(time.Time) (evidence.SealKey, error) { return nil, nil }, evidence.ErrSealKey},
		"wrong certificate": {evidence.FixedKey(mixed{a.SealKey(), next.SealKey()}), evidence.ErrSealKey},
	} {
		s, err := xades.New(xades.Config{Key: c.key, Stamper: a.Stamper()})
		if err != nil {
			t.Fatal(err)
		}
		if out, err := s.SignXML(prepared(), at); !errors.Is(err, c.want) || out != nil {
			t.Errorf("%s: got %d octets, %v; want %v", name, len(out), err, c.want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	w := newWorld(f, "P-256")
	f.Add(w.seal(f, evidencetest.Document(evidence.ContentHandover)))
	f.Add([]byte("<a xmlns:b='c'><b:d e='&#xD;'/></a>"))
	trust := w.Trust()
	f.Fuzz(func(t *testing.T, doc []byte) { xades.Checker{}.Check(doc, trust) })
}

func BenchmarkSeal(b *testing.B) {
	w := newWorld(b, "P-256")
	p, err := evidence.Prepare(evidencetest.Document(evidence.ContentHandover))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := seal(b, w.sealer, p, evidencetest.At()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	w := newWorld(b, "P-256")
	signed, trust := w.seal(b, evidencetest.Document(evidence.ContentHandover)), w.Trust()
	b.SetBytes(int64(len(signed)))
	for b.Loop() {
		if !(xades.Checker{}).Check(signed, trust).OK() {
			b.Fatal("refused")
		}
	}
}
