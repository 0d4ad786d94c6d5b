package statement

import (
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/bode-erds/bode/identity"
)

// responder is a certificate of a that may sign answers, changed.
func (a *authority) responder(key crypto.Signer, change ...func(*x509.Certificate)) *x509.Certificate {
	a.t.Helper()
	return a.issue(key, append([]func(*x509.Certificate){func(c *x509.Certificate) {
		c.Subject, c.ExtraExtensions, c.KeyUsage = pkix.Name{CommonName: "Responder"}, nil, x509.KeyUsageDigitalSignature
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	}}, change...)...).cert
}

type responses func(q *ocsp.Request, r *ocsp.Response) (*x509.Certificate, crypto.Signer)

func TestAnswers(t *testing.T) {
	t.Parallel()
	a, stranger := newAuthority(t), newAuthority(t)
	s := a.asking()
	who := a.issue(newKey(t))
	c := begun(t, s, identity.Ask{})
	doc := signWith(t, c.Document, who, how{})
	key := newKey(t)
	appointed := a.responder(key)
	itself := func(r *ocsp.Response) (*x509.Certificate, crypto.Signer) { return a.cert, a.key }
	by := func(cert *x509.Certificate, k crypto.Signer) responses {
		return func(_ *ocsp.Request, r *ocsp.Response) (*x509.Certificate, crypto.Signer) {
			r.Certificate = cert
			return cert, k
		}
	}
	set := func(change func(*ocsp.Response)) responses {
		return func(_ *ocsp.Request, r *ocsp.Response) (*x509.Certificate, crypto.Signer) {
			change(r)
			return itself(r)
		}
	}
	now := time.Now()
	for name, tc := range map[string]struct {
		answer responses
		want   error
	}{
		"good":           {nil, nil},
		"by a responder": {by(appointed, key), nil},
		"CA included":    {by(a.cert, a.key), nil},
		"revoked":        {set(func(r *ocsp.Response) { r.Status, r.RevokedAt = ocsp.Revoked, now.Add(-time.Hour) }), ErrRevoked},
		"on hold": {set(func(r *ocsp.Response) {
			r.Status, r.RevokedAt, r.RevocationReason = ocsp.Revoked, now, ocsp.CertificateHold
		}), ErrRevoked},
		"unknown":               {set(func(r *ocsp.Response) { r.Status = ocsp.Unknown }), ErrRevoked},
		"of another":            {set(func(r *ocsp.Response) { r.SerialNumber = serial(t) }), ErrStatus},
		"old":                   {set(func(r *ocsp.Response) { r.ThisUpdate, r.NextUpdate = now.Add(-48*time.Hour), time.Time{} }), ErrStatus},
		"over":                  {set(func(r *ocsp.Response) { r.ThisUpdate, r.NextUpdate = now.Add(-2*time.Hour), now.Add(-time.Hour) }), ErrStatus},
		"of the future":         {set(func(r *ocsp.Response) { r.ThisUpdate = now.Add(time.Hour) }), ErrStatus},
		"signed over SHA-1":     {set(func(r *ocsp.Response) { r.SignatureAlgorithm = x509.ECDSAWithSHA1 }), ErrStatus},
		"by a sibling":          {by(a.issue(key).cert, key), ErrStatus},
		"by the signer":         {by(who.cert, who.key), ErrStatus},
		"responder of others":   {by(stranger.responder(key), key), ErrStatus},
		"stranger's CA":         {by(stranger.cert, stranger.key), ErrStatus},
		"responder long ago":    {by(a.responder(key, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) }), key), ErrStatus},
		"responder to be":       {by(a.responder(key, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) }), key), ErrStatus},
		"responder for servers": {by(a.responder(key, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), key), ErrStatus},
		"responder with any":    {by(a.responder(key, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }), key), ErrStatus},
		"weak responder":        {by(a.responder(rsaKeys()[2]), rsaKeys()[2]), ErrStatus},
	} {
		a.mu.Lock()
		a.answer = tc.answer
		a.mu.Unlock()
		p, err := finish(t, s, c, doc)
		t.Run(name, func(t *testing.T) {
			if tc.want != nil {
				wantRefusal(t, p, err, tc.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnAnswerIsToOurQuestion(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	c := begun(t, s, identity.Ask{})
	doc := signWith(t, c.Document, a.issue(newKey(t)), how{})
	var first []byte
	for i, nonce := range []func([]byte) []byte{
		func(asked []byte) []byte { first = asked; return asked },
		func([]byte) []byte { return first }, // an answer of before
		func(asked []byte) []byte { return asked[:16] },
		func([]byte) []byte { return []byte{} },
	} {
		a.mu.Lock()
		a.nonce = nonce
		a.mu.Unlock()
		p, err := finish(t, s, c, doc)
		if i == 0 && (err != nil || len(first) != 32) {
			t.Errorf("nonce of %d octets: %v", len(first), err)
		} else if i > 0 {
			wantRefusal(t, p, err, ErrStatus)
		}
	}
}

func TestSilenceIsARefusal(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("we went where a responder sent us") }))
	t.Cleanup(elsewhere.Close)
	c := begun(t, s, identity.Ask{})
	doc := signWith(t, c.Document, a.issue(newKey(t)), how{})
	for name, serve := range map[string]http.HandlerFunc{
		"out of order": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"garbage":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"empty":     func(http.ResponseWriter, *http.Request) {},
		"huge":      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxAnswer+1)) },
		"try later": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(ocsp.TryLaterErrorResponse) },
	} {
		a.mu.Lock()
		a.serve = serve
		a.mu.Unlock()
		p, err := finish(t, s, c, doc)
		t.Run(name, func(t *testing.T) { wantRefusal(t, p, err, ErrStatus) })
	}
	a.server.Close()
	p, err := finish(t, s, c, doc)
	wantRefusal(t, p, err, ErrStatus)
}

