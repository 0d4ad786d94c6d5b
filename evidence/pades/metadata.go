package pades

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
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

// sRGB makes an ICC profile of version 2.1 for IEC 61966-2-1: primaries adapted
// to D50 and the transfer curve in 1,024 steps.
func sRGB() []byte {
	u32 := func(v uint32) []byte { return []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)} }
	fixed := func(v float64) []byte { return u32(uint32(int32(math.Round(v * 65536)))) }
	xyz := func(x, y, z float64) []byte {
		return bytes.Join([][]byte{[]byte("XYZ \x00\x00\x00\x00"), fixed(x), fixed(y), fixed(z)}, nil)
	}
	const name = "sRGB"
	desc := bytes.Join([][]byte{[]byte("desc\x00\x00\x00\x00"), u32(uint32(len(name) + 1)), []byte(name + "\x00"), make([]byte, 78)}, nil)
	curve := append([]byte("curv\x00\x00\x00\x00"), u32(1024)...)
	for i := range 1024 {
		v := float64(i) / 1023
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		n := uint16(math.Round(v * 65535))
		curve = append(curve, byte(n>>8), byte(n))
	}
	tags := []table{
		{"desc", desc}, {"cprt", []byte("text\x00\x00\x00\x00Public domain\x00")},
		{"wtpt", xyz(0.9642, 1, 0.8249)},
		{"rXYZ", xyz(0.43607, 0.22249, 0.01392)}, {"gXYZ", xyz(0.38515, 0.71687, 0.09708)}, {"bXYZ", xyz(0.14307, 0.06061, 0.71410)},
		{"rTRC", curve}, {"gTRC", nil}, {"bTRC", nil},
	}
	dir := u32(uint32(len(tags)))
	at := 128 + 4 + 12*len(tags)
	var data []byte
	curveAt := 0
	for _, t := range tags {
		off, n := at+len(data), len(t.data)
		if t.tag == "rTRC" {
			curveAt = off
		}
		if t.data == nil { // the three channels share one curve
			off, n = curveAt, len(curve)
		}
		dir = bytes.Join([][]byte{dir, []byte(t.tag), u32(uint32(off)), u32(uint32(n))}, nil)
		data = append(data, t.data...)
		for len(data)%4 != 0 {
			data = append(data, 0)
		}
	}
	head := make([]byte, 128)
	copy(head, u32(uint32(at+len(data))))
	copy(head[8:], "\x02\x10\x00\x00mntrRGB XYZ ")
	copy(head[24:], []byte{7, 0xEA, 0, 1, 0, 1}) // made 2026-01-01
	copy(head[36:], "acsp")
	copy(head[68:], bytes.Join([][]byte{fixed(0.9642), fixed(1), fixed(0.8249)}, nil))
	return bytes.Join([][]byte{head, dir, data}, nil)
}
