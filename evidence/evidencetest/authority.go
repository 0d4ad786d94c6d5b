// Package evidencetest is a throw-away trust world: two certificate
// authorities, a certificate that seals, and a time-stamping authority that
// answers RFC 3161 over HTTP or in process. The authorities publish what they
// revoked, as CRLs and by OCSP. Each of them can be told to misbehave.
//
// Tests use it, and so does the demonstration. Nothing it makes proves
// anything: its keys exist in memory only and nobody answers for them.
package evidencetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// ErrConfig says that a [Config] cannot be used.
var ErrConfig = errors.New("evidencetest: config")

// Config of an [Authority].
type Config struct {
	// Now is the clock of the time-stamps. Default time.Now.
	Now func() time.Time
	// Key is the kind of the sealing key: "P-256", "P-384" or "RSA-3072".
	// Default P-256.
	Key string
	// Organisation stands in every certificate. Default "Bode test".
	Organisation string
	// TSAPolicy is the policy of the time-stamps, dotted. Default 1.3.6.1.4.1.99999.1.
	TSAPolicy string
	// URL is where [Authority.ServeHTTP] answers, without a slash at the end. It
	// stands in every certificate; empty: they do not say where to ask.
	URL string
	// ListsOnly leaves OCSP out of the certificates: some programs trust nothing
	// whose OCSP responder does not answer, and a demonstration ends.
	ListsOnly bool
}

// Authority is one trust world. Safe for concurrent use.
type Authority struct {
	cfg      Config
	sealRoot *ca
	issuing  *ca // of the seal
	tsaRoot  *ca
	seal     sealKey
	tsu      *x509.Certificate
	tsuKey   crypto.Signer
	fault    atomic.Pointer[Fault]
	requests atomic.Int64

	mu      sync.Mutex
	revoked []revocation
	lapses  []Lapse
}

// sealKey is a key in memory.
type sealKey struct {
	crypto.Signer
	certs []*x509.Certificate
}

// Certificates implements [evidence.SealKey].
func (k sealKey) Certificates() []*x509.Certificate { return k.certs }

// New makes a fresh world; no two share a key.
func New(cfg Config) (*Authority, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Key == "" {
		cfg.Key = "P-256"
	}
	if cfg.Organisation == "" {
		cfg.Organisation = "Bode test"
	}
	if cfg.TSAPolicy == "" {
		cfg.TSAPolicy = "1.3.6.1.4.1.99999.1"
	}
	a := &Authority{cfg: cfg}
	if err := a.issue(); err != nil {
		return nil, err
	}
	return a, nil
}

func newKey(kind string) (crypto.Signer, error) {
	switch kind {
	case "P-256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "P-384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "RSA-3072":
		return rsa.GenerateKey(rand.Reader, 3072)
	}
	return nil, fmt.Errorf("%w: key %q", ErrConfig, kind)
}

// SealKey returns the key that seals, with its certificate and intermediate.
func (a *Authority) SealKey() evidence.SealKey { return a.seal }

// Trust returns the anchors of this world.
func (a *Authority) Trust() evidence.Trust {
	t := evidence.Trust{Seal: x509.NewCertPool(), TSA: x509.NewCertPool()}
	t.Seal.AddCert(a.sealRoot.cert)
	t.TSA.AddCert(a.tsaRoot.cert)
	return t
}

// WritePEM writes the anchors into dir as ca.pem and tsa.pem.
func (a *Authority) WritePEM(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, cert := range map[string]*x509.Certificate{"ca.pem": a.sealRoot.cert, "tsa.pem": a.tsaRoot.cert} {
		b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
