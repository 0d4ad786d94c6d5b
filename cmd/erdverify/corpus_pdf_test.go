package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/pades"
)

// brokenPDF changes PDFs, appends to them, moves what their signature covers,
// and seals others around evidence that does not hold.
func brokenPDF(t *testing.T, w, other *world) (list []sample) {
	pdf := w.pieces[own].PDF
	add := func(name string, doc []byte, want string) {
		if bytes.Equal(doc, pdf) {
			t.Errorf("%s: nothing changed", name)
		}
		list = append(list, sample{"PDF: " + name, doc, evidence.Beside{}, w.trust, want})
	}
	for i := 9; i < len(pdf); i += len(pdf)/40 + 1 {
		b := bytes.Clone(pdf)
		b[i] ^= 4
		add(fmt.Sprintf("octet %d of 40", i*40/len(pdf)), b, "format integrity signature timestamp certificate")
	}
	text := string(pdf)
	then := func(name, added string) { add("appended: "+name, []byte(text+added), "format") }
	then("line", "\n")
	then("comment", "% nothing\n")
	then("end of file", "%%EOF\n")
	then("spaces", strings.Repeat(" ", 1000))
	then("itself", text)
	startxref := regexp.MustCompile(`startxref\s+(\d+)`).FindAllStringSubmatch(text, -1)
	last := startxref[len(startxref)-1][1]
	root := regexp.MustCompile(`/Root (\d+) 0 R`).FindStringSubmatch(text)[1]
	update := func(objects string) string {
		at := len(text)
		return fmt.Sprintf("%sxref\n0 0\ntrailer\n<< /Root %s 0 R /Prev %s /Size 1000 >>\nstartxref\n%d\n%%%%EOF\n", objects, root, last, at+len(objects))
	}
	for _, s := range []struct{ name, object string }{
		{"nothing in an increment", ""},
		{"annotation over the text", "900 0 obj\n<< /Type /Annot /Subtype /FreeText /Contents (paid) /Rect [0 0 600 800] >>\nendobj\n"},
		{"page of its own", "901 0 obj\n<< /Type /Page /Contents 902 0 R >>\nendobj\n"},
		{"other catalog", root + " 0 obj\n<< /Type /Catalog /Pages 901 0 R >>\nendobj\n"},
		{"script", root + " 0 obj\n<< /Type /Catalog /OpenAction << /S /JavaScript /JS (x) >> >>\nendobj\n"},
		{"form field", "903 0 obj\n<< /FT /Tx /T (amount) /V (1000) >>\nendobj\n"},
		{"other attachment", "904 0 obj\n<< /Type /EmbeddedFile /Length 3 >>\nstream\n<x>\nendstream\nendobj\n"},
		{"validation data of a stranger", "905 0 obj\n<< /Type /DSS /Certs [] >>\nendobj\n"},
		{"second signature", "906 0 obj\n<< /Type /Sig /ByteRange [0 1 2 3] /Contents <00> >>\nendobj\n"},
	} {
		then(s.name, update(s.object))
	}
	for _, s := range []swap{
		{"version", "%PDF-1.7", "%PDF-1.4"},
		{"no header", "%PDF-1.7", "%PDX-1.7"},
		{"profile", "ETSI.CAdES.detached", "adbe.pkcs7.detached"},
		{"handler", "/Adobe.PPKLite", "/Adobe.PPKHeavy"},
		{"not certified", "/TransformMethod /DocMDP", "/TransformMethod /FieldMD"},
		{"more is allowed", "/P 1", "/P 3"},
		{"catalog", "/Type /Catalog", "/Type /Katalog"},
		{"encrypted", "/Type /Catalog", "/Encrypt 1 0 R"},
		{"comment in the body", "endobj\n", "endobj\n%\n"},
		{"name of the attachment", "evidence.xml", "evidence.txt"},
		{"relationship of the attachment", "/AFRelationship /Source", "/AFRelationship /Data"},
	} {
		if strings.Contains(text, s.old) {
			add(s.name, bytes.Replace(pdf, []byte(s.old), []byte(s.new), 1), "format integrity")
		}
	}
	list = append(list, brokenRanges(t, w)...)
	add("cut short by one octet", pdf[:len(pdf)-1], "format")
	add("half", pdf[:len(pdf)/2], "format")
	add("header only", pdf[:20], "format")
	add("without its seal", pdf[:bytes.Index(pdf, []byte("%%EOF\n"))+6], "format")
	add("longer than any", append(bytes.Clone(pdf), make([]byte, 65<<20)...), "format")
	list = append(list, sample{"PDF: something before it", append([]byte("x"), pdf...), evidence.Beside{}, w.trust, "format"},
		sample{"PDF: by a stranger", other.pieces[own].PDF, evidence.Beside{}, w.trust, "timestamp"})
	stranger := w.trust
	stranger.Seal = other.trust.Seal
	list = append(list, sample{"PDF: seal of a stranger", pdf, evidence.Beside{}, stranger, "certificate"})

	sealer, err := pades.New(pades.Config{Key: evidence.FixedKey(w.SealKey()), Stamper: w.Stamper()})
	check(t, err)
	around := func(name string, a evidence.Attached) {
		a.Own = true
		doc, err := sealer.SealPDF(t.Context(), evidencetest.Document(evidence.ContentHandover), a, w.at)
		check(t, err)
		add("around "+name, doc, "content")
	}
	xml := w.pieces[own].XML
	around("changed evidence", evidence.Attached{XML: apply(t, xml, swap{"", "Opzegging", "Verlenging"})})
	around("an insider's lie", evidence.Attached{XML: w.resealed(t, digested(apply(t, xml, swap{"", "Opzegging", "Verlenging"})))})
	around("evidence without signature", evidence.Attached{XML: bytes.Replace(xml, []byte(signatureOf(xml)), nil, 1)})
	around("evidence of a stranger", evidence.Attached{XML: other.pieces[own].XML})
	around("anything", evidence.Attached{XML: []byte("<x></x>")})
	around("evidence without its record", evidence.Attached{XML: w.pieces[batched].XML})
	around("the record of another", evidence.Attached{XML: w.pieces[batched].XML, Beside: evidence.Beside{Record: w.pieces[1].Record}})
	around("the log proof of another", evidence.Attached{XML: xml, Beside: evidence.Beside{Proof: w.pieces[1].Proof}})
	return list
}

