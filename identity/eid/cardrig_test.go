package eid_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eid"
	"github.com/bode-erds/bode/identity/eidtest"
)

// box is a Mailbox in memory: one place per key, and the first answer stays.
type box struct {
	mu    sync.Mutex
	saved map[string][]byte
	left  map[string][]byte
}

func (b *box) Saved(_ context.Context, key string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, ok := b.saved[key]; ok {
		return s, nil
	}
	return nil, identity.ErrLoginStale
}

func (b *box) Deposit(_ context.Context, key string, answer []byte) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, waits := b.saved[key]; !waits || b.left[key] != nil {
		return "", identity.ErrLoginStale
	}
	b.left[key] = bytes.Clone(answer)
	return "/identify/1", nil
}

// host is the host for cards, running.
type host struct {
	*eid.Card
	a       *eidtest.Authority
	v       *eid.Verifier
	box     *box
	address string
	roots   *x509.CertPool
	root    []byte // that signed the host's own certificate
}

func startHost(t testing.TB, a *eidtest.Authority) *host {
	t.Helper()
	h := startHostOf(t, verifier(t, a))
	h.a = a
	return h
}

// startHostOf starts the host of a verifier. Its Mailbox is in memory, but for
// those that are given.
func startHostOf(t testing.TB, v *eid.Verifier, mailbox ...func(identity.Means) identity.Mailbox) *host {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &host{v: v, box: &box{saved: map[string][]byte{}, left: map[string][]byte{}}, address: "https://" + listener.Addr().String()}
	if h.Card, err = eid.NewCard(v, eid.CardConfig{Address: h.address + "/card", Main: origin}); err != nil {
		t.Fatal(err)
	}
	own, root := serverCertificate(t)
	h.roots, h.root = x509.NewCertPool(), root.Raw
	h.roots.AddCert(root)
	var b identity.Mailbox = h.box
	for _, make := range mailbox {
		b = make(h.Card)
	}
	server := h.Server(&tls.Config{Certificates: []tls.Certificate{own}}, b)
	server.ErrorLog = log.New(io.Discard, "", 0)
	go server.ServeTLS(listener, "", "")
	t.Cleanup(func() { server.Close() })
	return h
}

func serverCertificate(t testing.TB) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, c
}

// tlsCertificate is a card whose key is somewhere else.
func tlsCertificate(card, issuer *x509.Certificate, key crypto.PrivateKey) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{card.Raw, issuer.Raw}, PrivateKey: key, Leaf: card}
}

// browser is one with a card, or with none.
func (h *host) browser(c *tls.Certificate, change ...func(*tls.Config)) *http.Client {
	cfg := &tls.Config{RootCAs: h.roots}
	if c != nil {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c, nil }
	}
	for _, f := range change {
		f(cfg)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true}, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// wait is a challenge that was begun, known to the box.
func (h *host) wait(t testing.TB) identity.Challenge {
	t.Helper()
	c := begin(t, h)
	h.box.mu.Lock()
	defer h.box.mu.Unlock()
	h.box.saved[c.Key] = c.Saved
	return c
}

// deposited is what was left for a challenge; nil when nothing was.
func (h *host) deposited(c identity.Challenge) []byte {
	h.box.mu.Lock()
	defer h.box.mu.Unlock()
	return h.box.left[c.Key]
}

// post is what the page of the main host makes the browser do.
func (h *host) post(t testing.TB, client *http.Client, key string, change ...func(*http.Request)) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.address+"/card", strings.NewReader(url.Values{"key": {key}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", origin)
	for _, f := range change {
		f(req)
	}
	resp, err := client.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	return resp, err
}

// finish is the person back on the main host.
func (h *host) finish(t testing.TB, c identity.Challenge, at time.Time) (identity.Proof, error) {
	t.Helper()
	return h.Finish(t.Context(), c.Saved, identity.Answer{Direct: h.deposited(c)}, at)
}