// A certificate cannot make us talk to a machine of its choice.
func TestRespondersAreTheOperatorsChoice(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	t.Cleanup(secret.Close)
	c := begun(t, s, identity.Ask{})
	for name, where := range map[string][]string{
		"elsewhere": {secret.URL}, "none": nil, "user": {strings.Replace(a.server.URL, "http://", "http://x@", 1)}, "file": {"file:///etc/passwd"},
		"look-alike": {a.server.URL + ".example.org/"}, "ldap": {strings.Replace(a.server.URL, "http", "ldap", 1)}, "broken": {":"},
	} {
		who := a.issue(newKey(t), func(c *x509.Certificate) { c.OCSPServer = where })
		p, err := finish(t, s, c, signWith(t, c.Document, who, how{}))
		t.Run(name, func(t *testing.T) { wantRefusal(t, p, err, ErrStatus) })
	}
	both := a.issue(newKey(t), func(c *x509.Certificate) { c.OCSPServer = []string{secret.URL, a.server.URL} })
	if _, err := finish(t, s, c, signWith(t, c.Document, both, how{})); err != nil {
		t.Error(err)
	}
}

func TestEveryCertificateOfTheWayIsAsked(t *testing.T) {
	t.Parallel()
	root := newAuthority(t)
	below := newAuthority(t)
	below.cert = sign(t, &x509.Certificate{SerialNumber: serial(t), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		Subject: pkix.Name{CommonName: "Issuer below", Organization: []string{"Throw-away QTSP"}, Country: []string{"LU"}}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, OCSPServer: []string{root.server.URL}}, root.cert, below.key.Public(), root.key)
	anchors, err := NewAnchors(root.cert)
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOCSP(OCSPConfig{Hosts: []string{root.host(), below.host()}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Service: "Bode", Anchors: anchors, Revocation: o.Status})
	if err != nil {
		t.Fatal(err)
	}
	who := below.issue(newKey(t))
	c := begun(t, s, identity.Ask{})
	p, err := finish(t, s, c, signWith(t, c.Document, who, how{}))
	wantRefusal(t, p, err, ErrCertificate) // nobody brought the one between
	who.with = []*x509.Certificate{below.cert}
	doc := signWith(t, c.Document, who, how{})
	if p, err = finish(t, s, c, doc); err != nil || p.Claims["ocsp_1"] == "" || root.asked != 1 || below.asked != 1 {
		t.Errorf("asked %d and %d times, %v", root.asked, below.asked, err)
	}
	root.mu.Lock()
	root.answer = func(_ *ocsp.Request, r *ocsp.Response) (*x509.Certificate, crypto.Signer) {
		r.Status, r.RevokedAt = ocsp.Revoked, time.Now()
		return root.cert, root.key
	}
	root.mu.Unlock()
	p, err = finish(t, s, c, doc)
	wantRefusal(t, p, err, ErrRevoked)
}

func TestRevocationThatFailsIsUnavailable(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	cfg := a.asking().cfg
	cfg.Revocation = func(context.Context, *x509.Certificate, *x509.Certificate, time.Time) ([]byte, error) {
		return nil, errors.New("database is gone")
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := begun(t, s, identity.Ask{})
	p, err := finish(t, s, c, signWith(t, c.Document, a.issue(newKey(t)), how{}))
	wantRefusal(t, p, err, ErrStatus)
}

func TestReadAnchors(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	dir := t.TempDir()
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ReadAnchors(dir); err == nil {
		t.Error("an empty directory trusts")
	}
	if _, err := ReadAnchors(filepath.Join(dir, "none")); err == nil {
		t.Error("no directory trusts")
	}
	write("ca.pem", signer{cert: a.cert}.pem())
	write("README", []byte("not read"))
	got, err := ReadAnchors(dir)
	if err != nil || len(got.certs) != 1 || !got.certs[0].Equal(a.cert) {
		t.Fatalf("%v", err)
	}
	for name, data := range map[string][]byte{
		"empty.pem": nil, "broken.pem": []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "leaf.crt": a.issue(newKey(t)).pem(),
	} {
		write(name, data)
		if _, err := ReadAnchors(dir); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}
