package statement

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// oid reads a dotted identifier.
func oid(s string) asn1.ObjectIdentifier {
	var id asn1.ObjectIdentifier
	var n, i int
	for i = 0; i <= len(s); i++ {
		if i == len(s) || s[i] == '.' {
			id, n = append(id, n), 0
			continue
		}
		n = n*10 + int(s[i]-'0')
	}
	return id
}

// authority is a throw-away issuer of qualified certificates, with a responder.
type authority struct {
	t      *testing.T
	cert   *x509.Certificate
	key    crypto.Signer
	server *httptest.Server

	mu     sync.Mutex
	answer func(q *ocsp.Request, r *ocsp.Response) (by *x509.Certificate, key crypto.Signer) // changes what is answered
	serve  http.HandlerFunc                                                                  // answers instead
	nonce  func(asked []byte) []byte                                                         // is answered
	asked  int
}

var rsaKeys = sync.OnceValue(func() (keys [3]*rsa.PrivateKey) {
	for i, bits := range []int{2048, 2048, 1024} {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		keys[i] = k
	}
	return keys
})

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func serial(t *testing.T) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	a.server = httptest.NewServer(a)
	t.Cleanup(a.server.Close)
	tpl := &x509.Certificate{
		SerialNumber: serial(t), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		Subject: pkix.Name{CommonName: "Throw-away Qualified CA", Organization: []string{"Throw-away QTSP"}, Country: []string{"LU"}},
		IsCA:    true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	a.cert = sign(t, tpl, tpl, a.key.Public(), a.key)
	return a
}

func sign(t *testing.T, tpl, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, tpl, parent, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// qc are the statements of a qualified certificate.
func qc(t *testing.T, ids ...string) pkix.Extension {
	t.Helper()
	type statement struct {
		ID   asn1.ObjectIdentifier
		Info any `asn1:"optional,omitempty"`
	}
	var list []asn1.RawValue
	for _, id := range ids {
		s := statement{ID: oid(id)}
		switch id {
		case oidQCSign, "0.4.0.1862.1.6.2", "0.4.0.1862.1.6.3":
			s = statement{oid(oidQCType), []asn1.ObjectIdentifier{oid(id)}}
		case oidQCLegal:
			s.Info = []string{"CH"}
		}
		der, err := asn1.Marshal(s)
		if s.Info == nil {
			der, err = asn1.Marshal(struct{ ID asn1.ObjectIdentifier }{s.ID})
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, asn1.RawValue{FullBytes: der})
	}
	der, err := asn1.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: oid(oidQCStatements), Value: der}
}

func qualified(t *testing.T) pkix.Extension {
	return qc(t, oidQCCompliance, oidQCDevice, oidQCSign)
}

// signer is somebody with a certificate.
type signer struct {
	cert *x509.Certificate
	key  crypto.Signer
	with []*x509.Certificate
}

func person(parts ...pkix.AttributeTypeAndValue) pkix.Name { return pkix.Name{ExtraNames: parts} }

func part(id, value string) pkix.AttributeTypeAndValue {
	return pkix.AttributeTypeAndValue{Type: oid(id), Value: value}
}

func lotte(serial string) pkix.Name {
	return person(part(oidCountry, "BE"), part(oidCommonName, "Lotte Peeters (Signature)"), part(oidSurname, "Peeters"),
		part(oidGivenName, "Lotte Marie"), part(oidSerialNumber, serial))
}

// issue makes a qualified certificate of Lotte, changed.
func (a *authority) issue(key crypto.Signer, change ...func(*x509.Certificate)) signer {
	a.t.Helper()
	tpl := &x509.Certificate{
		SerialNumber: serial(a.t), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		Subject: lotte("PNOBE-85073003328"), KeyUsage: x509.KeyUsageContentCommitment,
		ExtraExtensions: []pkix.Extension{qualified(a.t)}, OCSPServer: []string{a.server.URL}, SubjectKeyId: []byte("key of lotte"),
	}
	for _, c := range change {
		c(tpl)
	}
	return signer{cert: sign(a.t, tpl, a.cert, key.Public(), a.key), key: key}
}

// files writes certificate and key where programs can read them.
func (s signer) files(t *testing.T) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: s.cert.Raw}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// host is the responder's, as an operator configures it.
func (a *authority) host() string {
	u, err := url.Parse(a.server.URL)
	if err != nil {
		a.t.Fatal(err)
	}
	return u.Host
}

// asking is a Statement that trusts a and asks its responder.
func (a *authority) asking() *Statement {
	a.t.Helper()
	anchors, err := NewAnchors(a.cert)
	if err != nil {
		a.t.Fatal(err)
	}
	o, err := NewOCSP(OCSPConfig{Hosts: []string{a.host()}, HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}})
	if err != nil {
		a.t.Fatal(err)
	}
	s, err := New(Config{Service: "Bode", Anchors: anchors, Revocation: o.Status})
	if err != nil {
		a.t.Fatal(err)
	}
	return s
}

func (s signer) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.cert.Raw})
}
