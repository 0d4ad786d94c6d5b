package seal_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence/seal"
)

// p256 is the curve of most keys here.
var p256 = elliptic.P256()

func keyPEM(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func certPEM(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "seal"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func config(t *testing.T, key, cert []byte) seal.Config {
	t.Helper()
	dir := t.TempDir()
	cfg := seal.Config{AllowFileKey: true, KeyFile: filepath.Join(dir, "key.pem"), CertFile: filepath.Join(dir, "cert.pem")}
	for path, b := range map[string][]byte{cfg.KeyFile: key, cfg.CertFile: cert} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

func ec(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestFileKeySigns(t *testing.T) {
	t.Parallel()
	for _, key := range []crypto.Signer{ec(t, p256), ec(t, elliptic.P384()), rsaKey(t, 3072)} {
		k, err := seal.New(config(t, keyPEM(t, key), certPEM(t, key)))
		if err != nil {
			t.Fatalf("%T: %v", key, err)
		}
		sum := sha256.Sum256([]byte("x"))
		sig, err := k.Sign(rand.Reader, sum[:], crypto.SHA256)
		if err != nil || len(sig) == 0 || len(k.Certificates()) != 1 {
			t.Errorf("%T: got %d octets, %v", key, len(sig), err)
		}
		if err := errors.Join(k.Health(t.Context()), k.Close()); err != nil {
			t.Errorf("%T: %v", key, err)
		}
		for what, opts := range map[string]crypto.SignerOpts{
			"PSS": &rsa.PSSOptions{Hash: crypto.SHA256}, "no digest": crypto.Hash(0), "SHA-1": crypto.SHA1,
			"longer digest": crypto.SHA384, "nothing": nil,
		} {
			if _, err := k.Sign(rand.Reader, sum[:], opts); !errors.Is(err, seal.ErrConfig) {
				t.Errorf("%T, %s: %v", key, what, err)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	key, other := ec(t, p256), ec(t, p256)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := func() seal.Config { return config(t, keyPEM(t, key), certPEM(t, key)) }
	not := good()
	not.AllowFileKey = false
	open := good()
	if err := os.Chmod(open.KeyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	small := rsaKey(t, 2048)
	two := good()
	two.Token = &seal.TokenConfig{}
	gone := good()
	gone.KeyFile += ".gone"
	for what, c := range map[string]struct {
		cfg  seal.Config
		want error
	}{
		"not allowed":        {not, seal.ErrFileKey},
		"nothing allowed":    {seal.Config{}, seal.ErrFileKey},
		"no files":           {seal.Config{AllowFileKey: true}, seal.ErrConfig},
		"others may read":    {open, seal.ErrKey},
		"gone":               {gone, seal.ErrKey},
		"empty key":          {config(t, nil, certPEM(t, key)), seal.ErrKey},
		"two keys":           {config(t, append(keyPEM(t, key), keyPEM(t, other)...), certPEM(t, key)), seal.ErrKey},
		"certificate as key": {config(t, certPEM(t, key), certPEM(t, key)), seal.ErrKey},
		"broken key":         {config(t, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}), certPEM(t, key)), seal.ErrKey},
		"wrong curve":        {config(t, keyPEM(t, ec(t, elliptic.P224())), certPEM(t, key)), seal.ErrKey},
		"wrong kind":         {config(t, keyPEM(t, ed), certPEM(t, ed)), seal.ErrKey},
		"small RSA":          {config(t, keyPEM(t, small), certPEM(t, small)), seal.ErrKey},
		"two back-ends":      {two, seal.ErrConfig},
		"other certificate":  {config(t, keyPEM(t, key), certPEM(t, other)), seal.ErrKey},
		"no certificate":     {config(t, keyPEM(t, key), nil), seal.ErrKey},
		"key as certificate": {config(t, keyPEM(t, key), keyPEM(t, key)), seal.ErrKey},
		"broken certificate": {config(t, keyPEM(t, key), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), seal.ErrKey},
		"chain of strangers": {config(t, keyPEM(t, key), append(certPEM(t, key), certPEM(t, other)...)), seal.ErrKey},
	} {
		k, err := seal.New(c.cfg)
		if !errors.Is(err, c.want) || k != nil {
			t.Errorf("%s: got %v, want %v", what, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("%s: the error quotes a key", what)
		}
	}
}
