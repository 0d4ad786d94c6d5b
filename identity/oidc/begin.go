package oidc

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"

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
	Text     string         `json:"text"`     // to be approved; empty: identify only
	Request  string         `json:"request"`  // our signed request object, when Text is to be approved
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
	if a.Text != "" && !p.Approves(a.Text) {
		return identity.Challenge{}, fmt.Errorf("%w: this text cannot be shown", ErrConfig)
	}
	d, err := p.discover(ctx)
	if err != nil {
		return identity.Challenge{}, err
	}
	s := start{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Level: a.Level, Text: a.Text}
	var to string
	if a.Text == "" {
		to, err = p.identification(d, s, a.Language)
	} else {
		to, err = p.confirmation(d, &s, a.Language)
	}
	if err != nil {
		return identity.Challenge{}, err
	}
	saved, err := json.Marshal(s)
	if err != nil {
		return identity.Challenge{}, fmt.Errorf("oidc: begin: %w", err)
	}
	return identity.Challenge{Form: identity.FormRedirect, URL: to, Key: s.State, Saved: saved}, nil
}

// identification is where the browser goes to identify. A language that is none
// of ours leaves the choice to the provider.
func (p *Provider) identification(d *discovered, s start, language string) (string, error) {
	asked, err := json.Marshal(p.asked())
	if err != nil {
		return "", fmt.Errorf("oidc: claims parameter: %w", err)
	}
	options := []oauth2.AuthCodeOption{
		gooidc.Nonce(s.Nonce),
		oauth2.S256ChallengeOption(s.Verifier),
		oauth2.SetAuthURLParam("claims", string(asked)),
		oauth2.SetAuthURLParam("prompt", "login"), // never a session of yesterday
	}
	if p.cfg.ACR != "" {
		options = append(options, oauth2.SetAuthURLParam("acr_values", p.cfg.ACR))
	}
	if spoken(language) {
		options = append(options, oauth2.SetAuthURLParam("ui_locales", language))
	}
	return p.oauth(d, p.cfg.Service).AuthCodeURL(s.State, options...), nil
}

func spoken(language string) bool {
	return slices.Contains([]string{"nl", "fr", "de", "en"}, language)
}

func (p *Provider) oauth(d *discovered, service string) *oauth2.Config {
	endpoint := d.op.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams // no secret: the assertion speaks for us
	scopes := []string{gooidc.ScopeOpenID}
	if service != "" {
		scopes = append(scopes, "service:"+service)
	}
	return &oauth2.Config{
		ClientID:    p.cfg.ClientID,
		Endpoint:    endpoint,
		RedirectURL: p.cfg.RedirectURL,
		Scopes:      append(scopes, p.cfg.Scopes...),
	}
}

// asked is the claims parameter: what we use and nothing more. acr stands in the
// id_token without a value, because asking a value both here and in acr_values
// is left open by the standard.
func (p *Provider) asked() map[string]map[string]any {
	person := make(map[string]any)
	for _, name := range p.cfg.wantedClaims() {
		person[name] = nil
	}
	if p.cfg.UserInfo {
		return map[string]map[string]any{"id_token": {"acr": nil}, "userinfo": person}
	}
	person["acr"] = nil
	return map[string]map[string]any{"id_token": person}
}
