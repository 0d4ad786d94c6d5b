package identitytest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// refusal is an OAuth error of the token endpoint.
type refusal struct{ code, detail string }

func (r refusal) Error() string { return r.code + ": " + r.detail }

// token redeems a code: authenticate the client, check the grant, answer.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	if p.broken(w, r) {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if p.is(TokenHuge) {
		w = &padded{ResponseWriter: w}
	}
	answer, err := p.redeem(r)
	if refused, ok := errors.AsType[refusal](err); ok {
		p.cfg.Log.Info("token refused", "code", refused.code, "detail", refused.detail)
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": refused.code, "error_description": refused.detail})
		return
	}
	if err != nil {
		p.cfg.Log.Error("token", "error", err)
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (p *Provider) broken(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case p.is(TokenDown):
		http.Error(w, "down", http.StatusServiceUnavailable)
	case p.is(TokenGarbage):
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>maintenance</html>"))
	case p.is(TokenRedirect):
		http.Redirect(w, r, p.issuer+"/token?again", http.StatusTemporaryRedirect)
	case p.is(TokenHangs):
		select {
		case <-r.Context().Done():
		case <-p.done:
		}
	default:
		return false
	}
	return true
}

func (p *Provider) redeem(r *http.Request) (map[string]any, error) {
	if err := r.ParseForm(); err != nil {
		return nil, refusal{"invalid_request", "form"}
	}
	f := r.PostForm
	if f.Get("grant_type") != "authorization_code" {
		return nil, refusal{"unsupported_grant_type", "want authorization_code"}
	}
	client, keys, err := p.authenticate(r)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	g, known := p.codes[f.Get("code")]
	replay := known && g.used
	if known {
		g.used = true
	}
	p.mu.Unlock()
	challenge := sha256.Sum256([]byte(f.Get("code_verifier")))
	switch {
	case !known:
		return nil, refusal{"invalid_grant", "code unknown"}
	case replay:
		return nil, refusal{"invalid_grant", "code used before"}
	case p.cfg.Now().Sub(g.at) > codeLife:
		return nil, refusal{"invalid_grant", "code too old"}
	case g.client.ID != client.ID:
		return nil, refusal{"invalid_grant", "code of another client"}
	case g.redirect != f.Get("redirect_uri"):
		return nil, refusal{"invalid_grant", "redirect_uri differs"}
	case subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(challenge[:])), []byte(g.challenge)) != 1:
		return nil, refusal{"invalid_grant", "code_verifier differs"}
	}
	access := rand.Text()
	p.mu.Lock()
	p.access[access] = g
	p.mu.Unlock()
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300}
	if !p.is(NoIDToken) {
		answer["id_token"], err = p.seal(idToken, p.statement(g, access), keys)
	}
	return answer, err
}

// authenticate checks the client assertion (RFC 7523 §3), to itsme's rule: aud
// is the token endpoint, jti at most 255 characters and never seen.
func (p *Provider) authenticate(r *http.Request) (Client, jose.JSONWebKeySet, error) {
	none := jose.JSONWebKeySet{}
	f := r.PostForm
	if f.Get("client_assertion_type") != assertionType || f.Get("client_secret") != "" {
		return Client{}, none, refusal{"invalid_client", "want a jwt-bearer assertion"}
	}
	jws, err := jose.ParseSignedCompact(f.Get("client_assertion"), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return Client{}, none, refusal{"invalid_client", "assertion is not RS256"}
	}
	var said struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
		ID       string `json:"jti"`
		IssuedAt int64  `json:"iat"`
		Expiry   int64  `json:"exp"`
	}
	if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &said); err != nil {
		return Client{}, none, refusal{"invalid_client", "assertion claims"}
	}
	p.mu.Lock()
	client, known := p.clients[said.Issuer]
	p.mu.Unlock()
	if !known || said.Subject != said.Issuer || f.Get("client_id") != "" && f.Get("client_id") != client.ID {
		return Client{}, none, refusal{"invalid_client", "iss and sub are not one known client"}
	}
	keys, err := p.clientKeys(r.Context(), client)
	if err != nil {
		return Client{}, none, refusal{"invalid_client", "client keys cannot be read"}
	}
	if !signedByOne(jws, keys) {
		return Client{}, none, refusal{"invalid_client", "assertion signature"}
	}
	now := p.cfg.Now()
	expiry := time.Unix(said.Expiry, 0)
	switch {
	case said.Audience != p.issuer+"/token":
		return Client{}, none, refusal{"invalid_client", "aud is not the token endpoint"}
	case !expiry.After(now) || expiry.After(now.Add(10*time.Minute)) || time.Unix(said.IssuedAt, 0).After(now.Add(time.Minute)):
		return Client{}, none, refusal{"invalid_client", "assertion is not of now"}
	case said.ID == "" || len(said.ID) > 255:
		return Client{}, none, refusal{"invalid_client", "jti"}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, seen := p.jtis[said.ID]; seen {
		return Client{}, none, refusal{"invalid_client", "assertion used before"}
	}
	p.jtis[said.ID] = expiry
	return client, keys, nil
}

func signedByOne(jws *jose.JSONWebSignature, keys jose.JSONWebKeySet) bool {
	return slices.ContainsFunc(keys.Key(jws.Signatures[0].Header.KeyID), func(k jose.JSONWebKey) bool {
		_, err := jws.Verify(k)
		return k.Use == "sig" && err == nil
	})
}

// userInfo answers what was asked for it, sealed as the id_token is.
func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	access, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	g, known := p.access[access]
	p.mu.Unlock()
	if p.is(InfoDown) {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	if !known || p.cfg.Now().Sub(g.at) > 2*codeLife {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	info := p.facts(g)
	if p.is(PlainInfo) {
		writeJSON(w, http.StatusOK, info)
		return
	}
	if p.is(InfoHuge) {
		w = &padded{ResponseWriter: w}
	}
	keys, err := p.clientKeys(r.Context(), g.client)
	var sealed string
	if err == nil {
		sealed, err = p.seal(information, info, keys)
	}
	if err != nil {
		p.cfg.Log.Error("userinfo", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json") // as itsme labels it
	_, _ = w.Write([]byte(sealed))
}
