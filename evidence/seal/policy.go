package seal

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // the digests below
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/bode-erds/bode/evidence"
)

const (
	// maxSecret is how long a PIN or a client secret may be, in octets.
	maxSecret = 4096
	// maxChain is how many certificates a chain may have.
	maxChain = 8
)

// checkKey holds a key against the policy on algorithms.
func checkKey(pub crypto.PublicKey, at time.Time) error {
	if err := evidence.Allowed(pub, hashOf(pub), at); err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	return nil
}

// hashOf is the digest that the formats use with a key. TS 119 312 §6
func hashOf(pub crypto.PublicKey) crypto.Hash {
	if k, ok := pub.(*ecdsa.PublicKey); ok && k.Curve.Params().BitSize > 256 {
		return crypto.SHA384
	}
	return crypto.SHA256
}

// checkDigest refuses what no back-end is to sign.
func checkDigest(digest []byte, opts crypto.SignerOpts) (crypto.Hash, error) {
	if _, pss := opts.(*rsa.PSSOptions); pss || opts == nil {
		return 0, fmt.Errorf("%w: only PKCS #1 v1.5 and ECDSA over a digest", ErrConfig)
	}
	switch h := opts.HashFunc(); h {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
		if len(digest) == h.Size() {
			return h, nil
		}
	}
	return 0, fmt.Errorf("%w: %d octets are no SHA-256, SHA-384 or SHA-512 digest", ErrConfig, len(digest))
}

// checkFit makes sure that certs are those of a key and each other's issuers.
func checkFit(pub crypto.PublicKey, certs []*x509.Certificate) error {
	if len(certs) == 0 {
		return fmt.Errorf("%w: no certificate", ErrKey)
	}
	if own, ok := pub.(interface{ Equal(crypto.PublicKey) bool }); !ok || !own.Equal(certs[0].PublicKey) {
		return fmt.Errorf("%w: the first certificate is for another key", ErrKey)
	}
	for i := 1; i < len(certs); i++ {
		if err := certs[i-1].CheckSignatureFrom(certs[i]); err != nil {
			return fmt.Errorf("%w: certificate %d did not issue the one before it", ErrKey, i+1)
		}
	}
	return nil
}

// verify says whether sig is a signature of pub over digest.
func verify(pub crypto.PublicKey, h crypto.Hash, digest, sig []byte) error {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		if ecdsa.VerifyASN1(k, digest, sig) {
			return nil
		}
	case *rsa.PublicKey:
		if rsa.VerifyPKCS1v15(k, h, digest, sig) == nil {
			return nil
		}
	}
	return ErrSignature
}

// probe makes a signature that is over no document and checks it.
func probe(ctx context.Context, pub crypto.PublicKey, sign func(context.Context, []byte, crypto.Hash) ([]byte, error)) error {
	h := hashOf(pub)
	w := h.New()
	w.Write([]byte("bode: probe of a sealing key"))
	sum := w.Sum(nil)
	sig, err := sign(ctx, sum, h)
	if err != nil {
		return err
	}
	return verify(pub, h, sum, sig)
}

// readOwn reads a file that nobody but its owner may read.
func readOwn(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others than the owner may read %s", path)
	}
	return os.ReadFile(path)
}

// readSecret reads one line from a file that nobody else may read.
func readSecret(path string) (string, error) {
	if path == "" {
		return "", fmt.Errorf("%w: no file is named", ErrConfig)
	}
	b, err := readOwn(path)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrConfig, err)
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" || len(s) > maxSecret || strings.ContainsAny(s, "\r\n\x00") {
		return "", fmt.Errorf("%w: %s does not hold exactly one line", ErrConfig, path)
	}
	return s, nil
}

// readCertificates reads PEM certificates and nothing else.
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
