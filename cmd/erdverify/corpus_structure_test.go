package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bode-erds/bode/evidence"
)

// brokenStructure is XML that another reader might take for the same, or that
// hides one document in another.
func brokenStructure(t *testing.T, w, other *world) (list []sample) {
	xml := w.pieces[own].XML
	doc, sig := string(xml), signatureOf(xml)
	add := func(name, doc string) {
		if doc == string(xml) {
			t.Errorf("%s: nothing changed", name)
		}
		list = append(list, sample{"structure: " + name, []byte(doc), evidence.Beside{}, w.trust, "format"})
	}
	// These are canonical as they are, so it is the digest that gives them away.
	for _, s := range []swap{
		{"white space between elements", "><e:ERDSEventId>", ">\n<e:ERDSEventId>"},
		{"attribute added", "<EventTime>", `<EventTime x="1">`},
		{"default namespace", "<EventTime>", `<EventTime xmlns="http://uri.etsi.org/19522/v1#">`},
	} {
		list = append(list, sample{"structure: " + s.name, apply(t, xml, s), evidence.Beside{}, w.trust, "integrity"})
	}
	for _, s := range []swap{
		{"comment", "<EventTime>", "<!-- --><EventTime>"},
		{"comment in a text", "Opzegging", "Opz<!-- -->egging"},
		{"processing instruction", "<EventTime>", "<?x y?><EventTime>"},
		{"CDATA", "Opzegging huurovereenkomst", "<![CDATA[Opzegging huurovereenkomst]]>"},
		{"white space in a tag", "<EventTime>", "<EventTime >"},
		{"white space in an end tag", "</EventTime>", "</EventTime\n>"},
		{"white space in base64", "<xades:EncapsulatedTimeStamp>", "<xades:EncapsulatedTimeStamp>\n"},
		{"character reference", "Opzegging", "&#79;pzegging"},
		{"hexadecimal reference", "Opzegging", "&#x4f;pzegging"},
		{"quote written as entity", "Opzegging", "&quot;pzegging"},
		{"undefined entity", "Opzegging", "&o;pzegging"},
		{"greater-than as it is", "Opzegging", ">pzegging"},
		{"single quotes", `isCritical="false"`, `isCritical='false'`},
		{"order of attributes", `country="BE" scheme="BE:KBO"`, `scheme="BE:KBO" country="BE"`},
		{"attribute twice", `isCritical="false"`, `isCritical="false" isCritical="false"`},
		{"schema location", `<e:Evidence xmlns:e`, `<e:Evidence xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b" xmlns:e`},
		{"base", "<EventTime>", `<EventTime xml:base="http://x.example/">`},
		{"namespace declared again", "<e:ERDSEventId>", `<e:ERDSEventId xmlns:e="http://uri.etsi.org/19522/v1#">`},
		{"namespace declared in vain", "<EventTime>", `<EventTime xmlns:x="urn:x">`},
		{"other namespace", "http://uri.etsi.org/19522/v1#", "http://uri.etsi.org/19522/v2#"},
		{"undeclared prefix", "<EventTime>", "<q:X></q:X><EventTime>"},
		{"empty-element tag", `#sha256"></ds:DigestMethod>`, `#sha256"/>`},
		{"elements not nested", "</EventTime>", "</e:EventTime>"},
		{"end missing", "</e:Evidence>", ""},
		{"control character", "Opzegging", "Opzeggin\x01"},
		{"no UTF-8", "Opzegging", "Opzeggin\xff"},
		{"carriage return", "Opzegging", "Opzeggin\r"},
		{"duplicate Id", "<EventTime>", `<EventTime Id="ev-0193aa00-0000-7000-8000-000000000005">`},
		{"object added", "</ds:Signature>", "<ds:Object></ds:Object></ds:Signature>"},
		{"second key", "</ds:KeyInfo>", "<ds:KeyName>x</ds:KeyName></ds:KeyInfo>"},
		{"unsigned property added", "</xades:UnsignedSignatureProperties>", "<xades:CounterSignature></xades:CounterSignature></xades:UnsignedSignatureProperties>"},
		{"signed property added", "</xades:SignedSignatureProperties>", "<xades:SignerRoleV2></xades:SignerRoleV2></xades:SignedSignatureProperties>"},
		{"manifest as a reference", "</ds:SignedInfo>", `<ds:Reference URI="http://x.example/"></ds:Reference></ds:SignedInfo>`},
		{"a transform more", "<ds:Transforms>", `<ds:Transforms><ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"></ds:Transform>`},
		{"XPath filter", `xmldsig#enveloped-signature"`, `xmldsig-filter2"`},
		{"canonicalisation with comments", `exc-c14n#"></ds:CanonicalizationMethod>`, `exc-c14n#WithComments"></ds:CanonicalizationMethod>`},
		{"reference to a part", ` URI=""`, ` URI="#ev-0193aa00-0000-7000-8000-000000000005"`},
		{"reference elsewhere", `URI="#props-`, `URI="#prop-`},
		{"target elsewhere", `Target="#sig-`, `Target="#si-`},
		{"SHA-1 digest", "http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod><ds:DigestValue>", "http://www.w3.org/2000/09/xmldsig#sha1\"></ds:DigestMethod><ds:DigestValue>"},
	} {
		add(s.name, string(apply(t, xml, s)))
	}
	bare := strings.Replace(doc, sig, "", 1)
	foreign := signatureOf(other.pieces[own].XML)
	const open = `<e:Evidence xmlns:e="http://uri.etsi.org/19522/v1#">`
	add("signature removed", bare)
	add("two signatures", strings.Replace(doc, sig, sig+sig, 1))
	add("a second signature by a stranger", strings.Replace(doc, sig, sig+foreign, 1))
	add("signature at the beginning", strings.Replace(bare, "<e:EvidenceIdentifier>", sig+"<e:EvidenceIdentifier>", 1))
	add("signature moved into the extensions", strings.Replace(bare, "</e:Extensions>", sig+"</e:Extensions>", 1))
	add("signature in a copy", strings.Replace(doc, "<EventTime>", "<x>"+sig+"</x><EventTime>", 1))
	add("wrapped in another evidence", open+doc+"</e:Evidence>")
	add("wrapped in an object", strings.Replace(bare, "</e:Evidence>", strings.Replace(sig, "</ds:Signature>", "<ds:Object>"+bare+"</ds:Object></ds:Signature>", 1)+"</e:Evidence>", 1))
	add("wrapped beside a lie", strings.Replace(bare, "Opzegging", "Verlenging", 1)+doc)
	add("lie around the signed evidence", strings.Replace(strings.Replace(bare, "Opzegging", "Verlenging", 1), "</e:Evidence>", doc+"</e:Evidence>", 1))
	add("relay metadata", strings.ReplaceAll(doc, "e:Evidence ", "e:RelayMetadata "))
	add("declaration", `<?xml version="1.0" encoding="UTF-8"?>`+doc)
	add("document type", "<!DOCTYPE e:Evidence>"+doc)
	add("entities", `<!DOCTYPE e:Evidence [<!ENTITY o "Opzegging">]>`+strings.Replace(doc, "Opzegging", "&o;", 1))
	add("line feed at the end", doc+"\n")
	add("text at the end", doc+"x")
	add("comment at the end", doc+"<!-- -->")
	add("half of it", doc[:len(doc)/2])
	add("twice", doc+doc)
	list = append(list,
		sample{"structure: byte order mark", []byte("\ufeff" + doc), evidence.Beside{}, w.trust, "format"},
		sample{"structure: UTF-16", wide(doc), evidence.Beside{}, w.trust, "format"},
		sample{"structure: nothing", nil, evidence.Beside{}, w.trust, "format"})
	return list
}

// wide is s in UTF-16 with a byte order mark.
func wide(s string) []byte {
	b := bytes.NewBufferString("\xff\xfe")
	for _, c := range []byte(s) {
		b.WriteByte(c)
		b.WriteByte(0)
	}
	return b.Bytes()
}
