// Package seal holds the back-ends of the key that seals evidence. A key in a
// file is for demonstrations and tests: whoever reads the file can seal. A
// service that means it keeps its key in a device that never gives it away.
//
// Sources: eIDAS art. 36 and 38, EN 319 411-1 §6.5, EN 419 221-5.
package seal

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

var (
	// ErrConfig says that a [Config] cannot be used.
	ErrConfig = errors.New("seal: config")
	// ErrFileKey says that a key in a file was not explicitly allowed.
	ErrFileKey = errors.New("seal: a key in a file is not allowed here")
	// ErrKey says that the key, its certificate, or their fit is not usable.
	ErrKey = errors.New("seal: key not usable")
)

// Config of a key in a PEM file.
type Config struct {
	// AllowFileKey must be set on purpose. Default false: refuse.
	AllowFileKey bool
	// KeyFile holds one PKCS #8 private key and nothing else, readable by its
	// owner only. It is read once.
	KeyFile string
	// CertFile holds the certificate of the key and then its intermediates,
	// without the root.
	CertFile string
}

// FileKey implements evidence.SealKey. Safe for concurrent use.
type FileKey struct {
	key   crypto.Signer
	certs []*x509.Certificate
}

// New reads and checks key and certificate. Errors: [ErrFileKey], [ErrConfig],
// [ErrKey]; none of them says anything about the key itself.
func New(cfg Config) (*FileKey, error) {
	if !cfg.AllowFileKey {
		return nil, ErrFileKey
	}
	if cfg.KeyFile == "" || cfg.CertFile == "" {
		return nil, fmt.Errorf("%w: key file and certificate file are needed", ErrConfig)
	}
	key, err := readKey(cfg.KeyFile)
	if err != nil {
		return nil, err
	}
	certs, err := readCertificates(cfg.CertFile)
	if err != nil {
		return nil, err
	}
	if pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(certs[0].PublicKey) {
		return nil, fmt.Errorf("%w: the first certificate is for another key", ErrKey)
	}
	for i := 1; i < len(certs); i++ {
		if err := certs[i-1].CheckSignatureFrom(certs[i]); err != nil {
			return nil, fmt.Errorf("%w: certificate %d did not issue the one before it", ErrKey, i+1)
		}
	}
	return &FileKey{key, certs}, nil
}

// Public implements [crypto.Signer].
func (k *FileKey) Public() crypto.PublicKey { return k.key.Public() }

// Sign implements [crypto.Signer].
func (k *FileKey) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.key.Sign(r, digest, opts)
}

// Certificates returns the certificate and its intermediates, leaf first.
func (k *FileKey) Certificates() []*x509.Certificate { return slices.Clone(k.certs) }

func readKey(path string) (crypto.Signer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: others than the owner may read %s", ErrKey, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) > 0 {
		return nil, fmt.Errorf("%w: %s does not hold exactly one PKCS #8 key", ErrKey, path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		// The parser's words may quote the key; they stay here.
		return nil, fmt.Errorf("%w: %s does not hold a PKCS #8 key", ErrKey, path)
	}
	switch k := parsed.(type) {
	case *ecdsa.PrivateKey:
		if bits := k.Curve.Params().BitSize; bits == 256 || bits == 384 {
			return k, nil
		}
	case *rsa.PrivateKey:
		if k.N.BitLen() >= 2048 {
			return k, nil
		}
	}
	return nil, fmt.Errorf("%w: P-256, P-384, or RSA of at least 2048 bits is needed", ErrKey)
}

func readCertificates(path string) ([]*x509.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	var certs []*x509.Certificate
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%w: %s holds something else than certificates", ErrKey, path)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%w: %s holds no certificate", ErrKey, path)
	}
	return certs, nil
}
