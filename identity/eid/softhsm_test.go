//go:build cgo

package eid_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ThalesGroup/crypto11"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eid"
	"github.com/bode-erds/bode/identity/eidtest"
)

const pin = "1234"

// TestMain makes the cards before the module is loaded: it reads their list only
// then, and the environment names one place for the whole process.
//
// Tests that use a card run one after the other: SoftHSM writes its file at each log-in,
// and whoever reads it at that moment, another test that looks for its own, gets
// CKR_GENERAL_ERROR, or the one who logs in does.
func TestMain(m *testing.M) { os.Exit(withCards(m)) }

func withCards(m *testing.M) int {
	dir, err := os.MkdirTemp("", "eid")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "directories.tokendir = %s\nlog.level = ERROR\n", dir), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv("SOFTHSM2_CONF", conf)
	for _, label := range []string{"reader", "tls"} {
		out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", "31415926").CombinedOutput()
		if err != nil {
			fmt.Fprintf(os.Stderr, "softhsm2-util (.ci/tools names the package): %v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}

func module(t testing.TB) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/softhsm", "/usr/lib/*/softhsm", "/usr/lib64/softhsm", "/usr/lib64/pkcs11", "/usr/local/lib/softhsm", "/opt/homebrew/lib/softhsm"} {
		if found, err := filepath.Glob(filepath.Join(pattern, "libsofthsm2.so")); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("libsofthsm2.so is not installed: .ci/tools names the package")
	return ""
}

// plastic is a card: a key made on a token, which has never been outside. It
// returns what pkcs11-tool needs to find it, and leaves the public key in pub.pem.
func (s *shop) plastic(label string) (tool []string) {
	s.t.Helper()
	tool = []string{"--module", module(s.t), "--token-label", label, "--login", "--pin", pin, "--id", "02"}
	s.run(nil, "pkcs11-tool", append(tool, "--keypairgen", "--key-type", "EC:secp384r1", "--label", "Authentication")...)
	listed := string(s.run(nil, "pkcs11-tool", append(tool, "--list-objects", "--type", "privkey")...))
	for _, want := range []string{"always sensitive", "never extractable", "local"} {
		if !strings.Contains(listed, want) {
			s.t.Fatalf("the key is not %s:\n%s", want, listed)
		}
	}
	// OpenSC writes out public keys of P-256 only; it shows the others.
	listed = string(s.run(nil, "pkcs11-tool", append(tool, "--list-objects", "--type", "pubkey")...))
	_, listed, _ = strings.Cut(listed, "EC_POINT:")
	point, err := hex.DecodeString(strings.Fields(listed)[0])
	if err != nil {
		s.t.Fatal(err)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P384(), point[2:]) // in an OCTET STRING
	if err != nil {
		s.t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("pub.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	return tool
}

// certify is a certificate of the shop for a key that it does not have.
func (s *shop) certify(name string) *x509.Certificate {
	s.t.Helper()
	s.run(nil, "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "any.key")
	s.run(nil, "openssl", "req", "-new", "-utf8", "-key", "any.key", "-out", name+".csr",
		"-subj", "/C=BE/CN=Ann Marie Peeters (Authentication)/SN=Peeters/GN=Ann Marie/serialNumber="+ann().NationalNumber)
	s.run(nil, "openssl", "x509", "-req", "-in", name+".csr", "-force_pubkey", "pub.pem", "-extfile", "ext.cnf", "-extensions", "card",
		"-days", "30", "-sha384", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "0x1234567890abcdef", "-out", name+".pem")
	c := s.certificate(name)
	s.enter(c, "V")
	return c
}

// TestSoftHSMWebEID makes a Web eID token without a line of ours: openssl
// hashes, the token in the reader signs, openssl's responder answers.
func TestSoftHSMWebEID(t *testing.T) {
	s := newShop(t)
	tool := s.plastic("reader")
	card := s.certify("plastic")
	w := webEID(t, s.verifier())
	sign := func(nonce string) string {
		hash := s.run(s.challenge(nonce), "openssl", "dgst", "-sha384", "-binary")
		s.write("hash", hash)
		s.run(nil, "pkcs11-tool", append(tool, "--sign", "--mechanism", "ECDSA", "--input-file", "hash", "--output-file", "signature")...)
		return s.token(card, s.read("signature"))
	}
	c, other := begin(t, w), begin(t, w)
	p, err := w.Finish(t.Context(), c.Saved, answer(sign(c.Nonce)), time.Now())
	if err != nil || p.Family != "Peeters" || p.Given != "Ann Marie" || p.Provider != "Citizen CA 202098" {
		t.Errorf("%v %q %q %q", err, p.Given, p.Family, p.Provider)
	}
	p, err = w.Finish(t.Context(), c.Saved, answer(sign(other.Nonce)), time.Now())
	refused(t, p, err, eid.ErrSignature, identity.ErrLoginStale)
}

// TestSoftHSMCard opens a TLS connection with a key that never leaves its token.
func TestSoftHSMCard(t *testing.T) {
	s := newShop(t)
	s.plastic("tls")
	card := s.certify("plastic")
	reader, err := crypto11.Configure(&crypto11.Config{Path: module(t), TokenLabel: "tls", Pin: pin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	key, err := reader.FindKeyPair([]byte{2}, nil)
	if err != nil || key == nil {
		t.Fatal(key, err)
	}
	v := s.verifier()
	// The stand-in for the extension takes a key that is somewhere else.
	if _, err := identify(t, webEID(t, v), &eidtest.Card{Certificate: card, Issuer: s.certificate("ca"), Key: key}, time.Now()); err != nil {
		t.Error(err)
	}
	h := startHostOf(t, v)
	own := tlsCertificate(card, s.certificate("ca"), key)
	for _, change := range []func(*http.Request){func(*http.Request) {}, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }} {
		c := h.wait(t)
		resp, err := h.post(t, h.browser(&own), c.Key, change)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		p, err := h.finish(t, c, time.Now())
		if resp.StatusCode == http.StatusForbidden {
			refused(t, p, err, eid.ErrDeposit, identity.ErrLoginStale)
		} else if err != nil || p.Family != "Peeters" || p.Method != identity.MethodCard {
			t.Error(err, p.Family)
		}
	}
}
