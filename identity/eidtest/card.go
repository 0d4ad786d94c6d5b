package eidtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.Hash
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// Policies of the certificates under the newest root.
const (
	CitizenAuthentication   = "2.16.56.13.6.1.1.1000"
	ForeignerAuthentication = "2.16.56.13.6.2.1.1000"
	CitizenSigning          = "2.16.56.13.6.1.2.1000"
)

// Person is whom a card is for.
type Person struct {
	Given, Family  string
	NationalNumber string // eleven digits; see NationalNumber
	Foreigner      bool
}

// NationalNumber puts the check digits behind a birth date, YYMMDD, and a number
// of three digits, for somebody born before 2000 or since.
func NationalNumber(date string, sequence int, since2000 bool) string {
	var n int64
	fmt.Sscanf(fmt.Sprintf("%s%03d", date, sequence), "%d", &n)
	whole := n
	if since2000 {
		whole += 2_000_000_000
	}
	return fmt.Sprintf("%09d%02d", n, 97-whole%97)
}

// Card is a card with its authentication certificate. Key may be anywhere: see
// [Authority.Certify].
type Card struct {
	Certificate *x509.Certificate
	Issuer      *x509.Certificate
	Key         crypto.Signer
}

// Issue makes a card with a P-384 key, as cards of today have. change alters the
// certificate before it is signed.
func (a *Authority) Issue(p Person, change ...func(*x509.Certificate)) (*Card, error) {
	key, err := newKey(elliptic.P384())
	if err != nil {
		return nil, err
	}
	return a.issue(p, key, change)
}

// IssueRSA makes a card with an RSA key, as older cards have.
func (a *Authority) IssueRSA(p Person, bits int, change ...func(*x509.Certificate)) (*Card, error) {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("eidtest: %w", err)
	}
	return a.issue(p, key, change)
}

func (a *Authority) issue(p Person, key crypto.Signer, change []func(*x509.Certificate)) (*Card, error) {
	c, err := a.Certify(p, key.Public(), change...)
	if err != nil {
		return nil, err
	}
	return &Card{c, a.issuer(p), key}, nil
}

func (a *Authority) issuer(p Person) *x509.Certificate {
	if p.Foreigner {
		return a.Foreigner
	}
	return a.Citizen
}

// Certify makes an authentication certificate for a key somewhere else.
func (a *Authority) Certify(p Person, public crypto.PublicKey, change ...func(*x509.Certificate)) (*x509.Certificate, error) {
	name := pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: "BE"},
		{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: p.Given + " " + p.Family + " (Authentication)"},
		{Type: asn1.ObjectIdentifier{2, 5, 4, 4}, Value: p.Family},
		{Type: asn1.ObjectIdentifier{2, 5, 4, 5}, Value: p.NationalNumber},
	}}
	if p.Given != "" {
		name.ExtraNames = append(name.ExtraNames, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 42}, Value: p.Given})
	}
	t := a.template(name, 10)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	t.OCSPServer = []string{"http://" + a.Host() + "/eid/0"}
	policy := CitizenAuthentication
	if p.Foreigner {
		policy = ForeignerAuthentication
	}
	Policy(policy)(t)
	for _, f := range change {
		f(t)
	}
	ca := a.issuer(p)
	c, err := sign(t, ca, public, a.keys[ca])
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.issued[c.SerialNumber.String()] = c
	return c, nil
}

// Policy is a change that makes policies the only ones.
func Policy(policies ...string) func(*x509.Certificate) {
	return func(t *x509.Certificate) {
		t.Policies = nil
		for _, p := range policies {
			oid, err := x509.ParseOID(p)
			if err != nil {
				panic(err)
			}
			t.Policies = append(t.Policies, oid)
		}
	}
}

// Revoke makes the responder say that a certificate is revoked.
func (a *Authority) Revoke(c *x509.Certificate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.revoked[c.SerialNumber.String()] = a.now()
}

// TLS is the card as a client certificate.
func (c *Card) TLS() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{c.Certificate.Raw, c.Issuer.Raw}, PrivateKey: c.Key, Leaf: c.Certificate}
}

// Token is what Web eID answers to a challenge on a page of an origin.
func (c *Card) Token(nonce, origin string) (string, error) {
	algorithm, hash := "RS256", crypto.SHA256
	if key, ok := c.Key.Public().(*ecdsa.PublicKey); ok {
		switch key.Curve.Params().BitSize {
		case 256:
			algorithm, hash = "ES256", crypto.SHA256
		case 384:
			algorithm, hash = "ES384", crypto.SHA384
		default:
			algorithm, hash = "ES512", crypto.SHA512
		}
	}
	signature, err := c.sign(hash, digest(hash, append(digest(hash, []byte(origin)), digest(hash, []byte(nonce))...)))
	if err != nil {
		return "", err
	}
	token, err := json.Marshal(map[string]string{
		"unverifiedCertificate": base64.StdEncoding.EncodeToString(c.Certificate.Raw),
		"algorithm":             algorithm,
		"signature":             base64.StdEncoding.EncodeToString(signature),
		"format":                "web-eid:1.0",
		"appVersion":            "https://web-eid.eu/web-eid-app/releases/v2.0.0",
	})
	return string(token), err
}

// sign gives signatures as cards do: R and S one after the other.
func (c *Card) sign(hash crypto.Hash, digest []byte) ([]byte, error) {
	signature, err := c.Key.Sign(rand.Reader, digest, hash)
	if err != nil {
		return nil, fmt.Errorf("eidtest: %w", err)
	}
	key, ok := c.Key.Public().(*ecdsa.PublicKey)
	if !ok {
		return signature, nil
	}
	var rs struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &rs); err != nil || len(rest) != 0 {
		return nil, errors.New("eidtest: signature of the card is malformed")
	}
	size := (key.Curve.Params().BitSize + 7) / 8
	return append(rs.R.FillBytes(make([]byte, size)), rs.S.FillBytes(make([]byte, size))...), nil
}

func digest(hash crypto.Hash, b []byte) []byte {
	h := hash.New()
	h.Write(b)
	return h.Sum(nil)
}
