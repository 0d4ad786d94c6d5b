package seal

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"slices"
)

// fileKey is a key in a PEM file.
type fileKey struct {
	key   crypto.Signer
	certs []*x509.Certificate
}

func openFile(cfg Config) (Key, error) {
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
	if err := checkFit(key.Public(), certs); err != nil {
		return nil, err
	}
	if err := checkKey(key.Public(), cfg.Now()); err != nil {
		return nil, err
	}
	k := &fileKey{key, certs}
	if err := k.Health(context.Background()); err != nil {
		return nil, err
	}
	return k, nil
}

// Public implements [crypto.Signer].
func (k *fileKey) Public() crypto.PublicKey { return k.key.Public() }

// Sign implements [crypto.Signer].
func (k *fileKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	h, err := checkDigest(digest, opts)
	if err != nil {
		return nil, err
	}
	return k.key.Sign(rand.Reader, digest, h)
}

// Certificates implements [evidence.SealKey].
func (k *fileKey) Certificates() []*x509.Certificate { return slices.Clone(k.certs) }

// Health implements [Key].
func (k *fileKey) Health(ctx context.Context) error {
	return probe(ctx, k.key.Public(), func(_ context.Context, digest []byte, h crypto.Hash) ([]byte, error) {
		return k.Sign(nil, digest, h)
	})
}

// Close implements [Key].
func (k *fileKey) Close() error { return nil }

func readKey(path string) (crypto.Signer, error) {
	b, err := readOwn(path)
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
	if key, ok := parsed.(crypto.Signer); ok {
		return key, nil
	}
	return nil, fmt.Errorf("%w: %s does not hold a key that signs", ErrKey, path)
}
