package wallettest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"
)

// authority is a certificate authority that lives as long as its process.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(name, country string, at time.Time) (a authority, err error) {
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return authority{}, err
	}
	t := &x509.Certificate{Subject: pkix.Name{CommonName: name, Country: []string{country}}, NotBefore: at.AddDate(-5, 0, 0), NotAfter: at.AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	a.cert, err = certify(t, t, &a.key.PublicKey, a.key)
	return a, err
}

// issue makes a key with a certificate for signatures, valid for two years
// around at.
func (a authority) issue(name, country, host string, at time.Time) (*ecdsa.PrivateKey, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t := &x509.Certificate{Subject: pkix.Name{CommonName: name, Organization: []string{name}, Country: []string{country}},
		NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(1, 0, 0), BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature}
	if ip := net.ParseIP(host); ip != nil {
		t.IPAddresses = []net.IP{ip}
	} else if host != "" {
		t.DNSNames = []string{host}
	}
	c, err := certify(t, a.cert, &key.PublicKey, a.key)
	return key, c, err
}

// selfSigned makes a key with a certificate that nobody issued.
func selfSigned(name, country string, at time.Time) (*ecdsa.PrivateKey, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t := &x509.Certificate{Subject: pkix.Name{CommonName: name, Country: []string{country}}, NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(1, 0, 0),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature}
	c, err := certify(t, t, &key.PublicKey, key)
	return key, c, err
}

func certify(t, parent *x509.Certificate, key *ecdsa.PublicKey, by *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	t.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key, by)
	if err != nil {
		return nil, fmt.Errorf("wallettest: %w", err)
	}
	return x509.ParseCertificate(der)
}

// Access is the standing of a verifier: an access certificate of a register that
// exists for the demo and for tests.
type Access struct {
	Key    crypto.Signer
	Chain  []*x509.Certificate // without the anchor
	Anchor *x509.Certificate   // what a Wallet trusts
}

// NewAccess registers a verifier by its name and host at a time.
func NewAccess(name, host string, at time.Time) (Access, error) {
	a, err := newAuthority("Demo register of relying parties", "BE", at)
	if err != nil {
		return Access{}, err
	}
	key, cert, err := a.issue(name, "BE", host, at)
	if err != nil {
		return Access{}, err
	}
	return Access{Key: key, Chain: []*x509.Certificate{cert}, Anchor: a.cert}, nil
}
