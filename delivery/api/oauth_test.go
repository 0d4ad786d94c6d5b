package api_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/bode-erds/bode/delivery/api"
	"github.com/bode-erds/bode/identity"
)

const issuer = "https://bode.example" // of the rig

// jwtClient is a client with its private key.
type jwtClient struct {
	id  string
	key crypto.Signer
	alg jose.SignatureAlgorithm
}

// client registers a client of the rig's account.
func (r *rig) client(alg jose.SignatureAlgorithm, mode identity.Mode, scopes ...identity.Scope) jwtClient {
	r.t.Helper()
	c := jwtClient{alg: alg}
	var err error
	switch alg {
	case jose.ES256:
		c.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.PS256:
		c.key, err = rsa.GenerateKey(rand.Reader, 2048)
	case jose.EdDSA:
		_, c.key, err = ed25519.GenerateKey(rand.Reader)
	}
	r.must(err)
	k, err := r.people.MakeClient(r.ctx(), identity.System, r.account, identity.NewClient{JWKS: c.jwks(),
		NewKey: identity.NewKey{Mode: mode, Name: "client " + string(alg) + string(mode), Scopes: scopes}})
	r.must(err)
	c.id = k.ID
	return c
}

func (c jwtClient) jwks() string {
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: c.key.Public(), KeyID: "k1", Algorithm: string(c.alg), Use: "sig"}}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// assertion signs claims, changed from good ones.
func (c jwtClient) assertion(t *testing.T, now time.Time, change func(map[string]any)) string {
	t.Helper()
	claims := map[string]any{"iss": c.id, "sub": c.id, "aud": issuer, "exp": now.Add(time.Minute).Unix(), "iat": now.Unix(), "jti": rand.Text()}
	if change != nil {
		change(claims)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: c.alg, Key: jose.JSONWebKey{Key: c.key, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tokenRequest(assertion string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
}

// token asks for a token.
func (r *rig) token(f url.Values) (status int, code string, token map[string]any) {
	r.t.Helper()
	resp, err := http.PostForm(r.url+api.Prefix+"/oauth/token", f)
	r.must(err)
	defer resp.Body.Close()
	r.must(json.NewDecoder(resp.Body).Decode(&token))
	code, _ = token["error"].(string)
	if resp.Header.Get("Cache-Control") != "no-store" {
		r.t.Error("a token may be cached")
	}
	return resp.StatusCode, code, token
}

// TestToken: a client gets a token for ten minutes, for what it may do.
func TestToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *api.Config) { c.TrialRate, c.TrialBurst = 1e6, 1e6 })
	for _, alg := range []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.EdDSA} {
		c := r.client(alg, identity.Live, identity.ScopeRead, identity.ScopeSend)
		for _, aud := range []any{issuer, []string{issuer}, issuer + "/api/v1/oauth/token"} {
			status, code, token := r.token(tokenRequest(c.assertion(t, r.clock.now(), func(m map[string]any) { m["aud"] = aud })))
			if status != http.StatusOK || token["token_type"] != "Bearer" || token["expires_in"] != 600.0 || token["scope"] != "read send" {
				t.Fatalf("%s for %v: %d %s %v", alg, aud, status, code, token)
			}
			secret := token["access_token"].(string)
			if a := r.do(ask{path: "/messages", key: secret}); a.status != http.StatusOK {
				t.Errorf("token: %d", a.status)
			}
			if n := r.count(`SELECT count(*) FROM access_token x WHERE x::text LIKE '%' || $1 || '%'`, secret[12:40]); n != 0 {
				t.Error("the token is stored")
			}
		}
		f := tokenRequest(c.assertion(t, r.clock.now(), nil))
		f.Set("scope", "send")
		_, _, token := r.token(f)
		narrow := token["access_token"].(string)
		if a := r.do(ask{path: "/messages", key: narrow}); a.problem.Code != "insufficient_scope" {
			t.Errorf("a narrow token: %d %s", a.status, a.problem.Code)
		}
		m := r.submit(narrow, 1)
		if r.count(`SELECT count(*) FROM message WHERE id = $1 AND NOT test AND account_id = $2`, m.ID, r.account) != 1 {
			t.Error("not a live message of the account")
		}
		r.clock.pass(identity.TokenLife - time.Second)
		if a := r.do(ask{path: "/messages/" + m.ID + "/cancel", method: "POST", key: narrow}); a.status != http.StatusOK {
			t.Errorf("before its end: %d", a.status)
		}
		r.clock.pass(time.Second)
		if a := r.do(ask{path: "/messages", key: narrow}); a.status != http.StatusUnauthorized {
			t.Errorf("after its end: %d", a.status)
		}
	}
}

