package oidc

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
	"golang.org/x/text/encoding/charmap"

	"github.com/bode-erds/bode/identity"
)

var _ identity.Approver = (*Provider)(nil)

// longestText is what itsme shows, in characters.
const longestText = 7500

const (
	claimTemplate = itsmeClaim + "claim_approval_template_name"
	claimText     = itsmeClaim + "claim_approval_text_key"
)

var markup = regexp.MustCompile(`[<>]|&#?[0-9A-Za-z]+;`)

// Approves implements [identity.Approver]: the text has at most 7500 characters,
// all of ISO 8859-15, and nothing that the app would take for markup and not
// show. A line end is the only control character.
func (p *Provider) Approves(text string) bool {
	shown := shownText(text)
	if p.cfg.ApprovalService == "" || strings.TrimSpace(text) == "" || utf8.RuneCountInString(shown) > longestText {
		return false
	}
	if markup.MatchString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
		return false
	}
	_, err := charmap.ISO8859_15.NewEncoder().String(text)
	return err == nil
}

// shownText is text as it is sent: the app breaks lines at a tag.
func shownText(text string) string { return strings.ReplaceAll(text, "\n", "<br>") }

// requestObject is an authorization request as a JWT.
type requestObject struct {
	Issuer       string                    `json:"iss"`
	Audience     string                    `json:"aud"` // a string: not every provider reads an array
	ID           string                    `json:"jti"`
	IssuedAt     *jwt.NumericDate          `json:"iat"`
	Expiry       *jwt.NumericDate          `json:"exp"`
	ResponseType string                    `json:"response_type"`
	ClientID     string                    `json:"client_id"`
	RedirectURL  string                    `json:"redirect_uri"`
	Scope        string                    `json:"scope"`
	State        string                    `json:"state"`
	Nonce        string                    `json:"nonce"`
	Challenge    string                    `json:"code_challenge"`
	ChallengeBy  string                    `json:"code_challenge_method"`
	ACR          string                    `json:"acr_values,omitempty"`
	Prompt       string                    `json:"prompt"`
	Locale       string                    `json:"ui_locales,omitempty"`
	Asked        map[string]map[string]any `json:"claims"`
}

// confirmation is where the browser goes to approve s.Text; it keeps the signed
// request in s. State, nonce and text are nowhere but inside the encryption. Who
// holds the browser can send another request instead, for another text or for
// none, but not with this nonce: a token that carries it answers this request.
//
// OpenID Connect Core 1.0 §6.1; RFC 7519 §5.2
func (p *Provider) confirmation(d *discovered, s *start, language string) (string, error) {
	o := p.oauth(d, p.cfg.ApprovalService)
	now := p.cfg.Now()
	r := requestObject{
		Issuer: p.cfg.ClientID, Audience: p.cfg.Issuer, ID: rand.Text(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(maxAge)),
		ResponseType: "code", ClientID: p.cfg.ClientID, RedirectURL: p.cfg.RedirectURL, Scope: strings.Join(o.Scopes, " "),
		State: s.State, Nonce: s.Nonce, Challenge: oauth2.S256ChallengeFromVerifier(s.Verifier), ChallengeBy: "S256",
		ACR: p.cfg.ACR, Prompt: "login consent", Asked: p.asked(),
	}
	if spoken(language) {
		r.Locale = language
	}
	r.Asked["id_token"][claimTemplate] = map[string]any{"essential": true, "value": "free_text"}
	r.Asked["id_token"][claimText] = map[string]any{"essential": true, "value": shownText(s.Text)}
	signer, err := p.signer()
	if err != nil {
		return "", fmt.Errorf("oidc: sign request: %w", err)
	}
	if s.Request, err = jwt.Signed(signer).Claims(r).Serialize(); err != nil {
		return "", fmt.Errorf("oidc: sign request: %w", err)
	}
	sealed, err := p.encrypt(d, s.Request)
	if err != nil {
		return "", err
	}
	return o.AuthCodeURL("", oauth2.SetAuthURLParam("request", sealed)), nil
}

// encrypt encrypts a signed request to the provider.
func (p *Provider) encrypt(d *discovered, signed string) (string, error) {
	for _, k := range d.encryption {
		for _, alg := range []jose.KeyAlgorithm{jose.RSA_OAEP_256, jose.RSA_OAEP} {
			if k.Algorithm != "" && k.Algorithm != string(alg) || !allows(d.meta.RequestAlgs, string(alg)) {
				continue
			}
			i := slices.IndexFunc(p.encs, func(e jose.ContentEncryption) bool { return allows(d.meta.RequestEncs, string(e)) })
			if i < 0 {
				continue
			}
			encrypter, err := jose.NewEncrypter(p.encs[i], jose.Recipient{Algorithm: alg, Key: k.Key, KeyID: k.KeyID},
				(&jose.EncrypterOptions{}).WithContentType("JWT"))
			if err != nil {
				return "", fmt.Errorf("%w: request object: %w", ErrConfig, err)
			}
			object, err := encrypter.Encrypt([]byte(signed))
			if err != nil {
				return "", fmt.Errorf("%w: request object: %w", ErrConfig, err)
			}
			return object.CompactSerialize()
		}
	}
	return "", fmt.Errorf("%w: no key or algorithm to encrypt a request to", ErrConfig)
}

// allows reports whether a list of the discovery document allows name; a list
// that is absent allows what we have.
func allows(list []string, name string) bool { return len(list) == 0 || slices.Contains(list, name) }

// usable picks the keys of a provider that a request may be encrypted to.
func usable(set jose.JSONWebKeySet) (keys []jose.JSONWebKey) {
	for _, k := range set.Keys {
		if pub, ok := k.Key.(*rsa.PublicKey); ok && k.Use == "enc" && pub.N.BitLen() >= 2048 {
			keys = append(keys, k)
		}
	}
	return keys
}

// approved checks that what the provider signed speaks of the text that was
// shown, when it says so; else our own request stands, which the nonce ties to
// the token. The check says which.
func approved(said claims, text string) (identity.Check, error) {
	c := identity.Check{Name: "text", Result: "in our request"}
	if _, there := said[claimText]; !there {
		return c, nil
	}
	if returned, _ := said.text(claimText); returned != shownText(text) {
		return c, fmt.Errorf("%w: another text was approved", ErrToken)
	}
	c.Result = "ok"
	return c, nil
}