// brokenRanges moves what the signature is over, or where it stands.
func brokenRanges(t *testing.T, w *world) (list []sample) {
	pdf := w.pieces[own].PDF
	m := regexp.MustCompile(`/ByteRange ?\[(\d+) (\d+) (\d+) (\d+)\]`).FindSubmatchIndex(pdf)
	number := func(i int) int { n, _ := strconv.Atoi(string(pdf[m[2*i]:m[2*i+1]])); return n }
	from, to, tail := number(2), number(3), number(4)
	ranged := func(name, numbers string) {
		width := m[1] - m[0] - len("/ByteRange []")
		if len(numbers) < width {
			numbers += strings.Repeat(" ", width-len(numbers))
		}
		doc := bytes.Join([][]byte{pdf[:m[0]], []byte("/ByteRange [" + numbers + "]"), pdf[m[1]:]}, nil)
		list = append(list, sample{"PDF: range " + name, doc, evidence.Beside{}, w.trust, "format"})
	}
	ranged("empty", "")
	ranged("of nothing", "0 0 0 0")
	ranged("of the first part", fmt.Sprintf("0 %d", from))
	ranged("from the second octet", fmt.Sprintf("1 %d %d %d", from, to, tail))
	ranged("with a larger hole before", fmt.Sprintf("0 %d %d %d", from-100, to, tail))
	ranged("with a larger hole after", fmt.Sprintf("0 %d %d %d", from, to+100, tail-100))
	ranged("without the end", fmt.Sprintf("0 %d %d %d", from, to, tail-1))
	ranged("beyond the end", fmt.Sprintf("0 %d %d %d", from, to, tail+1))
	ranged("with a negative number", fmt.Sprintf("0 %d %d -%d", from, to, tail))
	ranged("that overlaps", fmt.Sprintf("0 %d %d %d", from, from-1, len(pdf)-from+1))
	ranged("of six numbers", fmt.Sprintf("0 %d %d %d 0 0", from, to, tail))
	hole := func(name string, change func(digits []byte) []byte) {
		digits := change(bytes.Clone(pdf[from+1 : to-1]))
		doc := bytes.Join([][]byte{pdf[:from+1], digits, pdf[to-1:]}, nil)
		list = append(list, sample{"PDF: signature " + name, doc, evidence.Beside{}, w.trust, "format signature integrity"})
	}
	hole("of zeros", func(b []byte) []byte { return bytes.Repeat([]byte("0"), len(b)) })
	hole("removed", func([]byte) []byte { return nil })
	hole("in capitals", bytes.ToUpper)
	hole("with a space", func(b []byte) []byte { b[100] = ' '; return b })
	hole("with something behind it", func(b []byte) []byte { b[len(b)-2] = '1'; return b })
	hole("of another PDF", func(b []byte) []byte {
		p := w.pieces[0].PDF
		i := bytes.Index(p, []byte("/Contents<"))
		if i < 0 {
			i = bytes.Index(p, []byte("/Contents <"))
		}
		copy(b, p[i+bytes.IndexByte(p[i:], '<')+1:][:len(b)])
		return b
	})
	return list
}
