package identitytest_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bode-erds/bode/identity/identitytest"
)

// The token endpoint is tried here without our own client, field by field.
func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	ours, foreign := newKey(t), newKey(t)
	published := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: &ours.PublicKey, KeyID: "k1", Use: "sig", Algorithm: "RS256"},
			{Key: &ours.PublicKey, KeyID: "k2", Use: "enc"},
		}})
	}))
	t.Cleanup(published.Close)
	p := start(t, identitytest.Config{})
	p.AddClient(identitytest.Client{ID: "bode", Services: []string{"LOGIN"}, RedirectURLs: []string{redirectURL}, JWKSURL: published.URL})
	p.AddClient(identitytest.Client{ID: "rival", Services: []string{"LOGIN"}, RedirectURLs: []string{redirectURL}, JWKSURL: published.URL})

	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	authorization := request(p, set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:])))

	type try struct {
		key    *rsa.PrivateKey
		kid    string
		claims map[string]any
		form   url.Values
	}
	post := func(change func(*try)) (int, string) {
		to, err := identitytest.Answer(t.Context(), http.DefaultClient, authorization, identitytest.Choice{Person: "jan"})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().Unix()
		a := try{
			key: ours, kid: "k1",
			claims: map[string]any{"iss": "bode", "sub": "bode", "aud": p.Issuer() + "/token", "jti": rand.Text(), "iat": now, "exp": now + 60},
			form: url.Values{
				"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {redirectURL},
				"code_verifier": {verifier}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			},
		}
		change(&a)
		if !a.form.Has("client_assertion") {
			a.form.Set("client_assertion", sign(t, a.key, a.kid, a.claims))
		}
		resp, err := http.PostForm(p.Issuer()+"/token", a.form)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var said struct {
			Error string
			Token string `json:"id_token"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&said); err != nil {
			t.Fatal(err)
		}
		if (said.Token != "") != (resp.StatusCode == http.StatusOK) {
			t.Errorf("%d with token %t", resp.StatusCode, said.Token != "")
		}
		return resp.StatusCode, said.Error
	}
	if status, code := post(func(*try) {}); status != http.StatusOK {
		t.Fatalf("the good request: %d %s", status, code)
	}
	now := time.Now().Unix()
	for name, c := range map[string]struct {
		change func(*try)
		want   string
	}{
		"grant type":      {func(a *try) { a.form.Set("grant_type", "password") }, "unsupported_grant_type"},
		"no assertion":    {func(a *try) { a.form.Set("client_assertion", "") }, "invalid_client"},
		"assertion type":  {func(a *try) { a.form.Set("client_assertion_type", "x") }, "invalid_client"},
		"a secret":        {func(a *try) { a.form.Set("client_secret", "x") }, "invalid_client"},
		"alg none":        {func(a *try) { a.form.Set("client_assertion", "eyJhbGciOiJub25lIn0.e30.") }, "invalid_client"},
		"foreign key":     {func(a *try) { a.key = foreign }, "invalid_client"},
		"unknown kid":     {func(a *try) { a.kid = "k9" }, "invalid_client"},
		"encryption key":  {func(a *try) { a.kid = "k2" }, "invalid_client"},
		"unknown client":  {func(a *try) { a.claims["iss"], a.claims["sub"] = "x", "x" }, "invalid_client"},
		"sub not iss":     {func(a *try) { a.claims["sub"] = "rival" }, "invalid_client"},
		"form not iss":    {func(a *try) { a.form.Set("client_id", "rival") }, "invalid_client"},
		"aud is issuer":   {func(a *try) { a.claims["aud"] = p.Issuer() }, "invalid_client"},
		"expired":         {func(a *try) { a.claims["exp"] = now - 1 }, "invalid_client"},
		"lives too long":  {func(a *try) { a.claims["exp"] = now + 3600 }, "invalid_client"},
		"from the future": {func(a *try) { a.claims["iat"] = now + 300 }, "invalid_client"},
		"no jti":          {func(a *try) { delete(a.claims, "jti") }, "invalid_client"},
		"long jti":        {func(a *try) { a.claims["jti"] = strings.Repeat("x", 256) }, "invalid_client"},
		"code":            {func(a *try) { a.form.Set("code", "x") }, "invalid_grant"},
		"rival's code":    {func(a *try) { a.claims["iss"], a.claims["sub"] = "rival", "rival" }, "invalid_grant"},
		"redirect":        {func(a *try) { a.form.Set("redirect_uri", redirectURL+"&x") }, "invalid_grant"},
		"verifier":        {func(a *try) { a.form.Set("code_verifier", verifier+"v") }, "invalid_grant"},
		"no verifier":     {func(a *try) { a.form.Del("code_verifier") }, "invalid_grant"},
	} {
		if status, code := post(c.change); status != http.StatusBadRequest || code != c.want {
			t.Errorf("%s: %d %s, want 400 %s", name, status, code, c.want)
		}
	}
	// The same assertion never serves twice, even with a fresh code.
	once := rand.Text()
	post(func(a *try) { a.claims["jti"] = once })
	if status, code := post(func(a *try) { a.claims["jti"] = once }); status != http.StatusBadRequest || code != "invalid_client" {
		t.Errorf("assertion again: %d %s", status, code)
	}
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t *testing.T, key *rsa.PrivateKey, kid string, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}
