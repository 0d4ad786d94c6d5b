package evidence_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// awkward is text that hand-made canonical XML gets wrong.
func awkward() []string {
	return []string{
		"a\r\nb", "\rx\r", "\n", "\ttab\there\t", "  leading and trailing  ", `"quotes" & 'apostrophes'`, "]]>", "<e:Evidence>",
		"&amp; &#xD; &#13;", "<!-- no comment -->", "<![CDATA[x]]>", "<?pi?>", "\u007f\u0085\u009f", "\u00a0\u2028\u2029", "e\u0301 \u0915\u094d\u0937",
		"\u202eRLO\u202c \u2066LRI\u2069 \u200f\u200e", "\ufeffBOM\ufeff", "\u200b\u200c\u200d\u2060", "שלום العربية", "𝔅𝔬𝔡𝔢 🐎 👩‍👩‍👧‍👦", "\ufffd",
	}
}

// planes has characters from both ends of every Unicode plane.
func planes() (list []string) {
	for plane := rune(0); plane <= 16; plane++ {
		var b strings.Builder
		for _, r := range []rune{0x21, 0x100, 0x5A5A, 0xD7FF, 0xE000, 0xFFFC, 0xFFFD} {
			b.WriteRune(plane<<16 | r)
		}
		list = append(list, b.String())
	}
	return list
}

// holding puts every text in elements and in attributes.
func holding(texts []string) evidence.Document {
	d := evidencetest.Document(evidence.ContentHandover)
	d.Event.Parts = nil
	for i, s := range texts {
		d.Event.Details = append(d.Event.Details, evidence.Detail{Key: fmt.Sprintf("k%d", i), Value: s})
		d.Event.Reasons = append(d.Event.Reasons, evidence.Reason{Code: "technical", Text: s})
		d.Event.Recipient.Address = append(d.Event.Recipient.Address, s)
		d.Event.Parts = append(d.Event.Parts, evidence.Part{Name: "n" + s, MediaType: "text/" + s, SHA256: strings.Repeat("ab", 32)})
	}
	all := strings.Join(texts, "")
	d.Event.Subject, d.Event.Recipient.Proof.Provider = all, all
	d.Event.Sender.Identifier = evidence.Identifier{Scheme: "S" + all, Value: "V" + all}
	d.Issuer.Name, d.Issuer.Identifier.Scheme = "N"+all, all
	return d
}

// holdsTogether checks that d is written as two foreign programs would write it,
// and is read back as it was.
func holdsTogether(t testing.TB, d evidence.Document) []byte {
	t.Helper()
	p, err := evidence.Prepare(d)
	if err != nil {
		t.Fatal(err)
	}
	if got := goxmldsig(t, p.XML()); !bytes.Equal(got, p.XML()) {
		t.Fatalf("goxmldsig canonicalises\n%q to\n%q", p.XML(), got)
	}
	back, err := evidence.ReadXML(p.XML())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back.Event, d.Event) || back.Nonce != d.Nonce || !reflect.DeepEqual(back.Issuer, d.Issuer) {
		t.Fatalf("read back\n%+v, want\n%+v", back, d)
	}
	return p.XML()
}

func TestCanonicalText(t *testing.T) {
	t.Parallel()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatal("xmllint is not installed: .ci/tools names the package")
	}
	for i, texts := range [][]string{awkward(), planes()} {
		doc := holdsTogether(t, holding(texts))
		if out, err := schema(t, doc); err != nil {
			t.Errorf("%d: schema: %s", i, out)
		}
		path := filepath.Join(t.TempDir(), "e.xml")
		if err := os.WriteFile(path, doc, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(xmllint, "--exc-c14n", path).Output(); err != nil || !bytes.Equal(out, doc) {
			t.Errorf("%d: xmllint canonicalises\n%q to\n%q", i, doc, out)
		}
	}
}

// Text of random characters of every plane, a thousand documents of it.
func TestCanonicalProperty(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1000) {
		rnd := rand.New(rand.NewPCG(seed, 522))
		texts := make([]string, 3)
		for i := range texts {
			var b strings.Builder
			for range rnd.IntN(20) {
				r := rune(rnd.IntN(unicode.MaxRune + 1))
				if rnd.IntN(2) == 0 {
					r = rune("\t\n\r \"'&<>]"[rnd.IntN(10)])
				}
				b.WriteRune(r) // a surrogate becomes U+FFFD
			}
			texts[i] = evidence.Text(b.String(), 1000)
		}
		holdsTogether(t, holding(texts))
	}
}

// The 66 noncharacters and what XML cannot carry.
func TestNoncharacters(t *testing.T) {
	t.Parallel()
	refused := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r >= 0xD800 && r <= 0xDFFF || r > 0x100 && r < 0xFDD0 || r > 0xFFFF && r&0xFFFF > 2 && r&0xFFFF < 0xFFFD {
			continue
		}
		e := evidencetest.Event(evidence.ContentHandover)
		e.Subject = "x" + string(r)
		if _, err := e.Encode(); err != nil {
			refused++
		}
	}
	if want := 66 + 29; refused != want { // and the control characters but tab, line feed and return
		t.Errorf("got %d refused, want %d", refused, want)
	}
}

// Every event, with everything that can be in it, comes back as it was.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, name := range evidence.Names() {
		d := evidencetest.Document(name)
		d.Issuer.Qualified, d.Issuer.TrustedListEntry = true, "https://tl.example/1"
		d.Issuer.QualifiedSeal, d.Issuer.QualifiedTimeStamp, d.Issuer.PolicyOIDs = "CN=Seal", "QTSA", []string{"1.2.3", "1.2.4"}
		d.Event.Test = name == evidence.ContentConsignment
		if name.MayIdentify() && name != evidence.RecipientIdentification && d.Event.Recipient.Proof != nil {
			d.Event.ReceivedBy = &evidence.Party{Kind: evidence.NaturalPerson, Given: "Jo", Family: "Maes",
				Identifier: evidence.Identifier{Scheme: "bode:person", Value: "7"}, Address: []string{"Dorp 3"},
				Proof: &evidence.Proof{Given: "Jo", Family: "Maes", Method: "eid", Provider: "bode",
					Level: "http://eidas.europa.eu/LoA/high", At: d.Event.At, Record: "r-2"}}
			if !bytes.Contains(holdsTogether(t, d), []byte("<e:RecipientsDelegateDetails><e:Identity>")) {
				t.Errorf("%s: the delegate is not named", name)
			}
		}
		doc := holdsTogether(t, d)
		if out, err := schema(t, doc); err != nil {
			t.Errorf("%s: schema: %s", name, out)
		}
		for _, want := range []string{"<PolicyID>urn:oid:1.2.4</PolicyID>", "seq=1;prev=sha256:;hash=sha256:", "<e:SenderDelegateDetails>",
			"<AssuranceLevel>http://eidas.europa.eu/LoA/", "<AuthenticationMethod>urn:bode-erds:authentication:", "<ds:DigestValue "} {
			if !bytes.Contains(doc, []byte(want)) {
				t.Errorf("%s: no %s", name, want)
			}
		}
	}
}