// TestTokenRefused: what proves nothing gets nothing, and is told so in words that
// help nobody else.
func TestTokenRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *api.Config) { c.TrialRate, c.TrialBurst = 1e6, 1e6 })
	c := r.client(jose.ES256, identity.Live, identity.ScopeRead)
	other := r.client(jose.ES256, identity.Test, identity.ScopeRead)
	now := r.clock.now()
	set := func(name string, value any) string {
		return c.assertion(t, now, func(m map[string]any) {
			if m[name] = value; value == nil {
				delete(m, name)
			}
		})
	}
	used := c.assertion(t, now, nil)
	if status, _, _ := r.token(tokenRequest(used)); status != http.StatusOK {
		t.Fatal("a good one is refused")
	}
	forged, good := c, c.assertion(t, now, nil)
	forged.key = other.key
	rsaAsPKCS, err := rsa.GenerateKey(rand.Reader, 2048)
	r.must(err)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	for name, assertion := range map[string]string{
		"used": used, "another's key": forged.assertion(t, now, nil), "empty": "x", "unsigned": none, "cut": good[:len(good)-2],
		"RS256":  jwtClient{c.id, rsaAsPKCS, jose.RS256}.assertion(t, now, nil),
		"no jti": set("jti", nil), "empty jti": set("jti", ""), "long jti": set("jti", strings.Repeat("x", 300)),
		"no exp": set("exp", nil), "ended": set("exp", now.Add(-31*time.Second).Unix()), "too long": set("exp", now.Add(time.Hour).Unix()),
		"later": set("nbf", now.Add(time.Minute).Unix()), "from the future": set("iat", now.Add(time.Hour).Unix()),
		"no aud": set("aud", nil), "other aud": set("aud", "https://evil.example"), "two auds": set("aud", []string{issuer, "https://evil.example"}),
		"iss of another": set("iss", other.id), "sub of another": set("sub", other.id), "no iss": set("iss", nil), "nobody": set("iss", someID),
		"both of another": c.assertion(t, now, func(m map[string]any) { m["iss"], m["sub"] = other.id, other.id }),
	} {
		if status, code, token := r.token(tokenRequest(assertion)); status != http.StatusUnauthorized || code != "invalid_client" || token["access_token"] != nil {
			t.Errorf("%s: %d %s", name, status, code)
		}
	}
	for name, x := range map[string]struct {
		change func(url.Values)
		status int
		code   string
	}{
		"no grant":      {func(f url.Values) { f.Del("grant_type") }, 400, "invalid_request"},
		"other grant":   {func(f url.Values) { f.Set("grant_type", "password") }, 400, "unsupported_grant_type"},
		"twice":         {func(f url.Values) { f.Add("scope", "read"); f.Add("scope", "read") }, 400, "invalid_request"},
		"scope":         {func(f url.Values) { f.Set("scope", "send") }, 400, "invalid_scope"},
		"unknown scope": {func(f url.Values) { f.Set("scope", "read root") }, 400, "invalid_scope"},
		"no assertion":  {func(f url.Values) { f.Del("client_assertion") }, 401, "invalid_client"},
		"a secret":      {func(f url.Values) { f.Set("client_assertion_type", "secret") }, 401, "invalid_client"},
	} {
		f := tokenRequest(c.assertion(t, now, nil))
		x.change(f)
		if status, code, _ := r.token(f); status != x.status || code != x.code {
			t.Errorf("%s: %d %s", name, status, code)
		}
	}
	// One assertion at once from many sides is good once.
	once, results := c.assertion(t, now, nil), make(chan int, 16)
	for range cap(results) {
		go func() {
			resp, err := http.PostForm(r.url+api.Prefix+"/oauth/token", tokenRequest(once))
			if err != nil {
				results <- 0
				return
			}
			resp.Body.Close()
			results <- resp.StatusCode
		}()
	}
	good200 := 0
	for range cap(results) {
		if <-results == http.StatusOK {
			good200++
		}
	}
	if good200 != 1 {
		t.Errorf("%d tokens for one assertion", good200)
	}
	_, _, token := r.token(tokenRequest(c.assertion(t, now, nil)))
	r.must(r.people.RevokeKey(r.ctx(), identity.System, r.account, c.id))
	if a := r.do(ask{path: "/messages", key: token["access_token"].(string)}); a.status != http.StatusUnauthorized {
		t.Errorf("a token of a revoked client: %d", a.status)
	}
	if status, code, _ := r.token(tokenRequest(c.assertion(t, now, nil))); status != 401 || code != "invalid_client" {
		t.Errorf("a revoked client: %d %s", status, code)
	}
}

