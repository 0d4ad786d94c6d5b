package oidc

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Start is one identification that was begun. Keep State, Nonce and Verifier on
// the server, tied to the browser, for one use; URL goes to the browser and need
// not be kept. See the package comment.
type Start struct {
	URL      string
	State    string
	Nonce    string
	Verifier string // PKCE; a secret
}

// LogValue keeps a Start out of logs.
func (s Start) LogValue() slog.Value { return slog.StringValue("[start of an identification]") }

// Begin prepares an identification in lang (nl, fr, de, en; anything else leaves
// the choice to the provider). It asks the provider for its discovery document
// when that is not known yet, for as long as the HTTP client's Timeout.
// Errors: ErrUnavailable, ErrConfig.
//
// OpenID Connect Core 1.0 §3.1.2.1, §5.5; RFC 7636 §4.3
func (p *Provider) Begin(lang string) (Start, error) {
	d, err := p.discover(p.life)
	if err != nil {
		return Start{}, err
	}
	asked, err := p.claimsParameter()
	if err != nil {
		return Start{}, err
	}
	s := Start{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	options := []oauth2.AuthCodeOption{
		gooidc.Nonce(s.Nonce),
		oauth2.S256ChallengeOption(s.Verifier),
		oauth2.SetAuthURLParam("acr_values", p.cfg.ACR),
		oauth2.SetAuthURLParam("claims", asked),
		oauth2.SetAuthURLParam("prompt", "login"), // never a session of yesterday
	}
	if slices.Contains([]string{"nl", "fr", "de", "en"}, lang) {
		options = append(options, oauth2.SetAuthURLParam("ui_locales", lang))
	}
	s.URL = p.oauth(d).AuthCodeURL(s.State, options...)
	return s, nil
}

func (p *Provider) oauth(d *discovered) *oauth2.Config {
	endpoint := d.op.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams // no secret: the assertion speaks for us
	scopes := []string{gooidc.ScopeOpenID}
	if p.cfg.Service != "" {
		scopes = append(scopes, "service:"+p.cfg.Service)
	}
	return &oauth2.Config{
		ClientID:    p.cfg.ClientID,
		Endpoint:    endpoint,
		RedirectURL: p.cfg.RedirectURL,
		Scopes:      append(scopes, p.cfg.Scopes...),
	}
}

// claimsParameter asks for what we use and nothing more. acr stands in the
// id_token without a value, because asking a value both here and in acr_values
// is left open by the standard.
func (p *Provider) claimsParameter() (string, error) {
	person := make(map[string]any)
	for _, name := range p.cfg.wantedClaims() {
		person[name] = nil
	}
	request := map[string]map[string]any{"id_token": {"acr": nil}}
	if p.cfg.UserInfo {
		request["userinfo"] = person
	} else {
		person["acr"] = nil
		request["id_token"] = person
	}
	var b strings.Builder
	if err := json.NewEncoder(&b).Encode(request); err != nil {
		return "", fmt.Errorf("oidc: claims parameter: %w", err)
	}
	return strings.TrimSpace(b.String()), nil
}
