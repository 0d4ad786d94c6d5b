package eid_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eid"
)

// shop is a PKI made by openssl alone, whose cards sign with openssl and whose
// responder is openssl's.
type shop struct {
	t      testing.TB
	dir    string
	server *httptest.Server
	flags  []string // of "openssl ocsp": who answers, and how
}

// The kinds of certificate, in openssl's own words.
const extensions = `
[root]
basicConstraints=critical,CA:true,pathlen:1
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[ca]
basicConstraints=critical,CA:true,pathlen:0
keyUsage=critical,keyCertSign,cRLSign
extendedKeyUsage=clientAuth,emailProtection
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[card]
keyUsage=critical,digitalSignature
extendedKeyUsage=clientAuth
certificatePolicies=2.16.56.13.6.1.1.1000
authorityInfoAccess=OCSP;URI:http://%s/eid/0
authorityKeyIdentifier=keyid
[signing]
keyUsage=critical,nonRepudiation
certificatePolicies=2.16.56.13.6.1.2.1000
authorityInfoAccess=OCSP;URI:http://%[1]s/eid/0
[responder]
keyUsage=critical,digitalSignature
extendedKeyUsage=critical,OCSPSigning
noCheck=yes
[purposeless]
keyUsage=critical,digitalSignature
[any]
extendedKeyUsage=anyExtendedKeyUsage
`

func newShop(t testing.TB) *shop {
	t.Helper()
	s := &shop{t: t, dir: t.TempDir(), flags: []string{"-rsigner", "responder.pem", "-rkey", "responder.key"}}
	s.server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.server.Close)
	s.write("ext.cnf", fmt.Appendf(nil, extensions, s.host()))
	s.write("index.txt", nil)
	s.write("index.txt.attr", []byte("unique_subject = no\n")) // people renew their cards
	s.issue("root", "root", "/C=BE/CN=Belgium Root CA/serialNumber=9", "P-384", "root")
	s.issue("ca", "ca", "/C=BE/CN=Citizen CA/serialNumber=202098", "P-384", "root")
	s.issue("responder", "responder", "/C=BE/CN=Belgian OCSP Responder", "P-256", "ca")
	return s
}

func (s *shop) host() string { return strings.TrimPrefix(s.server.URL, "http://") }

func (s *shop) write(name string, b []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), b, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) read(name string) []byte {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// run runs a program in the shop's folder and returns what it printed.
func (s *shop) run(stdin []byte, program string, args ...string) []byte {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), program, args...)
	cmd.Dir, cmd.Stdin = s.dir, bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("%s %s: %v (.ci/tools names the package)\n%s", program, args, err, stderr.Bytes())
	}
	return out
}

// issue makes a key and a certificate of a kind, signed by a CA; "root" signs
// itself.
func (s *shop) issue(name, kind, subject, curve, by string) *x509.Certificate {
	s.t.Helper()
	s.run(nil, "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:"+curve, "-out", name+".key")
	s.run(nil, "openssl", "req", "-new", "-utf8", "-key", name+".key", "-subj", subject, "-out", name+".csr")
	sign := []string{"x509", "-req", "-in", name + ".csr", "-extfile", "ext.cnf", "-extensions", kind, "-days", "30", "-sha384",
		"-set_serial", fmt.Sprintf("0x%x", time.Now().UnixNano()), "-out", name + ".pem"}
	if name == by {
		sign = append(sign, "-key", name+".key")
	} else {
		sign = append(sign, "-CA", by+".pem", "-CAkey", by+".key")
	}
	s.run(nil, "openssl", sign...)
	return s.certificate(name)
}

