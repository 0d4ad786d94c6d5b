package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bode-erds/bode/delivery/api"
	"github.com/bode-erds/bode/identity"
)

// card is a certificate with its key.
type card struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	path string // of a PEM file with both
}

func (c card) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw}))
}

// issue makes a certificate; by nobody, it signs itself.
func issue(t *testing.T, by *card, name string, change func(*x509.Certificate)) card {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC) // of the rig
	x := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, Organization: []string{"Zilverlinde"}},
		NotBefore: at.AddDate(0, -1, 0), NotAfter: at.AddDate(0, 1, 0), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature}
	if change != nil {
		change(x)
	}
	parent, signer := x, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, x, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	c := card{key: key, path: filepath.Join(t.TempDir(), "card.pem")}
	if c.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	both := append([]byte(c.pem()), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	if err := os.WriteFile(c.path, both, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func authority(x *x509.Certificate) {
	x.IsCA, x.BasicConstraintsValid, x.KeyUsage, x.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
}

// withTLS puts the rig's API on a host that asks for certificates.
func (r *rig) withTLS() *httptest.Server {
	s := httptest.NewUnstartedServer(r.face.Handler())
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	r.t.Cleanup(s.Close)
	return s
}

// curl asks as the program does, with a card or none.
func curl(t *testing.T, c *card, more ...string) (status, body string) {
	t.Helper()
	args := []string{"--silent", "--insecure", "--max-time", "20", "--write-out", "\n%{http_code}"}
	if c != nil {
		args = append(args, "--cert", c.path)
	}
	out, err := exec.CommandContext(t.Context(), "curl", append(args, more...)...).Output()
	if err != nil {
		t.Fatalf("curl: %v", err)
	}
	i := strings.LastIndexByte(string(out), '\n')
	return string(out[i+1:]), string(out[:i])
}

// TestCertificates: live keys of an account that demands it answer with a registered
// certificate only, shown by curl in the handshake.
func TestCertificates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.withTLS()
	get := func(c *card, key string) string {
		t.Helper()
		status, body := curl(t, c, "-H", "Authorization: Bearer "+key, server.URL+api.Prefix+"/messages")
		if status == "401" && !strings.Contains(body, `"code":"certificate_required"`) {
			t.Errorf("refused, but: %s", body)
		}
		return status
	}
	own, stranger := issue(t, nil, "erp", nil), issue(t, nil, "erp", nil)
	ca, other := issue(t, nil, "ca", authority), issue(t, nil, "ca", authority)
	old := issue(t, &ca, "erp.zilverlinde.example", func(x *x509.Certificate) { x.NotAfter = r.clock.now().Add(-time.Hour) })
	server1 := issue(t, &ca, "erp.zilverlinde.example", func(x *x509.Certificate) { x.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	issued, misnamed, misissued := issue(t, &ca, "erp.zilverlinde.example", nil), issue(t, &ca, "evil", nil), issue(t, &other, "erp.zilverlinde.example", nil)

	r.must(firstErr(r.people.DemandCertificates(r.ctx(), identity.System, r.account, true), identity.ErrCertificate))
	ownID, err := r.people.RegisterCertificate(r.ctx(), identity.System, r.account, identity.NewCertificate{Name: "erp", PEM: own.pem()})
	r.must(err)
	if got := get(nil, r.live); got != "200" {
		t.Errorf("before it is demanded: %s", got)
	}
	r.must(r.people.DemandCertificates(r.ctx(), identity.System, r.account, true))
	for name, x := range map[string]struct {
		card *card
		key  string
		want string
	}{
		"none": {nil, r.live, "401"}, "registered": {&own, r.live, "200"}, "same name": {&stranger, r.live, "401"},
		"of an authority nobody registered": {&issued, r.live, "401"}, "a test key": {nil, r.test, "200"}, "another account": {nil, r.otherLive, "200"},
	} {
		if got := get(x.card, x.key); got != x.want {
			t.Errorf("%s: %s, want %s", name, got, x.want)
		}
	}
	_, err = r.people.RegisterCertificate(r.ctx(), identity.System, r.account, identity.NewCertificate{Name: "any", PEM: ca.pem(), Subject: issued.cert.Subject.String()})
	r.must(err)
	for name, x := range map[string]struct {
		card *card
		want string
	}{
		"issued": {&issued, "200"}, "another name": {&misnamed, "401"}, "another authority": {&misissued, "401"}, "ended": {&old, "401"},
		"for servers": {&server1, "401"}, "the authority itself": {&ca, "401"},
	} {
		if got := get(x.card, r.live); got != x.want {
			t.Errorf("%s: %s, want %s", name, got, x.want)
		}
	}
	r.must(r.people.RevokeCertificate(r.ctx(), identity.System, r.account, ownID))
	if got := get(&own, r.live); got != "401" {
		t.Errorf("revoked: %s", got)
	}
}

// firstErr is nil when err is what was wanted.
func firstErr(err, want error) error {
	if err == want {
		return nil
	}
	return fmt.Errorf("got %w, want %w", err, want)
}

// TestBoundToken: a token that was got with a certificate is good with that one
// only. RFC 8705 §3
func TestBoundToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.withTLS()
	c, own, stranger := r.client(jose.ES256, identity.Live, identity.ScopeRead), issue(t, nil, "erp", nil), issue(t, nil, "erp", nil)
	status, body := curl(t, &own, "--data", tokenRequest(c.assertion(t, r.clock.now(), nil)).Encode(), server.URL+api.Prefix+"/oauth/token")
	var token struct {
		Token string `json:"access_token"`
	}
	r.must(json.Unmarshal([]byte(body), &token))
	if status != "200" || token.Token == "" {
		t.Fatalf("token: %s %s", status, body)
	}
	for name, x := range map[string]struct {
		card *card
		want string
	}{"its own": {&own, "200"}, "another": {&stranger, "401"}, "none": {nil, "401"}} {
		if got, _ := curl(t, x.card, "-H", "Authorization: Bearer "+token.Token, server.URL+api.Prefix+"/messages"); got != x.want {
			t.Errorf("with %s: %s, want %s", name, got, x.want)
		}
	}
}

// TestForwardedCertificate: a proxy of ours says which certificate it saw; from
// anybody else that is worth nothing. RFC 9440 §2.1
func TestForwardedCertificate(t *testing.T) {
	t.Parallel()
	own := issue(t, nil, "erp", nil)
	binary := ":" + base64.StdEncoding.EncodeToString(own.cert.Raw) + ":"
	escaped := url.PathEscape(own.pem())
	for name, x := range map[string]struct {
		proxies string
		header  string
		values  []string
		want    int
	}{
		"RFC 9440": {"127.0.0.0/8", "Client-Cert", []string{binary}, 200}, "escaped PEM": {"127.0.0.0/8", "Client-Cert", []string{escaped}, 200},
		"not from our proxy": {"10.0.0.0/8", "Client-Cert", []string{binary}, 401}, "no proxies": {"", "Client-Cert", []string{binary}, 401},
		"not asked for": {"127.0.0.0/8", "", []string{binary}, 401}, "twice": {"127.0.0.0/8", "Client-Cert", []string{binary, binary}, 401},
		"rubbish": {"127.0.0.0/8", "Client-Cert", []string{":AAAA:"}, 401}, "cut": {"127.0.0.0/8", "Client-Cert", []string{binary[:len(binary)-1]}, 401},
		"empty": {"127.0.0.0/8", "Client-Cert", []string{""}, 401}, "two in one": {"127.0.0.0/8", "Client-Cert", []string{escaped + escaped}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *api.Config) {
				if c.CertificateHeader = x.header; x.proxies != "" {
					c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(x.proxies)}
				}
			})
			_, err := r.people.RegisterCertificate(r.ctx(), identity.System, r.account, identity.NewCertificate{Name: "erp", PEM: own.pem()})
			r.must(err)
			r.must(r.people.DemandCertificates(r.ctx(), identity.System, r.account, true))
			req := r.request(ask{path: "/messages", key: r.live})
			req.Header["Client-Cert"] = x.values
			resp, err := http.DefaultClient.Do(req)
			r.must(err)
			resp.Body.Close()
			if resp.StatusCode != x.want {
				t.Errorf("%d, want %d", resp.StatusCode, x.want)
			}
		})
	}
}
