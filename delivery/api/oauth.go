package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/bode-erds/bode/identity"
)

// MetadataPath is where clients find how to get tokens. RFC 8414 §3
const MetadataPath = "/.well-known/oauth-authorization-server"

const (
	tokenPath     = Prefix + "/oauth/token"
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	maxTokenForm  = 64 << 10
)

// refusedToken is an error of the token endpoint, in the words of OAuth and not of
// this API: its clients know no others.
//
// RFC 6749 §5.2
type refusedToken struct {
	status int
	Code   string `json:"error"`
	Text   string `json:"error_description,omitempty"`
}

// tokenView is a token on the wire. RFC 6749 §5.1
type tokenView struct {
	Token  string `json:"access_token"`
	Type   string `json:"token_type"`
	Life   int    `json:"expires_in"`
	Scopes string `json:"scope"`
}

// grantToken gives a client a token for its signed assertion. There is no other
// way to get one.
//
// RFC 6749 §4.4, RFC 7523 §2.2
func (a *API) grantToken(c *call) error {
	left, err := a.limits.call("token "+c.RealIP(), identity.Trial, a.Now())
	left.write(c.Response().Header())
	if err != nil {
		return err
	}
	f, refused := tokenForm(c.Request())
	if refused == nil {
		refused = checkTokenForm(f)
	}
	if refused != nil {
		return writeJSON(c, refused.status, refused)
	}
	t, err := a.Identity.GrantToken(identity.Beyond(c.ctx()), identity.Grant{Assertion: f.Get("client_assertion"), Scopes: f.Get("scope"),
		Audiences: a.audiences(), Certificate: a.certificate(c.Request()), IP: c.RealIP()})
	switch {
	case errors.Is(err, identity.ErrCertificate):
		return writeJSON(c, http.StatusUnauthorized, refusedToken{Code: "invalid_client", Text: "certificate_required"})
	case errors.Is(err, identity.ErrKey):
		return writeJSON(c, http.StatusUnauthorized, refusedToken{Code: "invalid_client"})
	case errors.Is(err, identity.ErrScope):
		return writeJSON(c, http.StatusBadRequest, refusedToken{Code: "invalid_scope"})
	case err != nil:
		return err
	}
	scopes := make([]string, len(t.Scopes))
	for i, s := range t.Scopes {
		scopes[i] = string(s)
	}
	c.Response().Header().Set("Pragma", "no-cache")
	return writeJSON(c, http.StatusOK, tokenView{Token: t.Secret, Type: "Bearer", Life: int(t.Life.Seconds()), Scopes: strings.Join(scopes, " ")})
}

// tokenForm reads the form of a token request.
func tokenForm(r *http.Request) (url.Values, *refusedToken) {
	bad := &refusedToken{status: http.StatusBadRequest, Code: "invalid_request"}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, bad
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxTokenForm+1))
	if err != nil || len(b) > maxTokenForm {
		return nil, bad
	}
	f, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, bad
	}
	return f, nil
}

// checkTokenForm refuses what is no request of ours. A parameter given twice is
// none. RFC 6749 §3.2
func checkTokenForm(f url.Values) *refusedToken {
	for _, values := range f {
		if len(values) > 1 {
			return &refusedToken{status: http.StatusBadRequest, Code: "invalid_request"}
		}
	}
	switch {
	case f.Get("grant_type") == "":
		return &refusedToken{status: http.StatusBadRequest, Code: "invalid_request"}
	case f.Get("grant_type") != "client_credentials":
		return &refusedToken{status: http.StatusBadRequest, Code: "unsupported_grant_type"}
	case f.Get("client_assertion_type") != assertionType || f.Get("client_assertion") == "":
		return &refusedToken{status: http.StatusUnauthorized, Code: "invalid_client"}
	}
	return nil
}

// audiences are what an assertion may say it is for.
func (a *API) audiences() []string {
	out := []string{a.Deliveries.BaseURL, a.Deliveries.BaseURL + tokenPath}
	if a.CertificateURL != "" {
		out = append(out, a.CertificateURL+tokenPath)
	}
	return out
}

// metadata says how to get tokens.
//
// RFC 8414 §2, RFC 8705 §3.3, §5
type metadata struct {
	Issuer     string            `json:"issuer"`
	Token      string            `json:"token_endpoint"`
	Grants     []string          `json:"grant_types_supported"`
	Responses  []string          `json:"response_types_supported"`
	Methods    []string          `json:"token_endpoint_auth_methods_supported"`
	Algorithms []string          `json:"token_endpoint_auth_signing_alg_values_supported"`
	Scopes     []identity.Scope  `json:"scopes_supported"`
	Bound      bool              `json:"tls_client_certificate_bound_access_tokens"`
	Aliases    map[string]string `json:"mtls_endpoint_aliases,omitempty"`
	Docs       string            `json:"service_documentation"`
}

// Metadata answers at [MetadataPath].
func (a *API) Metadata() http.Handler {
	base := a.Deliveries.BaseURL
	m := metadata{Issuer: base, Token: base + tokenPath, Grants: []string{"client_credentials"}, Responses: []string{},
		Methods: []string{"private_key_jwt"}, Algorithms: []string{"ES256", "PS256", "EdDSA"}, Scopes: identity.Scopes(),
		Bound: true, Docs: base + "/api/docs"}
	if a.CertificateURL != "" {
		m.Aliases = map[string]string{"token_endpoint": a.CertificateURL + tokenPath}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := a.echo.NewContext(r, w)
		h := c.Response().Header()
		h.Set("Cache-Control", "public, max-age=3600")
		h.Set("X-Content-Type-Options", "nosniff")
		_ = writeJSON(c, http.StatusOK, m) // the reader went away
	})
}
