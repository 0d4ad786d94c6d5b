package oidc

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/bode-erds/bode/identity"
)

var _ identity.Means = (*Provider)(nil)

// start is one identification that was begun, as it is kept until the answer
// comes. See the package comment.
type start struct {
	State    string         `json:"state"`
	Nonce    string         `json:"nonce"`
	Verifier string         `json:"verifier"` // PKCE; a secret
	Level    identity.Level `json:"level"`    // least that serves
}

// Method implements [identity.Means].
func (p *Provider) Method() string { return p.cfg.Method }

// Begin implements [identity.Means]: the person goes to the provider and comes
// back to Config.RedirectURL, whatever Ask.Return says, because providers
// compare that address octet by octet. It asks the provider for its discovery
// document when that is not known yet, for as long as the HTTP client's Timeout.
//
// Errors: ErrUnavailable, ErrConfig, ErrLevel when the provider is not asked for
// the level that a needs.
//
// OpenID Connect Core 1.0 §3.1.2.1, §5.5; RFC 7636 §4.3
func (p *Provider) Begin(ctx context.Context, a identity.Ask) (identity.Challenge, error) {
	if !p.want.AtLeast(a.Level) {
		return identity.Challenge{}, fmt.Errorf("%w: %q is not asked of this provider", ErrLevel, a.Level)
	}
	d, err := p.discover(ctx)
	if err != nil {
		return identity.Challenge{}, err
	}
	s := start{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Level: a.Level}
	to, err := p.address(d, s, a)
	if err != nil {
		return identity.Challenge{}, err
	}
	saved, err := json.Marshal(s)
	if err != nil {
		return identity.Challenge{}, fmt.Errorf("oidc: begin: %w", err)
	}
	return identity.Challenge{Form: identity.FormRedirect, URL: to, Key: s.State, Saved: saved}, nil
}

// address is where the browser goes. A language that is none of ours leaves the
// choice to the provider.
func (p *Provider) address(d *discovered, s start, a identity.Ask) (string, error) {
	asked, err := p.claimsParameter()
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{
		gooidc.Nonce(s.Nonce),
		oauth2.S256ChallengeOption(s.Verifier),
		oauth2.SetAuthURLParam("acr_values", p.cfg.ACR),
		oauth2.SetAuthURLParam("claims", asked),
		oauth2.SetAuthURLParam("prompt", "login"), // never a session of yesterday
	}
	if slices.Contains([]string{"nl", "fr", "de", "en"}, a.Language) {
		options = append(options, oauth2.SetAuthURLParam("ui_locales", a.Language))
	}
	return p.oauth(d).AuthCodeURL(s.State, options...), nil
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
