package main

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/identity"
)

// selfSigned has openssl make a certificate and its key, and returns their files.
func (e *estate) selfSigned(t *testing.T, name, usage string) (cert, key string) {
	t.Helper()
	cert, key = e.path(name+".pem"), e.path(name+".key")
	if out, err := exec.CommandContext(t.Context(), "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
		"-subj", "/CN="+name, "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage="+usage,
		"-keyout", key, "-out", cert).CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v: %s", err, out)
	}
	return cert, key
}

// TestClientsEndToEnd runs bode serve on a host that asks for certificates, and asks
// there with curl as software does: a live key of an account that demands one answers
// with the registered certificate and its private key only, on that host only.
//
// RFC 8705 §2
func TestClientsEndToEnd(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.run(t, nil, "migrate").expect(t, "migrate", 0)
	account := e.run(t, nil, opening(writeFile(t, e.path("password"), goodPassword))...).field(t, "account")
	key := strings.TrimSpace(e.run(t, nil, "account", "key", account, "--mode", "live", "--name", "ERP").out)
	server, serverKey := e.selfSigned(t, "clients", "serverAuth")
	own, ownKey := e.selfSigned(t, "erp", "clientAuth")
	other, otherKey := e.selfSigned(t, "erp2", "clientAuth")
	e.demand(t, account, own)

	host := freeAddr(t)
	plain := e.start(t, e.listen, "serve", "--no-work", "--clients-listen", host, "--clients-cert", server, "--clients-key", serverKey, "--clients-url", "https://"+host)
	ask := func(address string, more ...string) (status, body string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "curl", append(append([]string{"--silent", "--max-time", "60", "--cacert", server, "--write-out", "\n%{http_code}",
			"-H", "Authorization: Bearer " + key}, more...), address)...).Output()
		if err != nil {
			return err.Error(), ""
		}
		i := bytes.LastIndexByte(out, '\n')
		return string(out[i+1:]), string(out[:i])
	}
	const messages = "/api/v1/messages"
	for name, x := range map[string]struct {
		address string
		more    []string
		want    string
		code    string
	}{
		"its own":            {"https://" + host + messages, []string{"--cert", own, "--key", ownKey}, "200", `"data"`},
		"none":               {"https://" + host + messages, nil, "401", "certificate_required"},
		"another":            {"https://" + host + messages, []string{"--cert", other, "--key", otherKey}, "401", "certificate_required"},
		"where none is seen": {"http://" + plain.addr + messages, []string{"--cert", own, "--key", ownKey}, "401", "certificate_required"},
		"in a header":        {"https://" + host + messages, []string{"-H", "Client-Cert: :" + headerOf(t, own) + ":"}, "401", "certificate_required"},
		"pages":              {"https://" + host + "/portal/sign-in", []string{"--cert", own, "--key", ownKey}, "404", ""},
		"metadata":           {"https://" + host + "/.well-known/oauth-authorization-server", nil, "200", "https://" + host},
		"in clear":           {"http://" + host + messages, nil, "400", ""},
		"TLS 1.1":            {"https://" + host + messages, []string{"--tls-max", "1.1", "--cert", own, "--key", ownKey}, "exit status 35", ""},
		"another's key":      {"https://" + host + messages, []string{"--cert", own, "--key", otherKey}, "exit status 58", ""},
	} {
		if status, body := ask(x.address, x.more...); status != x.want || !strings.Contains(body, x.code) {
			t.Errorf("%s: %s %.300s, want %s with %q", name, status, body, x.want, x.code)
		}
	}
	e.forged(t, host, key, own, otherKey)
	plain.stop(t, stopWithin)
}

// demand registers a certificate and makes live keys answer with it only.
func (e *estate) demand(t *testing.T, account, cert string) {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), e.database)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	box, err := identity.NewBox(make([]byte, 32)) // nothing here is sealed
	if err != nil {
		t.Fatal(err)
	}
	people, err := identity.New(identity.Config{Pool: pool, Box: box, DigestKey: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := people.RegisterCertificate(t.Context(), identity.System, account, identity.NewCertificate{Name: "ERP", PEM: string(text)}); err != nil {
		t.Fatal(err)
	}
	if err := people.DemandCertificates(t.Context(), identity.System, account, true); err != nil {
		t.Fatal(err)
	}
}

// forged shows the registered certificate without having its private key: the
// handshake fails.
func (e *estate) forged(t *testing.T, host, key, cert, otherKey string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(e.path("erp2.pem"), otherKey)
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := tls.LoadX509KeyPair(cert, e.path("erp.key"))
	if err != nil {
		t.Fatal(err)
	}
	pair.Certificate, pair.Leaf = stolen.Certificate, nil
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}}}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+"/api/v1/messages", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	if resp, err := client.Do(r); err == nil {
		resp.Body.Close()
		t.Errorf("a certificate without its key: %s", resp.Status)
	}
}

// headerOf is a certificate as a header carries it.
func headerOf(t *testing.T, cert string) string {
	t.Helper()
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[1:len(lines)-1], "")
}
