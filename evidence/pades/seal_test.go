package pades

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

var everyByte = flag.Bool("every-byte", false, "flip every octet instead of a stride")

var signingTime = time.Date(2026, 12, 1, 13, 5, 12, 0, time.UTC)

const sampleXML = "<e:Evidence xmlns:e=\"http://uri.etsi.org/19522/v1#\">signed</e:Evidence>"

func authority(t testing.TB, key string) *evidencetest.Authority {
	t.Helper()
	a, err := evidencetest.New(evidencetest.Config{Now: func() time.Time { return signingTime }, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newSealer(t testing.TB, a *evidencetest.Authority) *Sealer {
	t.Helper()
	s, err := New(Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sealed is a sealed sample and the world it was sealed in.
func sealed(t testing.TB, key string) ([]byte, *evidencetest.Authority) {
	t.Helper()
	a := authority(t, key)
	pdf, err := newSealer(t, a).SealPDF(context.Background(), sample("nl"), evidence.Attached{XML: []byte(sampleXML), Own: true}, signingTime)
	if err != nil {
		t.Fatal(err)
	}
	return pdf, a
}

func TestSealedPasses(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"P-256", "P-384", "RSA-3072"} {
		pdf, a := sealed(t, key)
		r := Checker{}.Check(pdf, a.Trust())
		if !r.OK() {
			t.Fatalf("%s: %s", key, r.Failures())
		}
		if string(r.Content) != sampleXML {
			t.Errorf("%s: attachment = %q", key, r.Content)
		}
		if len(r.Stamps) != 1 || !r.Stamps[0].Time.Equal(signingTime) || r.Signer == "" {
			t.Errorf("%s: report = %+v", key, r)
		}
		if a.Requests() > 1 {
			t.Errorf("%s: %d time-stamps for one document", key, a.Requests())
		}
	}
}

func TestSealNeedsItsParts(t *testing.T) {
	t.Parallel()
	a := authority(t, "")
	for name, cfg := range map[string]Config{
		"nothing":    {},
		"no stamper": {Key: evidence.FixedKey(a.SealKey())},
		"no key":     {Stamper: a.Stamper()},
		"token size": {Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper(), TokenSize: -1},
	} {
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: err = %v, want ErrConfig", name, err)
		}
	}
}

// TestSealKeys holds that the key for the time of signing seals, and that nothing is
// sealed without one.
func TestSealKeys(t *testing.T) {
	t.Parallel()
	a, next := authority(t, ""), authority(t, "RSA-3072")
	change := signingTime.Add(time.Second)
	s, err := New(Config{Stamper: a.Stamper(), Key: func(at time.Time) (evidence.SealKey, error) {
		if at.Before(change) {
			return a.SealKey(), nil
		}
		return next.SealKey(), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	unsigned, err := Render(sample("nl"), besideSample())
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Time]*x509.Certificate{signingTime: a.SealChain()[0], change: next.SealChain()[0]} {
		evidencePDF, err := s.SealPDF(t.Context(), sample("nl"), besideSample(), at)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := containerOf(t, evidencePDF); !got.Signer.Equal(want) {
			t.Errorf("at %s: sealed by %s", at, got.Signer.Subject)
		}
		letter, err := s.SealFile(t.Context(), unsigned, "x", "y", at)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := containerOf(t, letter); !got.Signer.Equal(want) {
			t.Errorf("letter at %s: sealed by %s", at, got.Signer.Subject)
		}
	}
	none := errors.New("none")
	for name, c := range map[string]struct {
		key  evidence.KeyAt
		want error
	}{
		"no key":              {func(time.Time) (evidence.SealKey, error) { return nil, none }, none},
		"nothing at all":      {func(time.Time) (evidence.SealKey, error) { return nil, nil }, evidence.ErrSealKey},
		"no certificate":      {evidence.FixedKey(keyWith{a.SealKey(), nil}), evidence.ErrSealKey},
		"another certificate": {evidence.FixedKey(keyWith{a.SealKey(), next.SealKey()}), evidence.ErrSealKey},
	} {
		s, err := New(Config{Key: c.key, Stamper: a.Stamper()})
		if err != nil {
			t.Fatal(err)
		}
		if pdf, err := s.SealPDF(t.Context(), sample("nl"), besideSample(), signingTime); !errors.Is(err, ErrSeal) || !errors.Is(err, c.want) || pdf != nil {
			t.Errorf("%s: %v", name, err)
		}
		if pdf, err := s.SealFile(t.Context(), unsigned, "x", "y", signingTime); !errors.Is(err, ErrSeal) || !errors.Is(err, c.want) || pdf != nil {
			t.Errorf("%s: letter: %v", name, err)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	t.Parallel()
	a := authority(t, "")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		s    *Sealer
		ctx  context.Context
		d    evidence.Document
		at   time.Time
		want error
	}{
		"no time":       {newSealer(t, a), context.Background(), sample("nl"), time.Time{}, ErrSeal},
		"language":      {newSealer(t, a), context.Background(), sample("xx"), signingTime, ErrRender},
		"event":         {newSealer(t, a), context.Background(), sample("nl", func(d *evidence.Document) { d.Event.Name = "Nonsense" }), signingTime, ErrRender},
		"no event time": {newSealer(t, a), context.Background(), sample("nl", func(d *evidence.Document) { d.Event.At = time.Time{} }), signingTime, ErrRender},
		"cancelled":     {newSealer(t, a), ctx, sample("nl"), signingTime, ErrSeal},
		"token too big": {sealerWith(t, a, stamperFunc(func() ([]byte, error) { return make([]byte, 40000), nil })), context.Background(), sample("nl"), signingTime, ErrSeal},
		"no stamp":      {sealerWith(t, a, stamperFunc(func() ([]byte, error) { return nil, errors.New("down") })), context.Background(), sample("nl"), signingTime, ErrSeal},
		"garbage stamp": {sealerWith(t, a, stamperFunc(func() ([]byte, error) { return []byte("\x30\x03abc"), nil })), context.Background(), sample("nl"), signingTime, ErrSeal},
		"foreign stamp": {sealerWith(t, a, stamperFunc(func() ([]byte, error) { return a.Stamper().Stamp(context.Background(), make([]byte, 32)) })), context.Background(), sample("nl"), signingTime, ErrSeal},
	} {
		if pdf, err := c.s.SealPDF(c.ctx, c.d, evidence.Attached{XML: []byte(sampleXML), Own: true}, c.at); !errors.Is(err, c.want) || pdf != nil {
			t.Errorf("%s: err = %v, want %v", name, err, c.want)
		}
	}
}

func TestPlaceholderInsideDoesNotBreakTheSeal(t *testing.T) {
	t.Parallel()
	a := authority(t, "")
	d := sample("en", func(d *evidence.Document) { d.Event.Subject = sigPlaceholder + "/ByteRange [0 1 2 3]" })
	for _, xml := range []string{sigPlaceholder, sampleXML + sigPlaceholder, "/ByteRange [0 1 2 3]", "\nendobj\n", strings.Repeat(sigPlaceholder, 200)} {
		pdf, err := newSealer(t, a).SealPDF(context.Background(), d, evidence.Attached{XML: []byte(xml), Own: true}, signingTime)
		if err != nil {
			t.Fatal(err)
		}
		if r := (Checker{}).Check(pdf, a.Trust()); !r.OK() || string(r.Content) != xml {
			t.Errorf("%q: %s", xml, r.Failures())
		}
	}
	// The issuer's name stands in the signature in clear, so it is refused there.
	d.Issuer.Name = sigPlaceholder
	if _, err := newSealer(t, a).SealPDF(context.Background(), d, evidence.Attached{XML: []byte(sampleXML), Own: true}, signingTime); !errors.Is(err, ErrSeal) {
		t.Errorf("placeholder as issuer: err = %v, want ErrSeal", err)
	}
}

func TestCheckerRefusesAnyFlip(t *testing.T) {
	t.Parallel()
	pdf, a := sealed(t, "P-256")
	f, err := open(pdf)
	if err != nil {
		t.Fatal(err)
	}
	trust := a.Trust()
	try := func(i int, with byte) {
		pdf[i] ^= with
		defer func() { pdf[i] ^= with }()
		if (Checker{}).Check(pdf, trust).OK() {
			t.Errorf("octet %d of %d (place %d to %d): change by %#x passes", i, len(pdf), f.holeFrom, f.holeTo, with)
		}
	}
	stride := 97
	if *everyByte {
		stride = 1
	}
	for i := 0; i < len(pdf); i += stride {
		try(i, 1<<(i%8))
	}
	// The place of the signature is the one part that the digest does not cover.
	end := f.holeFrom + 2*8192
	for i := f.holeFrom; i < min(end, f.holeTo); i += max(1, stride/7) {
		try(i, 1)
		try(i, 0x20)
	}
	try(f.holeFrom, 2)
	try(f.holeTo-1, 2)
	try(f.holeTo-2, 1)
}

func TestCheckerRefuses(t *testing.T) {
	t.Parallel()
	pdf, a := sealed(t, "P-256")
	other := authority(t, "")
	text := string(pdf)
	at := strings.LastIndex(text, "startxref\n")
	hostile := text + "1 0 obj\n<< /Type /Catalog >>\nendobj\nxref\n1 1\n" +
		"0000000000 00000 n\r\ntrailer\n<< /Size 900 /Root 1 0 R /Prev " + strings.TrimSpace(strings.Split(text[at:], "\n")[1]) + "\n>>\nstartxref\n" +
		"0\n%%EOF\n"
	unsigned, err := Render(sample("nl"), evidence.Attached{XML: []byte(sampleXML)})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		doc   string
		trust evidence.Trust
	}{
		"nothing":            {"", a.Trust()},
		"text":               {"%PDF-1.7\nhello", a.Trust()},
		"unsigned":           {string(unsigned), a.Trust()},
		"space appended":     {text + " ", a.Trust()},
		"newline appended":   {text + "\n", a.Trust()},
		"increment appended": {hostile, a.Trust()},
		"sealed twice":       {text + text, a.Trust()},
		"cut":                {text[:len(text)-1], a.Trust()},
		"prefixed":           {" " + text, a.Trust()},
		"trusts nobody":      {text, evidence.Trust{}},
		"trusts others":      {text, other.Trust()},
		"no seal anchor":     {text, evidence.Trust{TSA: a.Trust().TSA}},
		"no stamp anchor":    {text, evidence.Trust{Seal: a.Trust().Seal}},
		"anchors swapped":    {text, evidence.Trust{Seal: a.Trust().TSA, TSA: a.Trust().Seal}},
		"foreign policy":     {text, evidence.Trust{Seal: a.Trust().Seal, TSA: a.Trust().TSA, Policies: []string{"1.2.3"}}},
	} {
		r := Checker{}.Check([]byte(c.doc), c.trust)
		if r.OK() || r.Content != nil || len(r.Stamps) > 0 {
			t.Errorf("%s: passes", name)
		}
	}
}

// TestCheckerRefusesMovedRange builds files whose byte range leaves more than
// the signature uncovered.
func TestCheckerRefusesMovedRange(t *testing.T) {
	t.Parallel()
	pdf, a := sealed(t, "P-256")
	from := bytes.Index(pdf, []byte(byteRangeKey))
	to := from + bytes.IndexByte(pdf[from:], ']') + 1
	for name, with := range map[string]string{
		"short first": "/ByteRange [0 10 20 30]",
		"overlap":     "/ByteRange [0 9999999 10 30]",
		"huge":        "/ByteRange [0 9999999999 9999999999 9999999999]",
	} {
		forged := bytes.Clone(pdf)
		copy(forged[from:], with+strings.Repeat(" ", max(0, to-from-len(with))))
		if (Checker{}).Check(forged, a.Trust()).OK() {
			t.Errorf("%s: passes", name)
		}
	}
}

func FuzzCheck(f *testing.F) {
	pdf, a := sealed(f, "P-256")
	f.Add(pdf, 0, byte(0))
	f.Add(pdf, len(pdf)-20, byte(3))
	f.Add([]byte("%PDF-1.7\n/ByteRange [0 9 9 9]xref\nstartxref\n0"), 0, byte(0))
	trust := a.Trust()
	f.Fuzz(func(t *testing.T, doc []byte, at int, with byte) {
		if at >= 0 && at < len(doc) {
			doc = bytes.Clone(doc)
			doc[at] ^= with
		}
		if (Checker{}).Check(doc, trust).OK() && !bytes.Equal(doc, pdf) {
			t.Error("something else passes")
		}
	})
}

// keyWith is a key that shows the certificates of another.
type keyWith struct {
	evidence.SealKey
	shown evidence.SealKey
}

func (k keyWith) Certificates() []*x509.Certificate {
	if k.shown == nil {
		return nil
	}
	return k.shown.Certificates()
}

type stamperFunc func() ([]byte, error)

func (f stamperFunc) Stamp(context.Context, []byte) ([]byte, error) { return f() }

func sealerWith(t testing.TB, a *evidencetest.Authority, st evidence.Stamper) *Sealer {
	t.Helper()
	s, err := New(Config{Key: evidence.FixedKey(a.SealKey()), Stamper: st})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run calls an independent tool, or says why the test does not run.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%s is not installed", name)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func write(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.WriteFile(p, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}
