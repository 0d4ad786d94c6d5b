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

// ca is a certificate authority and its OCSP responder.
type ca struct {
	name         string // in addresses
	cert         *x509.Certificate
	key          crypto.Signer
	responder    *x509.Certificate
	responderKey crypto.Signer
}

// issue makes every certificate: a root, an intermediate and a seal; another
// root and a time-stamping unit.
func (a *Authority) issue() (err error) {
	if a.sealRoot, err = a.authority("seal-root", "Seal Root CA", nil); err != nil {
		return err
	}
	if a.issuing, err = a.authority("seal", "Seal Issuing CA", a.sealRoot); err != nil {
		return err
	}
	if a.tsaRoot, err = a.authority("tsa-root", "Time-Stamp Root CA", nil); err != nil {
		return err
	}
	key, err := newKey(a.cfg.Key)
	if err != nil {
		return err
	}
	leaf := a.template("Evidence Seal")
	leaf.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	cert, err := a.sign(leaf, a.issuing, key.Public())
	if err != nil {
		return err
	}
	a.seal = sealKey{key, []*x509.Certificate{cert, a.issuing.cert}}
	return a.issueTSU()
}

func (a *Authority) issueTSU() (err error) {
	if a.tsuKey, err = newKey("P-256"); err != nil {
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
	a.tsu, err = a.sign(t, a.tsaRoot, a.tsuKey.Public())
	return err
}

// authority makes a certificate authority under parent, a root without one, and
// its responder, which nobody needs to ask about. RFC 6960 §4.2.2.2.1
func (a *Authority) authority(name, subject string, parent *ca) (*ca, error) {
	c := &ca{name: name}
	var err error
	if c.key, err = newKey("P-256"); err != nil {
		return nil, err
	}
	t := a.template(subject)
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	if parent == nil {
		parent = &ca{cert: t, key: c.key}
	}
	if c.cert, err = a.sign(t, parent, c.key.Public()); err != nil {
		return nil, err
	}
	if c.responderKey, err = newKey("P-256"); err != nil {
		return nil, err
	}
	r := a.template(subject + " OCSP")
	r.KeyUsage, r.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	r.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: asn1.NullBytes}}
	c.responder, err = a.sign(r, c, c.responderKey.Public())
	return c, err
}

// template is valid for long around now: a test clock may run far ahead.
func (a *Authority) template(name string) *x509.Certificate {
	now := a.cfg.Now().UTC()
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: a.cfg.Organisation + " " + name, Organization: []string{a.cfg.Organisation}, Country: []string{"BE"}},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(10, 0, 0),
	}
}

// sign issues t. Who is no root says where its issuer publishes; people and
// units can be asked about by OCSP, authorities and responders are on lists.
func (a *Authority) sign(t *x509.Certificate, parent *ca, pub crypto.PublicKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	t.SerialNumber = serial.Add(serial, big.NewInt(1))
	if a.cfg.URL != "" && parent.cert != t {
		t.CRLDistributionPoints = []string{a.cfg.URL + "/crl/" + parent.name + ".crl"}
		t.IssuingCertificateURL = []string{a.cfg.URL + "/ca/" + parent.name + ".crt"}
		if !t.IsCA && t.ExtKeyUsage == nil && !a.cfg.ListsOnly {
			t.OCSPServer = []string{a.cfg.URL + "/ocsp/" + parent.name}
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent.cert, pub, parent.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
