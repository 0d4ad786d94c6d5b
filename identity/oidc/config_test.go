package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/identitytest"
	"github.com/bode-erds/bode/identity/oidc"
)

func goodConfig() oidc.Config {
	keys := testKeys()
	return oidc.Config{
		Issuer: "https://idp.example/v2", ClientID: "bode", Service: "BODE", RedirectURL: redirectURL,
		SigningKey: keys[1], EncryptionKeys: []oidc.Key{{Private: keys[2]}},
	}
}

func TestNewRefusesBadConfiguration(t *testing.T) {
	t.Parallel()
	if _, err := oidc.New(t.Context(), goodConfig()); err != nil {
		t.Fatal(err)
	}
	keys := testKeys()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*oidc.Config){
		"no client":           func(c *oidc.Config) { c.ClientID = "" },
		"no issuer":           func(c *oidc.Config) { c.Issuer = "" },
		"plain issuer":        func(c *oidc.Config) { c.Issuer = "http://idp.example/v2" },
		"loopback look-alike": func(c *oidc.Config) { c.Issuer = "http://127.0.0.1.example/v2" },
		"issuer with user":    func(c *oidc.Config) { c.Issuer = "https://a@idp.example/" },
		"plain redirect":      func(c *oidc.Config) { c.RedirectURL = "http://bode.example/" },
		"relative redirect":   func(c *oidc.Config) { c.RedirectURL = "/done" },
		"fragment":            func(c *oidc.Config) { c.RedirectURL += "#x" },
		"scope smuggled":      func(c *oidc.Config) { c.Service = "A profile" },
		"scope smuggled too":  func(c *oidc.Config) { c.ApprovalService = "A profile" },
		"means of others":     func(c *oidc.Config) { c.Method = identity.MethodWallet },
		"no family name":      func(c *oidc.Config) { c.Names = oidc.Names{Given: "given_name"} },
		"level of luxtrust":   func(c *oidc.Config) { c.Method = identity.MethodLuxTrust },
		"plain with keys":     func(c *oidc.Config) { c.Plain = "contract" },
		"level of nothing":    func(c *oidc.Config) { c.ACR = "urn:example:other" },
		"level none":          func(c *oidc.Config) { c.Levels = map[string]identity.Level{oidc.ACRAdvanced: ""} },
		"rsa1_5":              func(c *oidc.Config) { c.KeyAlgorithms = []string{"RSA-OAEP-256", "RSA1_5"} },
		"dir":                 func(c *oidc.Config) { c.KeyAlgorithms = []string{"dir"} },
		"password":            func(c *oidc.Config) { c.KeyAlgorithms = []string{"PBES2-HS256+A128KW"} },
		"unheard-of enc":      func(c *oidc.Config) { c.ContentAlgorithm = []string{"none"} },
		"no signing key":      func(c *oidc.Config) { c.SigningKey = nil },
		"weak signing key":    func(c *oidc.Config) { c.SigningKey = weak },
		"no encryption key":   func(c *oidc.Config) { c.EncryptionKeys = nil },
		"all retired":         func(c *oidc.Config) { c.EncryptionKeys[0].Until = time.Now() },
		"empty key":           func(c *oidc.Config) { c.EncryptionKeys = append(c.EncryptionKeys, oidc.Key{}) },
		"one key, two uses":   func(c *oidc.Config) { c.EncryptionKeys[0].Private = c.SigningKey },
		"enc key twice":       func(c *oidc.Config) { c.EncryptionKeys = append(c.EncryptionKeys, c.EncryptionKeys[0]) },
		"other key is ours":   func(c *oidc.Config) { c.OtherSigningKeys = []*rsa.PublicKey{&keys[1].PublicKey} },
	} {
		c := goodConfig()
		change(&c)
		if _, err := oidc.New(t.Context(), c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestJWKSHandler(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	c := goodConfig()
	c.OtherSigningKeys = []*rsa.PublicKey{&keys[0].PublicKey}
	c.EncryptionKeys = append(c.EncryptionKeys, oidc.Key{Private: keys[3], Until: time.Now()})
	p, err := oidc.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	p.JWKSHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "public, max-age=1800" ||
		w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil {
		t.Fatal(err)
	}
	uses := ""
	for _, k := range set.Keys {
		uses += k["use"].(string) + " "
		if _, alg := k["alg"]; alg != (k["use"] == "sig") {
			t.Errorf("alg of the %s key: %v", k["use"], k["alg"])
		}
		for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi"} {
			if _, there := k[secret]; there {
				t.Errorf("private member %s is published", secret)
			}
		}
	}
	if uses != "sig sig enc " {
		t.Errorf("uses %q: the retired key must not be published", uses)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		w := httptest.NewRecorder()
		p.JWKSHandler().ServeHTTP(w, httptest.NewRequest(method, "/", nil))
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
}

// During a change of key the provider still encrypts to the old one, which is no
// longer published, and picks among several as it likes.
func TestEveryEncryptionKeyOpens(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	r := newRig(t, func(c *oidc.Config) { c.EncryptionKeys = append(c.EncryptionKeys, oidc.Key{Private: keys[3]}) })
	cfg := r.cfg
	cfg.EncryptionKeys = []oidc.Key{{Private: keys[2], Until: time.Now().Add(time.Hour)}, {Private: keys[3]}}
	after, err := oidc.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 { // both keys, but for one chance in 2048
		if i == 6 {
			r.rp = after // its key set is not what the provider has read
		}
		if _, err := r.identify(); err != nil {
			t.Fatal(err)
		}
	}
	cfg.EncryptionKeys = cfg.EncryptionKeys[1:]
	if r.rp, err = oidc.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for range 64 {
		if p, err := r.identify(); err != nil {
			wantRefusal(t, p, err, oidc.ErrToken)
			return
		}
	}
	t.Error("a key that was thrown away still opens tokens")
}

func TestBegin(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *oidc.Config) { c.Claims = []string{"http://itsme.services/v2/claim/identification_mode"} })
	s := r.begin()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "bode-test", "redirect_uri": redirectURL,
		"scope": "openid service:BODE_TEST_LOGIN", "state": s.State, "nonce": s.Nonce,
		"code_challenge_method": "S256", "acr_values": oidc.ACRAdvanced, "ui_locales": "nl", "prompt": "login",
		"claims": `{"id_token":{"acr":null,"birthdate":null,"family_name":null,"given_name":null,` +
			`"http://itsme.services/v2/claim/BENationalNumber":null,"http://itsme.services/v2/claim/birthdate_as_string":null,` +
			`"http://itsme.services/v2/claim/identification_mode":null,"http://itsme.services/v2/claim/validityTo":null}}`,
	} {
		if q.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, q.Get(name), want)
		}
	}
	if strings.Contains(s.URL, s.Verifier) {
		t.Error("the verifier is in the address")
	}
	again := r.begin()
	if again.State == s.State || again.Nonce == s.Nonce || again.Verifier == s.Verifier {
		t.Error("two starts share a secret")
	}
	for _, lang := range []string{"", "tlh", "nl&scope=x"} {
		s, err := r.rp.Begin(t.Context(), identity.Ask{Language: lang})
		if err != nil || strings.Contains(s.URL, "ui_locales") {
			t.Errorf("Begin(%q): %v %s", lang, err, s.URL)
		}
	}
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	key := testKeys()[1]
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block := func(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}) }
	for _, good := range [][]byte{block(pkcs8), block(x509.MarshalPKCS1PrivateKey(key))} {
		if k, err := oidc.ParseKey(good); err != nil || !k.Equal(key) {
			t.Errorf("ParseKey: %v", err)
		}
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "no pem": pkcs8, "cut": block(pkcs8[:100]), "curve": block(ec), "weak": block(x509.MarshalPKCS1PrivateKey(weak)),
	} {
		if _, err := oidc.ParseKey(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// The allow-list is configuration: what another provider needs can be allowed.
func TestAlgorithmsCanBeAllowed(t *testing.T) {
	t.Parallel()
	for fault, change := range map[identitytest.Fault]func(*oidc.Config){
		identitytest.OAEPSHA1: func(c *oidc.Config) { c.KeyAlgorithms = []string{string(jose.RSA_OAEP)} },
		identitytest.A256GCM:  func(c *oidc.Config) { c.ContentAlgorithm = []string{string(jose.A256GCM)} },
	} {
		r := newRig(t, change)
		r.idp.SetFault(fault)
		if _, err := r.identify(); err != nil {
			t.Errorf("%s: %v", fault, err)
		}
		r.idp.SetFault(identitytest.None)
		p, err := r.identify()
		wantRefusal(t, p, err, oidc.ErrToken)
	}
}
