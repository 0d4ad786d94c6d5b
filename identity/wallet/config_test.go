package wallet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/wallettest"
)

func validConfig(t testing.TB, host string) Config {
	t.Helper()
	access, err := wallettest.NewAccess("Bode", host, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := wallettest.NewIssuer("BE", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Origin: "https://" + host, Key: access.Key, Chain: access.Chain,
		Providers: []Provider{{Name: "PID", Country: "BE", Anchors: []*x509.Certificate{issuer.Anchor()}}}}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change     func(*Config)
		link, name string
	}{
		"defaults":      {func(*Config) {}, "openid4vp://?client_id=x509_hash%3A", "x509_hash:"},
		"haip":          {func(c *Config) { c.Scheme = "haip-vp" }, "haip-vp://?client_id=x509_hash%3A", "x509_hash:"},
		"dns":           {func(c *Config) { c.Prefix = "x509_san_dns" }, "openid4vp://?client_id=x509_san_dns%3Abode.example", "x509_san_dns:bode.example"},
		"wallet's own":  {func(c *Config) { c.Scheme = "https://wallet.example/authorize" }, "https://wallet.example/authorize?client_id=", "x509_hash:"},
		"with a query":  {func(c *Config) { c.Scheme = "https://wallet.example/?a=b" }, "https://wallet.example/?a=b&client_id=", "x509_hash:"},
		"national type": {func(c *Config) { c.Types = []string{"urn:eudi:pid:1", "urn:eudi:pid:be:1"} }, "openid4vp://?", "x509_hash:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := validConfig(t, "bode.example")
			c.change(&cfg)
			w, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			challenge, err := w.Begin(t.Context(), identity.Ask{})
			if err != nil || !strings.HasPrefix(challenge.URL, c.link) || !strings.HasPrefix(w.clientID, c.name) {
				t.Errorf("link %s, client %s, %v", challenge.URL, w.clientID, err)
			}
			if challenge.Form != identity.FormWallet || len(challenge.Key) < 40 || !strings.HasSuffix(challenge.URL, "%2Fwallet%2Frequest%2F"+challenge.Key+"&request_uri_method=post") {
				t.Errorf("challenge %+v", challenge)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"no origin":             func(c *Config) { c.Origin = "" },
		"plain http":            func(c *Config) { c.Origin = "http://bode.example" },
		"origin with a path":    func(c *Config) { c.Origin = "https://bode.example/" },
		"origin with a user":    func(c *Config) { c.Origin = "https://a@bode.example" },
		"script as scheme":      func(c *Config) { c.Scheme = "javascript:alert(1)//" },
		"scheme on plain http":  func(c *Config) { c.Scheme = "http://wallet.example/" },
		"scheme with space":     func(c *Config) { c.Scheme = "open id" },
		"unknown prefix":        func(c *Config) { c.Prefix = "redirect_uri" },
		"host not in the name":  func(c *Config) { c.Prefix, c.Origin = "x509_san_dns", "https://other.example" },
		"no key":                func(c *Config) { c.Key = nil },
		"no certificate":        func(c *Config) { c.Chain = nil },
		"key of another":        func(c *Config) { c.Key = other },
		"key on P-384":          func(c *Config) { c.Key = large },
		"anchor in the chain":   func(c *Config) { c.Chain = append(c.Chain, c.Providers[0].Anchors...) },
		"no provider":           func(c *Config) { c.Providers = nil },
		"provider without name": func(c *Config) { c.Providers[0].Name = "" },
		"country in small":      func(c *Config) { c.Providers[0].Country = "be" },
		"no anchor":             func(c *Config) { c.Providers[0].Anchors = nil },
		"type that is no PID":   func(c *Config) { c.Types = []string{"urn:eudi:ehic:1"} },
		"status on plain http":  func(c *Config) { c.StatusOrigins = []string{"http://status.example"} },
		"status with a path":    func(c *Config) { c.StatusOrigins = []string{"https://status.example/lists"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := validConfig(t, "bode.example")
			change(&cfg)
			if _, err := New(cfg); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// The address of a status list is the credential's word.
func TestFetchable(t *testing.T) {
	t.Parallel()
	w := &Wallet{cfg: Config{StatusOrigins: []string{"https://status.example", "https://status.example:8443"}}}
	for _, uri := range []string{"https://status.example/lists/1", "https://status.example:8443/", "https://status.example?list=1"} {
		if !w.fetchable(uri) {
			t.Errorf("%s is not fetched", uri)
		}
	}
	for _, uri := range []string{"", "/lists/1", "//status.example/1", "http://status.example/1", "https://status.example:444/1", "https://other.example/1",
		"https://status.example.evil.example/1", "https://status.example@evil.example/1", "https://evil.example@status.example/1", "https://evil.example#@status.example/",
		"https://status.example\\@evil.example/", "https:status.example/1", "https://169.254.169.254/latest", "file:///etc/passwd", "https://[::1]/", "https://status.example./1",
		"https://status.example/1#x", "https://status.example/" + strings.Repeat("a", 2000), "gopher://status.example/1", "https://status.example\r\nx/"} {
		if w.fetchable(uri) {
			t.Errorf("%.80s would be fetched", uri)
		}
	}
}