func (s *shop) certificate(name string) *x509.Certificate {
	s.t.Helper()
	block, _ := pem.Decode(s.read(name + ".pem"))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// card makes one and enters it in the responder's books; state is V, R or "" for
// not at all.
func (s *shop) card(name, kind, state string) *x509.Certificate {
	s.t.Helper()
	c := s.issue(name, kind, "/C=BE/CN=Nora Peeters (Authentication)/SN=Peeters/GN=Nora/serialNumber="+ann().NationalNumber, "P-384", "ca")
	s.enter(c, state)
	return c
}

func (s *shop) enter(c *x509.Certificate, state string) {
	s.t.Helper()
	when := ""
	switch state {
	case "":
		return
	case "R":
		when = time.Now().Add(-time.Hour).UTC().Format("060102150405Z") + ",keyCompromise"
	}
	line := fmt.Appendf(nil, "%s\t%s\t%s\t%X\tunknown\t/CN=x\n", state, c.NotAfter.UTC().Format("060102150405Z"), when, c.SerialNumber)
	s.write("index.txt", append(s.read("index.txt"), line...))
}

// answer passes a question to openssl.
func (s *shop) answer(w http.ResponseWriter, r *http.Request) {
	question, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	dir, err := os.MkdirTemp(s.dir, "ocsp")
	if err != nil {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, "q.der"), question, 0o600); err != nil {
		return
	}
	cmd := exec.Command("openssl", append([]string{"ocsp", "-index", "index.txt", "-CA", "ca.pem", "-reqin", filepath.Join(dir, "q.der"),
		"-respout", filepath.Join(dir, "a.der")}, s.flags...)...)
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Logf("openssl ocsp: %v: %s", err, out)
		http.Error(w, string(out), http.StatusInternalServerError)
		return
	}
	b, err := os.ReadFile(filepath.Join(dir, "a.der"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(b)
}

func (s *shop) verifier() *eid.Verifier {
	s.t.Helper()
	anchors, err := eid.NewAnchors(s.certificate("root"), s.certificate("ca"))
	if err != nil {
		s.t.Fatal(err)
	}
	v, err := eid.New(eid.Config{Anchors: anchors, Responders: []string{s.host()}})
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// TestOpenSSLResponder asks the responder of openssl, under a PKI of openssl.
func TestOpenSSLResponder(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.card("good", "card", "V")
	s.card("revoked", "card", "R")
	s.card("unknown", "card", "")
	s.card("other", "card", "V")
	s.issue("purposeless", "purposeless", "/C=BE/CN=Belgian OCSP Responder", "P-256", "ca")
	s.issue("any", "any", "/C=BE/CN=Belgian OCSP Responder", "P-256", "ca")
	s.issue("strangerca", "root", "/C=BE/CN=Citizen CA/serialNumber=202098", "P-384", "strangerca")
	s.issue("stranger", "responder", "/C=BE/CN=Belgian OCSP Responder", "P-256", "strangerca")
	by := func(name string, more ...string) []string {
		return append([]string{"-rsigner", name + ".pem", "-rkey", name + ".key"}, more...)
	}
	for _, tc := range []struct {
		name  string
		card  string
		flags []string
		later time.Duration
		want  error
	}{
		{"good", "good", by("responder"), 0, nil},
		{"good, by key", "good", by("responder", "-resp_key_id"), 0, nil},
		{"good until tomorrow", "good", by("responder", "-ndays", "1"), 0, nil},
		{"good, by the CA", "good", by("ca"), 0, nil},
		{"good, by the CA alone", "good", by("ca", "-resp_no_certs"), 0, nil},
		{"good, SHA-512", "good", by("responder", "-rmd", "sha512"), 0, nil},
		{"revoked", "revoked", by("responder"), 0, eid.ErrRevoked},
		{"unknown", "unknown", by("responder"), 0, eid.ErrRevoked},
		{"responder without purpose", "good", by("purposeless"), 0, eid.ErrResponse},
		{"responder for anything", "good", by("any"), 0, eid.ErrResponse},
		{"sibling", "good", by("other"), 0, eid.ErrResponse},
		{"sibling, for itself", "revoked", by("revoked"), 0, eid.ErrResponse},
		{"responder of a CA of that name", "good", by("stranger"), 0, eid.ErrResponse},
		{"a CA of that name", "good", by("strangerca"), 0, eid.ErrResponse},
		{"responder unnamed", "good", by("responder", "-resp_no_certs"), 0, eid.ErrResponse},
		{"SHA-1", "good", by("responder", "-rmd", "sha1"), 0, eid.ErrResponse},
		{"damaged", "good", by("responder", "-badsig"), 0, eid.ErrResponse},
		{"eleven minutes old", "good", by("responder"), 11 * time.Minute, eid.ErrResponse},
		{"its time is over", "good", by("responder", "-nmin", "1"), 4 * time.Minute, eid.ErrResponse},
	} {
		s.flags = tc.flags
		p, err := s.identify(s.verifier(), tc.card, time.Now().Add(tc.later))
		if tc.want == nil && err != nil || !isErrorOrNil(err, tc.want) || (err == nil) != (p.Method == identity.MethodWebEID) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

func isErrorOrNil(err, want error) bool { return want == nil && err == nil || isError(err, want) }

// identify is a person with a card of the shop.
func (s *shop) identify(v *eid.Verifier, card string, at time.Time) (identity.Proof, error) {
	s.t.Helper()
	w := webEID(s.t, v)
	c := begin(s.t, w)
	signed := s.run(s.challenge(c.Nonce), "openssl", "dgst", "-sha384", "-sign", card+".key")
	return w.Finish(s.t.Context(), c.Saved, answer(s.token(s.certificate(card), rawSignature(s.t, signed, 48))), at)
}

// challenge is what a card signs the hash of, computed by openssl.
func (s *shop) challenge(nonce string) []byte {
	s.t.Helper()
	hash := func(text string) []byte { return s.run([]byte(text), "openssl", "dgst", "-sha384", "-binary") }
	return append(hash(origin), hash(nonce)...)
}

func TestOpenSSLSigningCertificate(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.card("signing", "signing", "V")
	p, err := s.identify(s.verifier(), "signing", time.Now())
	refused(t, p, err, eid.ErrSigningCertificate, identity.ErrLoginDocument)
}
