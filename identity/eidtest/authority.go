package eidtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Config is what a stand-in needs; all of it has a default.
type Config struct {
	Address string           // where the OCSP responder listens; default "127.0.0.1:0"
	Now     func() time.Time // default time.Now
}

// Authority is such a PKI with its OCSP responder. Safe for concurrent use.
type Authority struct {
	Root      *x509.Certificate
	Citizen   *x509.Certificate // issues cards to citizens
	Foreigner *x509.Certificate // issues cards to others

	now       func() time.Time
	rootKey   *ecdsa.PrivateKey
	keys      map[*x509.Certificate]*ecdsa.PrivateKey // of the issuing CAs
	responder map[*x509.Certificate]signer            // appointed by each
	listener  net.Listener
	server    *http.Server

	mu      sync.Mutex
	fault   Fault
	issued  map[string]*x509.Certificate // by serial
	revoked map[string]time.Time
	asked   int
}

type signer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Start makes an Authority and starts its responder.
func Start(cfg Config) (*Authority, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Address == "" {
		cfg.Address = "127.0.0.1:0"
	}
	a := &Authority{
		now: cfg.Now, keys: make(map[*x509.Certificate]*ecdsa.PrivateKey), responder: make(map[*x509.Certificate]signer),
		issued: make(map[string]*x509.Certificate), revoked: make(map[string]time.Time),
	}
	var err error
	if a.listener, err = net.Listen("tcp", cfg.Address); err != nil {
		return nil, fmt.Errorf("eidtest: %w", err)
	}
	if err := a.found(); err != nil {
		a.listener.Close()
		return nil, err
	}
	a.server = &http.Server{Handler: a, ReadHeaderTimeout: 10 * time.Second}
	go a.server.Serve(a.listener)
	return a, nil
}

// Close stops the responder.
func (a *Authority) Close() error { return a.server.Close() }

// Host is where the responder listens, as an allow-list names it.
func (a *Authority) Host() string { return a.listener.Addr().String() }

// Certificates are the root and the issuing CAs.
func (a *Authority) Certificates() []*x509.Certificate {
	return []*x509.Certificate{a.Root, a.Citizen, a.Foreigner}
}

// WriteAnchors writes the certificates into a folder, a file each.
func (a *Authority) WriteAnchors(dir string) error {
	for name, c := range map[string]*x509.Certificate{"root.pem": a.Root, "citizen.pem": a.Citizen, "foreigner.pem": a.Foreigner} {
		b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return fmt.Errorf("eidtest: %w", err)
		}
	}
	return nil
}

// found makes root, CAs and responders.
func (a *Authority) found() (err error) {
	if a.rootKey, err = newKey(elliptic.P384()); err != nil {
		return err
	}
	root := a.template(pkix.Name{Country: []string{"BE"}, CommonName: "Stand-in Belgium Root CA"}, 20)
	authority(root, 1)
	if a.Root, err = sign(root, root, &a.rootKey.PublicKey, a.rootKey); err != nil {
		return err
	}
	for to, name := range map[**x509.Certificate]string{&a.Citizen: "Citizen CA", &a.Foreigner: "Foreigner CA"} {
		key, err := newKey(elliptic.P384())
		if err != nil {
			return err
		}
		ca := a.template(pkix.Name{Country: []string{"BE"}, CommonName: name, SerialNumber: "202099"}, 12)
		authority(ca, 0)
		ca.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageEmailProtection}
		if *to, err = sign(ca, a.Root, &key.PublicKey, a.rootKey); err != nil {
			return err
		}
		a.keys[*to] = key
		if a.responder[*to], err = a.appoint(*to); err != nil {
			return err
		}
	}
	return nil
}

// appoint makes a responder's certificate of a CA.
func (a *Authority) appoint(ca *x509.Certificate, change ...func(*x509.Certificate)) (signer, error) {
	key, err := newKey(elliptic.P256())
	if err != nil {
		return signer{}, err
	}
	t := a.template(pkix.Name{Country: []string{"BE"}, CommonName: "Stand-in OCSP Responder"}, 1)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	for _, f := range change {
		f(t)
	}
	c, err := sign(t, ca, &key.PublicKey, a.keys[ca])
	return signer{c, key}, err
}

func (a *Authority) template(name pkix.Name, years int) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	at := a.now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: name, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: at.Add(-time.Hour), NotAfter: at.AddDate(years, 0, 0), BasicConstraintsValid: true,
	}
}

func authority(t *x509.Certificate, path int) {
	t.IsCA, t.MaxPathLen, t.MaxPathLenZero = true, path, path == 0
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
}

func newKey(curve elliptic.Curve) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("eidtest: %w", err)
	}
	return key, nil
}

func sign(t, by *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, by, public, key)
	if err != nil {
		return nil, fmt.Errorf("eidtest: %w", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("eidtest: %w", err)
	}
	return c, nil
}
