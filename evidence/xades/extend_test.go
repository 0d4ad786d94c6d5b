package xades_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/xades"
)

func extend(t testing.TB, doc []byte, v evidence.Validation) []byte {
	t.Helper()
	long, err := xades.Extend(doc, v)
	if err != nil {
		t.Fatal(err)
	}
	return long
}

func TestExtend(t *testing.T) {
	t.Parallel()
	schema, err := filepath.Abs("../testdata/schema/19522-3.xsd")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"P-256", "P-384", "RSA-3072"} {
		w := newWorld(t, key)
		signed := w.seal(t, evidencetest.Document(evidence.ContentHandover))
		before := xades.Checker{}.Check(signed, w.Trust())
		if len(before.Unchecked) != 2 || before.Unchecked[0].Code != evidence.CheckRevocation {
			t.Errorf("%s: as issued: left %+v", key, before.Unchecked)
		}
		for kind, v := range map[string]evidence.Validation{"answers": w.Validation(), "lists": w.ValidationByLists()} {
			long := extend(t, signed, v)
			r := xades.Checker{}.Check(long, w.Trust())
			if !r.OK() || !bytes.Equal(r.Content, before.Content) || len(r.Unchecked) != 1 || len(r.Checks) != len(before.Checks)+1 {
				t.Errorf("%s, %s: %s, left %+v", key, kind, r.Failures(), r.Unchecked)
			}
			if issued, err := xades.Issued(long); err != nil || !bytes.Equal(issued, signed) {
				t.Errorf("%s, %s: not the same as issued, %v", key, kind, err)
			}
			turned := evidence.Validation{Certificates: reversed(v.Certificates), CRLs: reversed(v.CRLs), OCSPs: append(reversed(v.OCSPs), v.OCSPs...)}
			if !bytes.Equal(extend(t, signed, turned), long) {
				t.Errorf("%s, %s: order and repetition change the result", key, kind)
			}
			if err := xmlsec(t, w, long); err != nil {
				t.Errorf("%s, %s: xmlsec1: %v", key, kind, err)
			}
			if out, err := exec.Command(tool(t, "xmllint"), "--nonet", "--noout", "--schema", schema, write(t, "e.xml", long)).CombinedOutput(); err != nil {
				t.Errorf("%s, %s: schema: %s", key, kind, out)
			}
			if out, err := exec.Command(tool(t, "xmllint"), "--nonet", "--exc-c14n", write(t, "e.xml", long)).Output(); err != nil || !bytes.Equal(out, long) {
				t.Errorf("%s, %s: not canonical: %v", key, kind, err)
			}
		}
	}
}

func reversed(list [][]byte) [][]byte {
	var r [][]byte
	for i := range list {
		r = append(r, list[len(list)-1-i])
	}
	return r
}

func TestExtendRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "P-256")
	p, err := evidence.Prepare(evidencetest.Document(evidence.ContentHandover))
	if err != nil {
		t.Fatal(err)
	}
	unstamped, err := w.sealer.SignXML(p, evidencetest.At())
	if err != nil {
		t.Fatal(err)
	}
	stamped, err := w.sealer.StampXML(t.Context(), unstamped)
	if err != nil {
		t.Fatal(err)
	}
	v := w.Validation()
	long := extend(t, stamped, v)
	for what, c := range map[string]struct {
		doc []byte
		v   evidence.Validation
	}{
		"no time-stamp":     {unstamped, v},
		"extended before":   {long, v},
		"nothing":           {nil, v},
		"not signed":        {p.XML(), v},
		"no data":           {stamped, evidence.Validation{}},
		"only certificates": {stamped, evidence.Validation{Certificates: v.Certificates}},
		"too much":          {stamped, evidence.Validation{CRLs: [][]byte{make([]byte, 34<<20)}}},
	} {
		if out, err := xades.Extend(c.doc, c.v); !errors.Is(err, evidence.ErrDocument) || out != nil {
			t.Errorf("%s: got %d octets, %v", what, len(out), err)
		}
	}
	for _, same := range [][]byte{unstamped, stamped} {
		if issued, err := xades.Issued(same); err != nil || !bytes.Equal(issued, same) {
			t.Errorf("as issued: changed, %v", err)
		}
	}
	for _, doc := range [][]byte{nil, p.XML(), []byte("<a></a>"), long[1:], append(bytes.Clone(long), '\n')} {
		if _, err := xades.Issued(doc); !errors.Is(err, evidence.ErrDocument) {
			t.Errorf("%.20q: got %v", doc, err)
		}
	}
	if _, err := w.sealer.StampXML(t.Context(), long); !errors.Is(err, evidence.ErrDocument) {
		t.Errorf("stamped again: %v", err)
	}
	if _, err := (xades.Checker{}).CheckSigned(long); !errors.Is(err, evidence.ErrDocument) {
		t.Errorf("extended evidence as just signed: %v", err)
	}
}

