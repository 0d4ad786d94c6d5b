package statement

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
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

// ServeHTTP answers OCSP requests: good, unless answer says otherwise.
func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	if a.serve != nil {
		a.serve(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	q, err := ocsp.ParseRequest(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	now := time.Now()
	answer := ocsp.Response{Status: ocsp.Good, SerialNumber: q.SerialNumber, ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(time.Hour)}
	by, key := a.cert, a.key
	if a.answer != nil {
		by, key = a.answer(q, &answer)
	}
	der, err := ocsp.CreateResponse(a.cert, by, answer, key)
	if err != nil {
		http.Error(w, fmt.Sprint(err), http.StatusInternalServerError)
		return
	}
	if a.nonce != nil {
		der = a.withNonce(der, a.nonce(askedNonce(body)))
	}
	_, _ = w.Write(der)
}

// askedNonce is the content of the nonce in a request.
func askedNonce(request []byte) (nonce []byte) {
	var r struct {
		Body struct {
			Requests   asn1.RawValue
			Extensions []pkix.Extension `asn1:"optional,explicit,tag:2"`
		}
	}
	if _, err := asn1.Unmarshal(request, &r); err == nil && len(r.Body.Extensions) == 1 {
		_, _ = asn1.Unmarshal(r.Body.Extensions[0].Value, &nonce)
	}
	return nonce
}

// withNonce adds a nonce to an answer and signs it again: x/crypto/ocsp cannot.
func (a *authority) withNonce(der, nonce []byte) []byte {
	var outer struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type     asn1.ObjectIdentifier
			Response []byte
		} `asn1:"explicit,tag:0"`
	}
	var basic struct {
		Data      asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	value, err1 := asn1.Marshal(nonce)
	ext, err2 := asn1.MarshalWithParams([]pkix.Extension{{Id: oid("1.3.6.1.5.5.7.48.1.2"), Value: value}}, "explicit,tag:1")
	_, err3 := asn1.Unmarshal(der, &outer)
	_, err4 := asn1.Unmarshal(outer.Bytes.Response, &basic)
	data, err5 := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: append(basic.Data.Bytes, ext...)})
	digest := sha256.Sum256(data)
	signature, err6 := a.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	basic.Data, basic.Signature = asn1.RawValue{FullBytes: data}, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	var err7, err8 error
	outer.Bytes.Response, err7 = asn1.Marshal(basic)
	der, err8 = asn1.Marshal(outer)
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8); err != nil {
		a.t.Error(err)
	}
	return der
}

// asking is a Statement that trusts a and asks its responder.
func (a *authority) asking() *Statement {
	a.t.Helper()
	anchors, err := NewAnchors(a.cert)
	if err != nil {
		a.t.Fatal(err)
	}
	o, err := NewOCSP(OCSPConfig{Hosts: []string{a.host()}, HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}})
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
