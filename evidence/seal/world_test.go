package seal_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/pades"
	"github.com/bode-erds/bode/evidence/seal"
	"github.com/bode-erds/bode/evidence/xades"
)

// authority certifies keys that it does not have: a root and an intermediate.
type authority struct {
	root, sub *x509.Certificate
	key       crypto.Signer
}

func newAuthority(t testing.TB) authority {
	t.Helper()
	rootKey, key := ec(t, p256), ec(t, p256)
	root := certificate(t, template("Root", true), nil, rootKey.Public(), rootKey)
	return authority{root, certificate(t, template("Intermediate", true), root, key.Public(), rootKey), key}
}

// template is valid around the sample events and now.
func template(name string, ca bool) *x509.Certificate {
	c := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name, Organization: []string{"Bode test"}, Country: []string{"BE"}},
		NotBefore: evidencetest.At().AddDate(-1, 0, 0), NotAfter: evidencetest.At().AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
	}
	if ca {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	}
	return c
}

func certificate(t testing.TB, c, by *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = serial.Add(serial, big.NewInt(1))
	if by == nil {
		by = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err = x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// certify gives the chain of a key, without the root.
func (a authority) certify(t testing.TB, pub crypto.PublicKey, change ...func(*x509.Certificate)) []*x509.Certificate {
	t.Helper()
	c := template("Seal", false)
	for _, f := range change {
		f(c)
	}
	return []*x509.Certificate{certificate(t, c, a.sub, pub, a.key), a.sub}
}

func encode(certs ...*x509.Certificate) []byte {
	var b []byte
	for _, c := range certs {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

func write(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run fails the test when the tool is missing or fails.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: .ci/tools names the package", name)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// sealed puts key to its real use: XML and PDF evidence, made and checked by the
// engine.
func sealed(t testing.TB, key evidence.SealKey, root *x509.Certificate) (xml, pdf []byte) {
	t.Helper()
	at := evidencetest.At().Add(2 * time.Second)
	stamps, err := evidencetest.New(evidencetest.Config{Now: func() time.Time { return at.Add(time.Second) }})
	if err != nil {
		t.Fatal(err)
	}
	trust := stamps.Trust()
	trust.Seal = x509.NewCertPool()
	trust.Seal.AddCert(root)
	x, err := xades.New(xades.Config{Key: evidence.FixedKey(key), Stamper: stamps.Stamper()})
	if err != nil {
		t.Fatal(err)
	}
	p, err := pades.New(pades.Config{Key: evidence.FixedKey(key), Stamper: stamps.Stamper()})
	if err != nil {
		t.Fatal(err)
	}
	engine := evidence.Engine{XML: x, XMLChecker: xades.Checker{}, PDF: p, PDFChecker: pades.Checker{}, Trust: trust}
	doc := evidencetest.Document(evidence.ConsignmentAcceptance)
	prepared, err := evidence.Prepare(doc)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := engine.Sign(prepared, at)
	if err != nil {
		t.Fatal(err)
	}
	if xml, _, err = engine.Stamp(context.Background(), signed); err != nil {
		t.Fatal(err)
	}
	if pdf, _, err = engine.Finish(context.Background(), doc, xml, evidence.Beside{}, true, at.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	return xml, pdf
}

// judge lets programs that share no code with us verify what key seals.
func judge(t *testing.T, key seal.Key, root *x509.Certificate) {
	t.Helper()
	xml, pdf := sealed(t, key, root)
	ca := write(t, "ca.pem", encode(root))
	run(t, "xmlsec1", "--verify", "--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties",
		"--trusted-pem", ca, write(t, "e.xml", xml))
	out := run(t, "pdfsig", "-nocert", write(t, "e.pdf", pdf))
	if strings.Count(out, "Signature is Valid") != 1 || !strings.Contains(out, "Total document signed") {
		t.Errorf("pdfsig:\n%s", out)
	}
	// A bare signature, for the one program that everybody has.
	h := crypto.SHA256
	w := h.New()
	w.Write([]byte("words"))
	sig, err := key.Sign(rand.Reader, w.Sum(nil), h)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	pub := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	run(t, "openssl", "dgst", "-sha256", "-verify", write(t, "pub.pem", pub), "-signature", write(t, "sig", sig), write(t, "words", []byte("words")))
	if bytes.Contains(xml, root.Raw) {
		t.Error("the root travels with the evidence")
	}
}

func open(t testing.TB, cfg seal.Config) seal.Key {
	t.Helper()
	k, err := seal.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func sign(k seal.Key, words string) error {
	sum := sha256.Sum256([]byte(words))
	sig, err := k.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return err
	}
	switch pub := k.Public().(type) {
	case *ecdsa.PublicKey:
		if ecdsa.VerifyASN1(pub, sum[:], sig) {
			return nil
		}
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], sig)
	}
	return errors.New("wrong signature")
}

// rsa3072 is made once: it takes as long as everything else together.
var rsa3072 = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 3072) })

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	if bits == 3072 {
		key, err := rsa3072()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
