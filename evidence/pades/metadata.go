package pades

import (
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strings"
)

// xmp is the metadata packet: Dublin Core, PDF/A-3a, and PDF/UA-1 with the
// schema description that PDF/A asks for because it does not know pdfuaid.
func xmp(title, author, subject, lang, date, id string) []byte {
	esc := func(s string) string {
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
		return b.String()
	}
	uuid := fmt.Sprintf("uuid:%s-%s-%s-%s-%s", id[:8], id[8:12], id[12:16], id[16:20], id[20:32])
	return fmt.Appendf(nil, `<?xpacket begin="`+"\ufeff"+`" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">%s</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>%s</rdf:li></rdf:Seq></dc:creator>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">%s</rdf:li></rdf:Alt></dc:description>
<dc:language><rdf:Bag><rdf:li>%s</rdf:li></rdf:Bag></dc:language>
<xmp:CreateDate>%s</xmp:CreateDate><xmp:ModifyDate>%s</xmp:ModifyDate>
<xmpMM:DocumentID>%s</xmpMM:DocumentID>
<pdf:Producer>Bode</pdf:Producer>
<pdfaid:part>3</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance>
<pdfuaid:part>1</pdfuaid:part>
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category><pdfaProperty:description>Part of ISO 14289 to which the file conforms</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>`, esc(title), esc(author), esc(subject), lang, date, date, uuid)
}

// sRGB makes an ICC profile of version 4.2 for IEC 61966-2-1: primaries adapted
// to D50 and the transfer curve as a formula.
func sRGB() []byte {
	u32 := func(v uint32) []byte { return []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)} }
	fixed := func(vs ...float64) (out []byte) {
		for _, v := range vs {
			out = append(out, u32(uint32(int32(math.Round(v*65536))))...)
		}
		return out
	}
	kind := func(name string, data ...byte) []byte { return append([]byte(name+"\x00\x00\x00\x00"), data...) }
	words := func(s string) []byte { // one record in English, UTF-16
		out := slices.Concat(u32(1), u32(12), []byte("enUS"), u32(uint32(2*len(s))), u32(28))
		for i := range len(s) {
			out = append(out, 0, s[i])
		}
		return kind("mluc", out...)
	}
	curve := kind("para", slices.Concat([]byte{0, 3, 0, 0}, fixed(2.4, 1/1.055, 0.055/1.055, 1/12.92, 0.04045))...)
	tags := []table{
		{"desc", words("sRGB")}, {"cprt", words("Public domain")},
		{"wtpt", kind("XYZ ", fixed(0.9642, 1, 0.8249)...)},
		{"chad", kind("sf32", fixed(1.04791, 0.02293, -0.05019, 0.02960, 0.99046, -0.01707, -0.00925, 0.01506, 0.75179)...)},
		{"rXYZ", kind("XYZ ", fixed(0.43607, 0.22249, 0.01392)...)},
		{"gXYZ", kind("XYZ ", fixed(0.38515, 0.71687, 0.09708)...)},
		{"bXYZ", kind("XYZ ", fixed(0.14307, 0.06061, 0.71410)...)},
		{"rTRC", curve}, {"gTRC", nil}, {"bTRC", nil}, // the channels share one curve
	}
	dir := u32(uint32(len(tags)))
	at := 128 + 4 + 12*len(tags)
	var data []byte
	off, n := 0, 0
	for _, t := range tags {
		if t.data != nil {
			off, n = at+len(data), len(t.data)
		}
		dir = slices.Concat(dir, []byte(t.tag), u32(uint32(off)), u32(uint32(n)))
		data = append(data, t.data...)
		for len(data)%4 != 0 {
			data = append(data, 0)
		}
	}
	head := make([]byte, 128)
	copy(head, u32(uint32(at+len(data))))
	copy(head[8:], "\x04\x20\x00\x00mntrRGB XYZ ")
	copy(head[24:], []byte{7, 0xEA, 0, 1, 0, 1}) // made 2026-01-01
	copy(head[36:], "acsp")
	copy(head[68:], fixed(0.9642, 1, 0.8249))
	return slices.Concat(head, dir, data)
}
