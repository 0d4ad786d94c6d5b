package evidencetest

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"
)

// issue makes every certificate: a root, an intermediate and a seal; another
// root and a time-stamping unit.
func (a *Authority) issue() error {
	sealRoot, sealRootKey, err := a.root("Seal Root CA")
	if err != nil {
		return err
	}
	subKey, err := newKey("P-256")
	if err != nil {
		return err
	}
	sub := a.template("Seal Issuing CA")
	sub.IsCA, sub.BasicConstraintsValid, sub.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	subCert, err := sign(sub, sealRoot, subKey.Public(), sealRootKey)
	if err != nil {
		return err
	}
	key, err := newKey(a.cfg.Key)
	if err != nil {
		return err
	}
	leaf := a.template("Evidence Seal")
	leaf.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	leafCert, err := sign(leaf, subCert, key.Public(), subKey)
	if err != nil {
		return err
	}
	a.sealRoot, a.seal = sealRoot, sealKey{key, []*x509.Certificate{leafCert, subCert}}
	return a.issueTSU()
}

func (a *Authority) issueTSU() error {
	root, rootKey, err := a.root("Time-Stamp Root CA")
	if err != nil {
		return err
	}
	key, err := newKey("P-256")
	if err != nil {
		return err
	}
	t := a.template("Time-Stamp Unit")
	t.KeyUsage = x509.KeyUsageDigitalSignature
	// RFC 3161 §2.3 wants the usage critical; ExtKeyUsage would not make it so.
	eku, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		return err
	}
	t.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: eku}}
	cert, err := sign(t, root, key.Public(), rootKey)
	if err != nil {
		return err
	}
	a.tsaRoot, a.tsu, a.tsuKey = root, cert, key
	return nil
}

func (a *Authority) root(name string) (*x509.Certificate, crypto.Signer, error) {
	key, err := newKey("P-256")
	if err != nil {
		return nil, nil, err
	}
	t := a.template(name)
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	cert, err := sign(t, t, key.Public(), key)
	return cert, key, err
}

// template is valid for long around now: a test clock may run far ahead.
func (a *Authority) template(name string) *x509.Certificate {
	now := a.cfg.Now().UTC()
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: a.cfg.Organisation + " " + name, Organization: []string{a.cfg.Organisation}, Country: []string{"BE"}},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(10, 0, 0),
	}
}

func sign(t, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	t.SerialNumber = serial.Add(serial, big.NewInt(1))
	der, err := x509.CreateCertificate(rand.Reader, t, parent, pub, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