// TestKeySetAddress: keys at an address are fetched, remembered, and fetched anew
// when one is missing, but not at every knock.
func TestKeySetAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *api.Config) { c.TrialRate, c.TrialBurst = 1e6, 1e6 })
	c := r.client(jose.ES256, identity.Test, identity.ScopeRead)
	k, err := r.people.MakeClient(r.ctx(), identity.System, r.account, identity.NewClient{JWKSURL: "https://keys.example/jwks",
		NewKey: identity.NewKey{Mode: identity.Test, Name: "far", Scopes: []identity.Scope{identity.ScopeRead}}})
	r.must(err)
	c.id = k.ID
	asked := 0
	status := func() int {
		s, _, _ := r.token(tokenRequest(c.assertion(t, r.clock.now(), nil)))
		return s
	}
	r.fetched = func(string) ([]byte, error) { asked++; return nil, io.ErrUnexpectedEOF }
	if first, second := status(), status(); first != 401 || second != 401 || asked != 1 {
		t.Errorf("nothing there: %d, %d, asked %d times", first, second, asked)
	}
	r.clock.pass(time.Minute)
	r.fetched = func(string) ([]byte, error) { asked++; return []byte(c.jwks()), nil }
	if first, second := status(), status(); first != 200 || second != 200 || asked != 2 {
		t.Errorf("there: %d, %d, asked %d times", first, second, asked)
	}
	old := c
	if c.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	r.clock.pass(time.Minute)
	if status() != 401 { // the id of the key is the old one's: believed until it is old
		t.Error("a key that nobody published opens")
	}
	r.clock.pass(10 * time.Minute)
	if status() != 200 {
		t.Error("the new key does not open")
	}
	c = old
	if status() != 401 {
		t.Error("the old key opens")
	}
}

// TestForeignClient: openid-client, which is not ours, gets a token from our
// metadata alone, and uses it.
func TestForeignClient(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mux := http.NewServeMux()
	mux.Handle(api.Prefix+"/", r.face.Handler())
	mux.Handle(api.MetadataPath, r.face.Metadata())
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	dir := oauthPeer(t)
	r.clock.us.Store(time.Now().UnixMicro()) // the client has a clock of its own
	for _, alg := range []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.EdDSA} {
		c := r.client(alg, identity.Live, identity.ScopeRead, identity.ScopeSend)
		private, err := x509.MarshalPKCS8PrivateKey(c.key)
		r.must(err)
		settings, err := json.Marshal(map[string]string{"issuer": issuer, "base": server.URL, "id": c.id, "alg": string(alg), "kid": "k1",
			"pkcs8": base64.StdEncoding.EncodeToString(private), "scope": "read"})
		r.must(err)
		cmd := exec.CommandContext(t.Context(), "node", "client.mjs", string(settings))
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", alg, err, errText(err))
		}
		var said struct {
			Type, Scope  string
			Life, Status int
			Keys         struct{ Data []struct{ ID, Kind string } }
		}
		r.must(json.Unmarshal(out, &said))
		if said.Type != "bearer" || said.Scope != "read" || said.Life != 600 || said.Status != 200 || len(said.Keys.Data) != 1 || said.Keys.Data[0].ID != c.id {
			t.Errorf("%s: %s", alg, out)
		}
	}
}
