package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/bode-erds/bode/evidence"
)

// swap is one change of a text. That old is there, the corpus makes sure.
type swap struct{ name, old, new string }

// lies are changes of what evidence says; each keeps the document well-formed.
func lies() []swap {
	return []swap{
		{"event", "/ContentHandover<", "/ContentConsignment<"},
		{"foreign event", "/ContentHandover<", "/Telepathy<"},
		{"identifier", "<e:EvidenceIdentifier>urn:uuid:0193aa00", "<e:EvidenceIdentifier>urn:uuid:0193aa01"},
		{"version", "EN319522v1.1.1", "EN319522v1.2.1"},
		{"event time", "<EventTime>2026", "<EventTime>2025"},
		{"policy", "urn:oid:1.3.6", "urn:oid:1.3.7"},
		{"issuer", "Bode Test NV", "Bode Best NV"},
		{"sender", "Immo Janssens", "Immo Peeters"},
		{"sender's number", "0987654312", "0987654321"},
		{"acting person", "<saml:AttributeValue>Els<", "<saml:AttributeValue>Eva<"},
		{"recipient's address", "an@example.be", "al@example.be"},
		{"recipient's name", "<saml:AttributeValue>An Maria<", "<saml:AttributeValue>An Marie<"},
		{"recipient's level", "LoA/high", "LoA/low"},
		{"recipient's level, qualified", "LoA/high", "LoA/highest"},
		{"authentication time", "<AuthenticationTime>2026", "<AuthenticationTime>2027"},
		{"authentication method", "authentication:itsme", "authentication:eid"},
		{"submission time", "<e:SubmissionTime>2026-11-20", "<e:SubmissionTime>2026-11-19"},
		{"recipient referred to", "<EvidenceRefersToRecipient>1<", "<EvidenceRefersToRecipient>2<"},
		{"message", "<e:MessageIdentifier>urn:uuid:0193", "<e:MessageIdentifier>urn:uuid:0194"},
		{"number of parts", "<ComposingParts>2<", "<ComposingParts>1<"},
		{"file name", "opzegging.pdf", "opzegging.doc"},
		{"media type", "application/pdf", "application/xml"},
		{"digest of a file", "hu26okgxut", "iu26okgxut"},
		{"digest algorithm", "xmlenc#sha256\"></ds:DigestMethod><ds:DigestValue xmlns", "xmlenc#sha512\"></ds:DigestMethod><ds:DigestValue xmlns"},
		{"size of a file", `part="2">8<`, `part="2">9<`},
		{"sequence", "seq=5;", "seq=4;"},
		{"previous event", ";prev=sha256:", ";prev=sha256:0"},
		{"hash", ";hash=sha256:", ";hash=sha256:f"},
		{"claim", "<b:Claim>nonqualified", "<b:Claim>qualified"},
		{"test", "<b:Claim>nonqualified", "<b:Claim>test"},
		{"number", "2026-7K3M", "2026-7K3N"},
		{"subject", "Opzegging", "Verlenging"},
		{"language", "<b:Language>nl", "<b:Language>de"},
		{"detail", "250 2.0.0 Ok", "550 5.0.0 No"},
		{"nonce", "<b:Nonce>0102", "<b:Nonce>0103"},
		{"critical extension", `isCritical="false"`, `isCritical="true"`},
		{"reason added", "<EventTime>", "<e:EventReasons><e:EventReason><Code>urn:bode-erds:reason:technical</Code></e:EventReason></e:EventReasons><EventTime>"},
		{"recipient not identified", "<AssuranceLevelsDetails><GlobalAssuranceLevel><AssuranceLevel>http://eidas.europa.eu/LoA/high</AssuranceLevel></GlobalAssuranceLevel>", "<AssuranceLevelsDetails>"},
		{"element added", "</b:Facts>", "<b:Paid>yes</b:Paid></b:Facts>"},
	}
}

// apply makes one change, where old stands first.
func apply(t *testing.T, doc []byte, s swap) []byte {
	t.Helper()
	if !bytes.Contains(doc, []byte(s.old)) {
		t.Fatalf("%s: no %q in the document", s.name, s.old)
	}
	return bytes.Replace(doc, []byte(s.old), []byte(s.new), 1)
}

