package identitytest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

func (p *Provider) discovery(w http.ResponseWriter, r *http.Request) {
	if p.is(DiscoveryDown) {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	if p.is(DiscoveryHuge) {
		w = &padded{ResponseWriter: w}
	}
	doc := map[string]any{
		"issuer":                                         p.issuer,
		"authorization_endpoint":                         p.issuer + "/authorization",
		"token_endpoint":                                 p.issuer + "/token",
		"userinfo_endpoint":                              p.issuer + "/userinfo",
		"jwks_uri":                                       p.issuer + "/jwks",
		"response_types_supported":                       []string{"code"},
		"subject_types_supported":                        []string{"pairwise"},
		"grant_types_supported":                          []string{"authorization_code"},
		"code_challenge_methods_supported":               []string{"S256"},
		"token_endpoint_auth_methods_supported":          []string{"private_key_jwt"},
		"id_token_signing_alg_values_supported":          []string{"RS256"},
		"id_token_encryption_alg_values_supported":       []string{"RSA-OAEP-256"},
		"id_token_encryption_enc_values_supported":       []string{"A128CBC-HS256"},
		"acr_values_supported":                           []string{acrBasic, acrAdvanced},
		"ui_locales_supported":                           []string{"nl", "fr", "de", "en"},
		"claims_parameter_supported":                     true,
		"request_parameter_supported":                    true,
		"request_object_signing_alg_values_supported":    []string{"RS256"},
		"request_object_encryption_alg_values_supported": []string{"RSA-OAEP-256"},
		"request_object_encryption_enc_values_supported": []string{"A128CBC-HS256"},
		"authorization_response_iss_parameter_supported": true,
	}
	if p.is(DiscoveryOther) {
		doc["issuer"] = "https://idp.example/v2"
	}
	if p.is(DiscoveryHTTP) {
		doc["token_endpoint"] = "http://idp.example/v2/token"
	}
	writeJSON(w, http.StatusOK, doc)
}

func (p *Provider) keys(w http.ResponseWriter, r *http.Request) {
	if p.is(KeysDown) {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	if p.is(KeysHuge) {
		w = &padded{ResponseWriter: w}
	}
	now := p.signs()
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &now.key.PublicKey, KeyID: now.kid, Use: "sig", Algorithm: "RS256"}}}
	if p.approves() && !p.is(NoRequestKey) {
		open, err := p.open()
		if err != nil {
			http.Error(w, "key", http.StatusInternalServerError)
			return
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &open.PublicKey, KeyID: encryptionKeyID, Use: "enc"})
	}
	writeJSON(w, http.StatusOK, set)
}

// approves reports whether some client lets people approve texts.
func (p *Provider) approves() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		if len(c.Approvals) > 0 {
			return true
		}
	}
	return false
}

// ownKeys are those that a token with OwnKeyNamed tells the client to fetch.
func (p *Provider) ownKeys(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	f := p.foreign
	p.mu.Unlock()
	if f.key == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &f.key.PublicKey, KeyID: f.kid, Use: "sig"}}})
}

// clientKeys reads the published keys of c.
func (p *Provider) clientKeys(ctx context.Context, c Client) (set jose.JSONWebKeySet, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.JWKSURL, nil)
	if err != nil {
		return set, err
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return set, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return set, fmt.Errorf("client keys: status %d", resp.StatusCode)
	}
	err = json.NewDecoder(http.MaxBytesReader(nil, resp.Body, 1<<20)).Decode(&set)
	return set, err
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// padded answers rightly, after two mebibytes of white space: only a reader with
// a bound refuses it.
type padded struct {
	http.ResponseWriter
	begun bool
}

func (w *padded) Write(b []byte) (int, error) {
	if !w.begun {
		w.begun = true
		if _, err := w.ResponseWriter.Write(bytes.Repeat([]byte{' '}, 2<<20)); err != nil {
			return 0, err
		}
	}
	return w.ResponseWriter.Write(b)
}
