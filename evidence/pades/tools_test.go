package pades

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bode-erds/bode/evidence"
)

// TestForeignTools lets programs that share no code with us judge a sealed file.
func TestForeignTools(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pdf, a := sealed(t, "P-256")
	file := write(t, dir, "e.pdf", pdf)
	if err := a.WritePEM(dir); err != nil {
		t.Fatal(err)
	}
	f, der, err := take(pdf)
	if err != nil {
		t.Fatal(err)
	}
	c, err := evidence.ParseCMS(der)
	if err != nil {
		t.Fatal(err)
	}
	p7s, content := write(t, dir, "s.p7s", der), write(t, dir, "content.bin", f.covered())
	token, value := write(t, dir, "t.tst", c.Token), write(t, dir, "value.bin", c.Signature)

	t.Run("pdfsig", func(t *testing.T) {
		out := run(t, "pdfsig", "-nocert", file)
		for _, want := range []string{"Signature is Valid", "Total document signed", "ETSI.CAdES.detached"} {
			if strings.Count(out, want) != 1 {
				t.Errorf("lacks %q:\n%s", want, out)
			}
		}
	})
	t.Run("qpdf", func(t *testing.T) {
		if out := run(t, "qpdf", "--check", file); strings.Contains(out, "WARNING") {
			t.Error(out)
		}
	})
	t.Run("openssl cms", func(t *testing.T) {
		run(t, "openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", p7s, "-content", content,
			"-CAfile", filepath.Join(dir, "ca.pem"), "-purpose", "any", "-attime", "1796130312", "-out", os.DevNull)
	})
	t.Run("openssl ts", func(t *testing.T) {
		run(t, "openssl", "ts", "-verify", "-data", value, "-in", token, "-token_in", "-CAfile", filepath.Join(dir, "tsa.pem"), "-attime", "1796130312")
	})
	t.Run("pdffonts", func(t *testing.T) {
		lines := strings.Split(strings.TrimSpace(run(t, "pdffonts", file)), "\n")[2:]
		for _, l := range lines {
			if strings.Count(l, "yes") != 3 {
				t.Errorf("not embedded, subset and mapped: %s", l)
			}
		}
		if len(lines) != int(faceCount) { // what people wrote is all in the common fonts
			t.Errorf("%d fonts", len(lines))
		}
	})
	t.Run("pdfdetach", func(t *testing.T) {
		out := filepath.Join(dir, "out.xml")
		run(t, "pdfdetach", "-save", "1", "-o", out, file)
		if got, err := os.ReadFile(out); err != nil || string(got) != sampleXML {
			t.Errorf("attachment = %q, %v", got, err)
		}
	})
}

// TestTextInFourLanguages reads pages back with a foreign tool.
func TestTextInFourLanguages(t *testing.T) {
	t.Parallel()
	a := authority(t, "")
	for lang, wants := range map[string][]string{
		"nl": {"De geïdentificeerde ontvanger heeft de zending aanvaard", "dinsdag 1 december 2026 om 14:05:09 (Brussel, UTC+1)", "Zo controleert u dit document", "482.133 bytes"},
		"fr": {"Expéditeur et destinataire", "mardi 1er décembre 2026 à 14:05:09 (Bruxelles, UTC+1)", "Comment vérifier ce document", "octets"},
		"de": {"Absender und Empfänger", "Dienstag, 1. Dezember 2026, 14:05:09 Uhr (Brüssel, UTC+1)", "So prüfen Sie dieses Dokument", "482.133 Byte"},
		"en": {"Sender and recipient", "Tuesday 1 December 2026, 14:05:09 (Brussels, UTC+1)", "How to check this document", "482,133 bytes"},
	} {
		d := sample(lang)
		pdf, err := newSealer(t, a).SealPDF(context.Background(), d, evidence.Attached{XML: []byte(sampleXML), Own: true}, signingTime)
		if err != nil {
			t.Fatal(err)
		}
		file := write(t, t.TempDir(), lang+".pdf", pdf)
		text := strings.Join(strings.Fields(run(t, "pdftotext", "-layout", file, "-")), " ")
		for _, want := range append(wants, "BE-2026-4821-7730", "2026-12-01T13:05:09.123456Z", "Janssens-Müller", d.Event.ID, d.Hash, d.Event.Prev, d.Event.Parts[1].SHA256[:32], "1.3.6.1.4.1.99999.1.1", "https://bode.example/verify") {
			if !strings.Contains(text, strings.Join(strings.Fields(want), " ")) {
				t.Errorf("%s: page lacks %q", lang, want)
			}
		}
		for _, never := range []string{"an.janssens@post.example ·", "<nil>", "%!", "{"} {
			if strings.Contains(text, never) {
				t.Errorf("%s: page shows %q", lang, never)
			}
		}
	}
}