// No octet of the validation data can be changed, though no signature of the
// seal covers it.
func TestEveryOctetOfTheDataCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "P-256")
	signed := w.seal(t, evidencetest.Document(evidence.NotificationForAcceptance))
	long := extend(t, signed, w.Validation())
	trust := w.Trust()
	from := bytes.Index(long, []byte("</xades:SignatureTimeStamp>"))
	for i := from; i < len(long); i++ {
		bad := bytes.Clone(long)
		bad[i] ^= 1 << (i % 8)
		if r := (xades.Checker{}).Check(bad, trust); r.OK() || r.Content != nil || r.Document != nil {
			t.Fatalf("octet %d accepted, near %q", i, bad[max(0, i-30):min(len(bad), i+30)])
		}
	}
}

func TestExtendedRefuses(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t, "P-256"), newWorld(t, "P-256")
	signed := w.seal(t, evidencetest.Document(evidence.ContentHandover))
	v := w.Validation()
	good := string(extend(t, signed, v))
	swap := func(old, new string) []byte {
		t.Helper()
		if !strings.Contains(good, old) {
			t.Fatalf("no %s", old)
		}
		return []byte(strings.Replace(good, old, new, 1))
	}
	leaf := func(der []byte) string {
		return "<xades:EncapsulatedX509Certificate>" + base64.StdEncoding.EncodeToString(der) + "</xades:EncapsulatedX509Certificate>"
	}
	first := good[strings.Index(good, "<xades:OCSPValues>"):strings.Index(good, "</xades:OCSPValues>")]
	first = first[len("<xades:OCSPValues>"):strings.Index(first, "</xades:EncapsulatedOCSPValue>")] + "</xades:EncapsulatedOCSPValue>"
	certs := good[strings.Index(good, "<xades:CertificateValues>"):strings.Index(good, "<xades:RevocationValues>")]
	revocations := good[strings.Index(good, "<xades:RevocationValues>"):strings.Index(good, "</xades:UnsignedSignatureProperties>")]
	crls := revocations[strings.Index(revocations, "<xades:CRLValues>"):strings.Index(revocations, "<xades:OCSPValues>")]
	revoked := func(reason int, after time.Duration) []byte {
		w := newWorld(t, "P-256")
		signed := w.seal(t, evidencetest.Document(evidence.ContentHandover))
		w.Revoke(w.SealChain()[0], evidencetest.At().Add(after), reason)
		r := xades.Checker{}.Check(extend(t, signed, w.Validation()), w.Trust())
		if later := after > 3*time.Second && reason != 1; r.OK() != later {
			t.Errorf("revoked for %d after %s: %s", reason, after, r.Failures())
		}
		return nil
	}
	revoked(4, time.Minute)
	revoked(4, 2*time.Second)
	revoked(0, -time.Hour)
	revoked(1, time.Hour)
	for what, c := range map[string]struct {
		doc  []byte
		code evidence.Code
	}{
		"no revocation data":       {swap(revocations, ""), evidence.CheckFormat},
		"empty revocation data":    {swap(revocations, "<xades:RevocationValues></xades:RevocationValues>"), evidence.CheckFormat},
		"no certificates":          {swap(certs, ""), evidence.CheckRevocation},
		"empty certificates":       {swap(certs, "<xades:CertificateValues></xades:CertificateValues>"), evidence.CheckFormat},
		"certificate of the seal":  {swap(certs, certs[:len(certs)-len("</xades:CertificateValues>")]+leaf(w.SealChain()[0].Raw)+"</xades:CertificateValues>"), ""},
		"no list":                  {swap(crls, ""), evidence.CheckRevocation},
		"one answer missing":       {swap(first, ""), evidence.CheckRevocation},
		"an answer twice":          {swap(first, first+first), evidence.CheckFormat},
		"answers first":            {swap("<xades:CRLValues>", "<xades:OCSPValues></xades:OCSPValues><xades:CRLValues>"), evidence.CheckFormat},
		"certificates last":        {swap(certs+revocations, revocations+certs), evidence.CheckFormat},
		"data twice":               {swap(revocations, revocations+revocations), evidence.CheckFormat},
		"white space":              {swap("<xades:CRLValues>", " <xades:CRLValues>"), evidence.CheckFormat},
		"white space in base64":    {swap("<xades:EncapsulatedOCSPValue>", "<xades:EncapsulatedOCSPValue>\n"), evidence.CheckFormat},
		"attribute":                {swap("<xades:CRLValues>", `<xades:CRLValues Id="a">`), evidence.CheckFormat},
		"other property":           {swap("</xades:RevocationValues>", "</xades:RevocationValues><xades:X></xades:X>"), evidence.CheckFormat},
		"comment":                  {swap("<xades:RevocationValues>", "<!-- --><xades:RevocationValues>"), evidence.CheckFormat},
		"in front of the stamp":    {bytes.Replace(signed, []byte("<xades:SignatureTimeStamp>"), []byte(certs+revocations+"<xades:SignatureTimeStamp>"), 1), evidence.CheckFormat},
		"a stranger's":             {extend(t, signed, other.Validation()), evidence.CheckRevocation},
		"changed content":          {swap("Opzegging", "Verlenging"), evidence.CheckIntegrity},
		"a second evidence inside": {swap(certs, string(signed)+certs), evidence.CheckFormat},
		"a word from the past":     {nil, evidence.CheckRevocation},
	} {
		if c.doc == nil {
			w := newWorld(t, "P-256")
			signed := w.seal(t, evidencetest.Document(evidence.ContentHandover))
			w.SetLapses(evidencetest.CRLExpired)
			c.doc = extend(t, signed, w.ValidationByLists())
			if r := (xades.Checker{}).Check(c.doc, w.Trust()); r.OK() || !strings.Contains(r.Failures(), "revocation") {
				t.Errorf("%s: %s", what, r.Failures())
			}
			continue
		}
		r := xades.Checker{}.Check(c.doc, w.Trust())
		failed := c.code == ""
		for _, check := range r.Checks {
			failed = failed || check.Code == c.code && !check.OK
		}
		if r.OK() || !failed || r.Content != nil || r.Document != nil {
			t.Errorf("%s: want %s to fail, got %s", what, c.code, r.Failures())
		}
	}
}

