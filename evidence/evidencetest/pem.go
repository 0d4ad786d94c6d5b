package evidencetest

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
)

// WriteSealPEM writes the key that seals into dir as key.pem, PKCS #8 and for
// its owner only, and its certificate and intermediate as cert.pem: the form in
// which a service reads a key from a file.
func (a *Authority) WriteSealPEM(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(a.seal.Signer)
	if err != nil {
		return err
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, "key.pem"), key, 0o600); err != nil {
		return err
	}
	var certs []byte
	for _, c := range a.seal.certs {
		certs = append(certs, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return os.WriteFile(filepath.Join(dir, "cert.pem"), certs, 0o644)
}
