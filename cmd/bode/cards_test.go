package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery/identify"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eidtest"
	"github.com/bode-erds/bode/migrations/pgtest"
)

// TestCards opens identity cards as they are configured, and shows one to the
// host that is there for nothing else.
func TestCards(t *testing.T) {
	t.Parallel()
	authority, err := eidtest.Start(eidtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { authority.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const base = "http://127.0.0.1:1"
	dir := openDir(t)
	c := config{BaseURL: base, EID: eidConfig{Anchors: filepath.Join(dir, "anchors"), Responders: []string{authority.Host()},
		CardURL: "https://" + l.Addr().String() + "/card"}}
	if err := errors.Join(os.Mkdir(c.EID.Anchors, 0o755), authority.WriteAnchors(c.EID.Anchors)); err != nil {
		t.Fatal(err)
	}
	roots := c.EID.selfSigned(t, dir)
	stands, err := startStandIns(dir, base, discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stands.Close() })
	out, err := stands.outside(dir, base, discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.openCards(&out); err != nil {
		t.Fatal(err)
	}
	a, err := build(pgtest.New(t), out, discard())
	if err != nil {
		t.Fatal(err)
	}
	own, err := c.EID.tls()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.cards(ctx, l, own) }()

	errand := a.errandWith(t, out.card)
	card, err := authority.Issue(eidtest.Person{Given: "Lotte", Family: "Peeters", NationalNumber: "85073099734"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := errand.post(c.EID.CardURL, base, roots); err == nil {
		t.Error("the host speaks to whoever shows no card")
	}
	if status, _, err := errand.post(c.EID.CardURL, "https://evil.example", roots, card.TLS()); err != nil || status != http.StatusForbidden {
		t.Errorf("from another site: %d, %v", status, err)
	}
	status, to, err := errand.post(c.EID.CardURL, base, roots, card.TLS())
	if err != nil || status != http.StatusSeeOther || to != base+identify.BackPath(errand.login.ID) {
		t.Fatalf("with a card: %d to %q, %v", status, to, err)
	}
	p, err := a.identity.FinishLogin(t.Context(), errand.login, out.card, identity.Answer{}, time.Now())
	if err != nil || p.Family != "Peeters" || p.Level != identity.LevelHigh || p.NationalNumber != "85073099734" {
		t.Errorf("proof %+v, %v", p, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// shown is an errand for which a card is to be shown.
type shown struct {
	login identity.Login
	key   string
}

func (a *app) errandWith(t *testing.T, m identity.Means) shown {
	t.Helper()
	id, secret, err := a.identity.OpenLogin(t.Context(), identity.NewLogin{Errand: "bind", Session: "s", Level: identity.LevelHigh, Language: "nl", Back: "/portal"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.identity.Login(t.Context(), id, secret)
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.identity.BeginLogin(t.Context(), l, m, "")
	if err != nil {
		t.Fatal(err)
	}
	return shown{l, c.Key}
}

// post posts the key as the page of the card does, with the cards given.
func (s shown) post(address, origin string, roots *x509.CertPool, cards ...tls.Certificate) (status int, to string, err error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: cards}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(url.Values{"key": {s.key}}.Encode()))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", origin)
	resp, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	return resp.StatusCode, resp.Header.Get("Location"), resp.Body.Close()
}

// selfSigned makes a certificate for the card's host.
func (c *eidConfig) selfSigned(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c.CardCert = writeFile(t, filepath.Join(dir, "eid-cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	c.CardKey = writeFile(t, filepath.Join(dir, "eid-key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}
