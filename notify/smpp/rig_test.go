package smpp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
)

// kept is a Receiver that remembers, and can fail.
type kept struct {
	mu      sync.Mutex
	fail    error
	reports map[string][]notify.Report
	came    chan struct{}
}

func newKept() *kept {
	return &kept{reports: map[string][]notify.Report{}, came: make(chan struct{}, 1000)}
}

func (k *kept) Receive(_ context.Context, peer string, r notify.Report) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer func() { k.came <- struct{}{} }()
	if k.fail != nil {
		return k.fail
	}
	k.reports[peer] = append(k.reports[peer], r)
	return nil
}

func (k *kept) of(peer string) []notify.Report {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.reports[peer]
}

func (k *kept) wait(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-k.came:
		case <-time.After(30 * time.Second):
			t.Fatal("no receipt came")
		}
	}
}

// running is a bound transport; the returned function unbinds and waits.
func running(t *testing.T, addr string, r Receiver, change ...func(*Config)) (*Transport, func()) {
	t.Helper()
	cfg := Config{Name: "one", Addr: addr, Plain: true, SystemID: "bode", Password: "secret", From: "Bode"}
	if testing.Verbose() {
		cfg.Logger = slog.New(slog.NewTextHandler(testWriter{t}, nil))
	}
	for _, c := range change {
		c(&cfg)
	}
	tr, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		if err := tr.Run(ctx, r); err != nil {
			t.Error(err)
		}
	}()
	stop := func() { cancel(); <-over }
	t.Cleanup(stop)
	return tr, stop
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func message(text string) notify.Message {
	return notify.Message{Text: text, Attempt: 1,
		Notice: notify.Notice{ID: "n", Kind: notify.Code, Channel: notify.SMS, To: "+32470123456", Language: "nl"}}
}

func deliver(t *testing.T, tr *Transport, m notify.Message) notify.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, digest := tr.Deliver(ctx, m)
	if len(digest) != 64 {
		t.Errorf("digest %q", digest)
	}
	return r
}

// certificate makes one for loopback, as files and as roots.
func certificate(t *testing.T) (key, cert string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key, cert = filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := errors.Join(os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600), os.WriteFile(cert, text, 0o644)); err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return key, cert, roots
}