// records accepts a record that is the digest itself.
type records struct{ at time.Time }

func (c records) CheckRecord(record []byte, digest [32]byte, _ evidence.Trust) (evidence.Recorded, error) {
	if !bytes.Equal(record, digest[:]) {
		return evidence.Recorded{}, evidence.ErrToken
	}
	return evidence.Recorded{Stamps: []evidence.TokenInfo{{Time: c.at}}}, nil
}

// An evidence record is over what was issued, whatever was added since.
func TestRecordOfExtended(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "P-256")
	signed := w.seal(t, evidencetest.Document(evidence.ContentHandover))
	long := extend(t, signed, w.Validation())
	c := xades.Checker{Record: records{evidencetest.At().Add(time.Hour)}}
	for doc, ok := range map[string]bool{string(signed): true, string(long): false} {
		sum := sha256.Sum256([]byte(doc))
		for _, checked := range [][]byte{signed, long} {
			if r := c.CheckWith(checked, evidence.Beside{Record: sum[:]}, w.Trust()); r.OK() != ok {
				t.Errorf("record over %d octets, evidence of %d: %s", len(doc), len(checked), r.Failures())
			}
		}
	}
}

func FuzzIssued(f *testing.F) {
	w := newWorld(f, "P-256")
	signed := w.seal(f, evidencetest.Document(evidence.ContentHandover))
	f.Add(signed)
	f.Add(extend(f, signed, w.Validation()))
	f.Fuzz(func(t *testing.T, doc []byte) {
		issued, err := xades.Issued(doc)
		if err != nil {
			return
		}
		if again, err := xades.Issued(issued); err != nil || !bytes.Equal(again, issued) {
			t.Fatalf("what was issued is not: %v", err)
		}
	})
}
