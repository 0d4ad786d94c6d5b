package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image/png"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify"
)

// TestPlay plays the main job as README tells, and lets programs that share no
// code with us judge everything it leaves.
func TestPlay(t *testing.T) {
	t.Parallel()
	out := openDir(t)
	said, err := bode(t, "demo", "--play", "--out", out)
	if err != nil {
		t.Fatalf("the play failed: %v\n%s", err, said)
	}
	t.Log(said)
	var s summary
	b, err := os.ReadFile(filepath.Join(out, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	var ends []string
	for _, d := range s.Deliveries {
		ends = append(ends, d.State)
		for _, f := range d.Files {
			if _, err := os.Stat(filepath.Join(out, f)); err != nil {
				t.Error(err)
			}
		}
	}
	want := []string{string(delivery.HandedOver), string(delivery.Rejected), string(delivery.DeliveredByPost), string(delivery.DeliveredByPost), string(delivery.Cancelled)}
	if !slices.Equal(ends, want) {
		t.Errorf("ends = %v, want %v", ends, want)
	}
	judgeNotices(t, out, s.Notices)
	judge(t, out)
	othersJudge(t, out)
}

// judgeNotices looks at what people read in the play: each mail and text message as text
// and as a page, and a picture of every mail in every language.
func judgeNotices(t *testing.T, out string, s *summaryNotices) {
	if s == nil || s.Sent < 25 || s.Without != "" || s.Pictures < s.Sent+len(notify.Kinds())*len(notify.Languages()) {
		t.Fatalf("notices: %+v", s)
	}
	for i, kind := range notify.Kinds() {
		for _, language := range notify.Languages() {
			base := filepath.Join(out, s.Folder, "gallery", fmt.Sprintf("%02d-%s-%s-%s", i+1, kind, notify.Email, language))
			for _, ext := range []string{".txt", ".html"} {
				if b, err := os.ReadFile(base + ext); err != nil || len(b) < 100 {
					t.Errorf("%s%s: %d octets, %v", base, ext, len(b), err)
				}
			}
			f, err := os.Open(base + ".png")
			if err != nil {
				t.Error(err)
				continue
			}
			if c, err := png.DecodeConfig(f); err != nil || c.Width != phone || c.Height < phone {
				t.Errorf("%s.png: %d by %d, %v", base, c.Width, c.Height, err)
			}
			f.Close()
		}
	}
}

// judge calls the foreign tools on every file of a play.
func judge(t *testing.T, out string) {
	ca, tsa := filepath.Join(out, "trust", "ca.pem"), filepath.Join(out, "trust", "tsa.pem")
	nss := "sql:" + t.TempDir()
	foreign(t, "certutil", "-N", "-d", nss, "--empty-password")
	foreign(t, "certutil", "-A", "-d", nss, "-n", "ca", "-t", "CT,C,C", "-i", ca)
	xmls, pdfs := 0, 0
	err := filepath.WalkDir(out, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case filepath.Ext(path) == ".xml":
			xmls++
			foreign(t, "xmllint", "--nonet", "--noout", "--schema", "../../evidence/testdata/schema/19522-3.xsd", path)
			foreign(t, "xmlsec1", "--verify", "--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties", "--trusted-pem", ca, path)
			stamped(t, path, tsa)
			logged(t, path, filepath.Join(out, "trust", "log.pub"))
		case e.Name() == "letter.pdf":
			foreign(t, "qpdf", "--check", path)
			trusted(t, nss, path)
		case filepath.Ext(path) == ".pdf":
			pdfs++
			trusted(t, nss, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if xmls < 25 || xmls != pdfs {
		t.Errorf("%d XML and %d PDF pieces of evidence", xmls, pdfs)
	}
	t.Logf("%d XML and %d PDF pieces judged", xmls, pdfs)
}

var (
	stampShape = regexp.MustCompile(`<xades:EncapsulatedTimeStamp[^>]*>([^<]+)</xades:EncapsulatedTimeStamp>`)
	valueShape = regexp.MustCompile(`(?s)<ds:SignatureValue.*?</ds:SignatureValue>`)
)

// stamped lets openssl check the time-stamp of an XML signature, which is over
// the canonical SignatureValue: as it stands, with the name space it is in.
func stamped(t *testing.T, path, tsa string) {
	t.Helper()
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m := stampShape.FindSubmatch(doc)
	value := valueShape.Find(doc)
	if _, err := os.Stat(strings.TrimSuffix(path, ".xml") + ".ers"); m == nil && err == nil {
		recordStamped(t, path, tsa)
		return
	}
	if m == nil || value == nil {
		t.Fatalf("%s has no time-stamp", path)
	}
	value = bytes.Replace(value, []byte("<ds:SignatureValue "), []byte(`<ds:SignatureValue xmlns:ds="http://www.w3.org/2000/09/xmldsig#" `), 1)
	token, err := base64.StdEncoding.DecodeString(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, b := range map[string][]byte{"token": token, "value": value} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	foreign(t, "openssl", "ts", "-verify", "-data", filepath.Join(dir, "value"), "-in", filepath.Join(dir, "token"), "-token_in", "-CAfile", tsa)
}

var digestShape = regexp.MustCompile(`<ds:DigestValue>([^<]+)</ds:DigestValue>`)

// logged lets an independent client verify that the log holds what the signature
// is over.
func logged(t *testing.T, path, key string) {
	t.Helper()
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := base64.StdEncoding.DecodeString(string(digestShape.FindSubmatch(doc[bytes.Index(doc, []byte("<ds:SignedInfo")):])[1]))
	if err != nil {
		t.Fatal(err)
	}
	foreign(t, "python3", "../../evidence/testdata/oracle/tlog.py", "proof", strings.TrimSuffix(path, ".xml")+".tlog-proof",
		strings.TrimSpace(string(public)), hex.EncodeToString(entry))
}

// trusted lets pdfsig judge the seal of a PDF. What was added for the long term
// follows the seal, so it judges the PDF without it.
func trusted(t *testing.T, nss, path string) {
	t.Helper()
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	foreign(t, "qpdf", "--check", path)
	if m := regexp.MustCompile(`/ByteRange ?\[0 (\d+) (\d+) (\d+)`).FindSubmatch(doc); m != nil {
		from, _ := strconv.Atoi(string(m[2]))
		size, _ := strconv.Atoi(string(m[3]))
		path = filepath.Join(t.TempDir(), "issued.pdf")
		if err := os.WriteFile(path, doc[:from+size], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said := foreign(t, "pdfsig", "-nssdir", nss, path)
	for _, want := range []string{"Signature is Valid.", "Certificate is Trusted.", "Total document signed", "ETSI.CAdES.detached"} {
		if !strings.Contains(said, want) {
			t.Errorf("pdfsig on %s lacks %q:\n%s", path, want, said)
		}
	}
}

// foreign runs a program that must succeed.
func foreign(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
