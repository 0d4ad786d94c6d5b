package evidence_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

func token(t testing.TB, cfg evidencetest.Config) (*evidencetest.Authority, []byte, []byte) {
	t.Helper()
	a, err := evidencetest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	imprint := sha256.Sum256([]byte("evidence"))
	tok, err := a.Stamper().Stamp(t.Context(), imprint[:])
	if err != nil {
		t.Fatal(err)
	}
	return a, tok, imprint[:]
}

func TestVerifyToken(t *testing.T) {
	t.Parallel()
	at := evidencetest.At().Truncate(time.Second)
	a, tok, imprint := token(t, evidencetest.Config{Now: func() time.Time { return at }, TSAPolicy: "1.2.3.4"})
	info, err := evidence.VerifyToken(tok, imprint, a.Trust())
	if err != nil || !info.Time.Equal(at) || info.Policy != "1.2.3.4" || info.Serial == "" || info.Authority == "" {
		t.Fatalf("got %+v, %v", info, err)
	}
	// Long after every certificate expired, the token still says what it says.
	old := evidencetest.At().AddDate(-30, 0, 0)
	b, expired, _ := token(t, evidencetest.Config{Now: func() time.Time { return old }})
	if _, err := evidence.VerifyToken(expired, imprint, b.Trust()); err != nil {
		t.Errorf("expired since: %v", err)
	}
	policy := a.Trust()
	policy.Policies = []string{"1.2.3"}
	seal := a.Trust()
	seal.TSA = seal.Seal
	for what, c := range map[string]struct {
		token, imprint []byte
		trust          evidence.Trust
	}{
		"nothing":         {nil, imprint, a.Trust()},
		"garbage":         {[]byte("token"), imprint, a.Trust()},
		"trailing":        {append(bytes.Clone(tok), 0), imprint, a.Trust()},
		"too long":        {make([]byte, 1<<20), imprint, a.Trust()},
		"other imprint":   {tok, make([]byte, 32), a.Trust()},
		"short imprint":   {tok, imprint[:20], a.Trust()},
		"no imprint":      {tok, nil, a.Trust()},
		"stranger":        {tok, imprint, b.Trust()},
		"nobody trusted":  {tok, imprint, evidence.Trust{}},
		"empty pool":      {tok, imprint, evidence.Trust{TSA: x509.NewCertPool()}},
		"policy":          {tok, imprint, policy},
		"anchor of seals": {tok, imprint, seal},
	} {
		if _, err := evidence.VerifyToken(c.token, c.imprint, c.trust); !errors.Is(err, evidence.ErrToken) {
			t.Errorf("%s: got %v, want ErrToken", what, err)
		}
	}
}

// No octet of a token can be changed, signed or not, by any bit.
func TestEveryBitOfATokenCounts(t *testing.T) {
	t.Parallel()
	a, tok, imprint := token(t, evidencetest.Config{})
	trust := a.Trust()
	for i := range tok {
		for bit := range 8 {
			bad := bytes.Clone(tok)
			bad[i] ^= 1 << bit
			if _, err := evidence.VerifyToken(bad, imprint, trust); err == nil {
				t.Fatalf("octet %d bit %d of %d accepted", i, bit, len(tok))
			}
		}
	}
}

// openssl runs openssl in dir and fails the test when it fails.
func openssl(t testing.TB, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %v: %s", args, out)
	}
}

// Tokens by OpenSSL's own authority, with RSA and with a usage that is not critical.
func TestForeignTokens(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("openssl is not installed: .ci/tools names the package")
	}
	const curve = "ec_paramgen_curve:P-256"
	for _, c := range []struct {
		usage, key string
		ok         bool
	}{
		{"critical,timeStamping", "rsa:3072", true},
		{"critical,timeStamping", "rsa:2048", false},
		{"timeStamping", "ec", false},
		{"critical,timeStamping,codeSigning", "ec", false},
	} {
		usage, ok := c.usage+" "+c.key, c.ok
		dir := t.TempDir()
		conf := "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=TSA\n[ext]\nextendedKeyUsage=" + c.usage +
			"\n[tsa]\ndefault_tsa=t\n[t]\nserial=serial\ncrypto_device=builtin\nsigner_cert=tsa.pem\ncerts=ca.pem\nsigner_key=tsa.key\n" +
			"signer_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256\naccuracy=secs:1\ness_cert_id_alg=sha256\n"
		for name, s := range map[string]string{"c.cnf": conf, "data": "evidence", "serial": "01"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(s), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		openssl(t, dir, "req", "-x509", "-newkey", "ec", "-pkeyopt", curve, "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Root", "-days", "9")
		newKey := []string{"req", "-new", "-newkey", c.key}
		if c.key == "ec" {
			newKey = append(newKey, "-pkeyopt", curve)
		}
		openssl(t, dir, append(newKey, "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-config", "c.cnf")...)
		openssl(t, dir, "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "tsa.pem",
			"-extfile", "c.cnf", "-extensions", "ext", "-days", "9")
		openssl(t, dir, "ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "q")
		reply := exec.Command("openssl", "ts", "-reply", "-queryfile", "q", "-token_out", "-out", "token", "-config", "c.cnf")
		reply.Dir = dir
		if out, err := reply.CombinedOutput(); err != nil {
			if ok {
				t.Errorf("%s: openssl: %s", usage, out)
			}
			continue // openssl itself refuses to stamp with such a certificate
		}
		tok, err := os.ReadFile(filepath.Join(dir, "token"))
		if err != nil {
			t.Fatal(err)
		}
		anchor, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(anchor)
		imprint := sha256.Sum256([]byte("evidence"))
		if _, err := evidence.VerifyToken(tok, imprint[:], evidence.Trust{TSA: pool}); (err == nil) != ok {
			t.Errorf("%s: got %v", usage, err)
		}
	}
}

func FuzzVerifyToken(f *testing.F) {
	a, tok, imprint := token(f, evidencetest.Config{})
	f.Add(tok)
	trust := a.Trust()
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := evidence.VerifyToken(b, imprint, trust); err == nil && !bytes.Equal(b, tok) {
			t.Fatal("another token was accepted")
		}
	})
}