// brokenContent lies as whoever has no key, as whoever corrects the digest, and
// as an insider who signs and stamps the lie with the very keys of the service.
func brokenContent(t *testing.T, w, _ *world) (list []sample) {
	p := w.pieces[own]
	for _, s := range lies() {
		doc := apply(t, p.XML, s)
		list = append(list,
			sample{"content: " + s.name, doc, evidence.Beside{}, w.trust, "integrity"},
			sample{"content: " + s.name + ", digest corrected", digested(doc), evidence.Beside{}, w.trust, "signature"})
		switch s.name {
		case "policy", "issuer", "nonce": // sealed with the right key it is another document, not a broken one
		default:
			list = append(list, sample{"content: " + s.name + ", sealed by an insider", w.resealed(t, digested(doc)), evidence.Beside{}, w.trust, "content"})
		}
	}
	return list
}

// between cuts out what is between two texts, without them.
func between(doc []byte, from, to string) (before, inside, after []byte) {
	i := bytes.Index(doc, []byte(from)) + len(from)
	j := i + bytes.Index(doc[i:], []byte(to))
	return doc[:i], doc[i:j], doc[j:]
}

// digested corrects the digest of the evidence in its signature.
func digested(doc []byte) []byte {
	i := bytes.Index(doc, []byte("<ds:Signature "))
	j := bytes.LastIndex(doc, []byte("</e:Evidence>"))
	sum := sha256.Sum256(append(bytes.Clone(doc[:i]), doc[j:]...))
	before, _, after := between(doc[i:j], "<ds:DigestValue>", "</ds:DigestValue>")
	return bytes.Join([][]byte{doc[:i], before, []byte(base64.StdEncoding.EncodeToString(sum[:])), after, doc[j:]}, nil)
}

// resealed signs doc as it is and stamps the signature anew.
func (w *world) resealed(t *testing.T, doc []byte) []byte {
	t.Helper()
	const ns = ` xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`
	_, info, _ := between(doc, "<ds:SignedInfo>", "</ds:SignedInfo>")
	sum := sha256.Sum256([]byte("<ds:SignedInfo" + ns + ">" + string(info) + "</ds:SignedInfo>"))
	der, err := w.SealKey().Sign(rand.Reader, sum[:], crypto.SHA256)
	check(t, err)
	var v struct{ R, S *big.Int }
	_, err = asn1.Unmarshal(der, &v)
	check(t, err)
	raw := make([]byte, 64)
	v.R.FillBytes(raw[:32])
	v.S.FillBytes(raw[32:])
	return w.stamped(t, withValue(doc, raw))
}

// withValue puts another signature value in.
func withValue(doc, raw []byte) []byte {
	at := bytes.Index(doc, []byte("<ds:SignatureValue "))
	before, _, after := between(doc[at:], ">", "<")
	return bytes.Join([][]byte{doc[:at], before, []byte(base64.StdEncoding.EncodeToString(raw)), after}, nil)
}

// stamped asks for a time-stamp over the signature value as it is.
func (w *world) stamped(t *testing.T, doc []byte) []byte {
	t.Helper()
	token, err := w.Stamper().Stamp(t.Context(), imprint(doc))
	check(t, err)
	return withToken(doc, token)
}

func imprint(doc []byte) []byte {
	_, value, _ := between(doc, "<ds:SignatureValue", "</ds:SignatureValue>")
	// In the document the prefix is declared further up; by itself, here.
	sum := sha256.Sum256([]byte(`<ds:SignatureValue xmlns:ds="http://www.w3.org/2000/09/xmldsig#"` + string(value) + "</ds:SignatureValue>"))
	return sum[:]
}

func withToken(doc, token []byte) []byte {
	before, _, after := between(doc, "<xades:EncapsulatedTimeStamp>", "</xades:EncapsulatedTimeStamp>")
	return bytes.Join([][]byte{before, []byte(base64.StdEncoding.EncodeToString(token)), after}, nil)
}

// signatureOf is the ds:Signature element.
func signatureOf(doc []byte) string {
	s := string(doc)
	return s[strings.Index(s, "<ds:Signature "):strings.LastIndex(s, "</e:Evidence>")]
}
