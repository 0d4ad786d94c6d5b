package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	freshFor  = time.Hour        // then the document and the keys are asked again
	usableFor = 24 * time.Hour   // how long an old document serves while the provider is down
	maxRetry  = 30 * time.Second // between two attempts while it is down
	maxBody   = 1 << 20          // octets of any answer
)

// discovered is what the provider says about itself, and its keys.
type discovered struct {
	op         *gooidc.Provider
	meta       metadata
	keys       gooidc.KeySet     // read at first use, again when a kid is not in it
	encryption []jose.JSONWebKey // what requests are encrypted to; read only when we make some
	at         time.Time
}

// metadata is the part of the discovery document that go-oidc does not keep.
type metadata struct {
	JWKSURL        string   `json:"jwks_uri"`
	IssParameter   bool     `json:"authorization_response_iss_parameter_supported"`
	Challenges     []string `json:"code_challenge_methods_supported"`
	AuthMethods    []string `json:"token_endpoint_auth_methods_supported"`
	EncryptionAlgs []string `json:"id_token_encryption_alg_values_supported"`
	EncryptionEncs []string `json:"id_token_encryption_enc_values_supported"`
	RequestAlgs    []string `json:"request_object_encryption_alg_values_supported"`
	RequestEncs    []string `json:"request_object_encryption_enc_values_supported"`
}

// Check asks the provider for its discovery document and compares it with our
// configuration. It is for the operator; [Provider.Begin] needs no Check before.
// Errors: ErrUnavailable, ErrConfig.
func (p *Provider) Check(ctx context.Context) error {
	d, err := p.discover(ctx)
	if err != nil {
		return err
	}
	type expectation struct {
		field        string
		theirs, ours []string
	}
	want := []expectation{
		{"code_challenge_methods_supported", d.meta.Challenges, []string{"S256"}},
		{"token_endpoint_auth_methods_supported", d.meta.AuthMethods, []string{"private_key_jwt"}},
	}
	if p.cfg.Plain == "" {
		want = append(want, expectation{"id_token_encryption_alg_values_supported", d.meta.EncryptionAlgs, p.cfg.KeyAlgorithms},
			expectation{"id_token_encryption_enc_values_supported", d.meta.EncryptionEncs, p.cfg.ContentAlgorithm})
	}
	for _, c := range want {
		shared := slices.ContainsFunc(c.ours, func(s string) bool { return slices.Contains(c.theirs, s) })
		if len(c.theirs) > 0 && !shared {
			return fmt.Errorf("%w: %s has none of %q", ErrConfig, c.field, c.ours)
		}
	}
	if p.cfg.ApprovalService != "" {
		_, err = p.encrypt(d, "a request")
	}
	return err
}

// discover returns what is known, asking when nothing is or when it is old. One
// caller asks; the others wait only if there is nothing usable yet.
func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	d := p.found.Load()
	if d.youngerThan(freshFor, p.cfg.Now()) {
		return d, nil
	}
	select {
	case p.looking <- struct{}{}:
	default:
		if d.youngerThan(usableFor, p.cfg.Now()) {
			return d, nil
		}
		select {
		case p.looking <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: discovery: %w", ErrUnavailable, ctx.Err())
		}
	}
	defer func() { <-p.looking }()

	now := p.cfg.Now()
	if d = p.found.Load(); d.youngerThan(freshFor, now) {
		return d, nil
	}
	err := error(ErrUnavailable)
	if !now.Before(p.retryAt) {
		var next *discovered
		if next, err = p.ask(now); err == nil {
			p.failures, p.retryAt = 0, time.Time{}
			p.found.Store(next)
			return next, nil
		}
		p.retryAt = now.Add(min(time.Second<<min(p.failures, 5), maxRetry))
		p.failures++
	}
	if d.youngerThan(usableFor, now) {
		return d, nil
	}
	return nil, err
}

func (d *discovered) youngerThan(age time.Duration, now time.Time) bool {
	return d != nil && now.Sub(d.at) < age
}

// ask runs for as long as the Provider lives and the client's Timeout allows, not
// as the caller likes: a browser that goes away must not count as an outage.
func (p *Provider) ask(now time.Time) (*discovered, error) {
	op, err := gooidc.NewProvider(gooidc.ClientContext(p.life, p.client), p.cfg.Issuer)
	if _, wrong := errors.AsType[*gooidc.IssuerMismatchError](err); wrong {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: discovery: %.300q", ErrUnavailable, err.Error())
	}
	d := &discovered{op: op, at: now}
	if err := op.Claims(&d.meta); err != nil {
		return nil, fmt.Errorf("%w: discovery: %w", ErrConfig, err)
	}
	addresses := []string{op.Endpoint().AuthURL, op.Endpoint().TokenURL, d.meta.JWKSURL}
	if p.cfg.UserInfo {
		addresses = append(addresses, op.UserInfoEndpoint())
	}
	for _, a := range addresses {
		if err := webURL(a); err != nil {
			return nil, fmt.Errorf("%w: discovery: %w", ErrConfig, err)
		}
	}
	d.keys = gooidc.NewRemoteKeySet(gooidc.ClientContext(p.life, p.client), d.meta.JWKSURL)
	if p.cfg.ApprovalService != "" {
		if d.encryption, err = p.askKeys(d.meta.JWKSURL); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// askKeys reads the keys that requests are encrypted to.
func (p *Provider) askKeys(address string) ([]jose.JSONWebKey, error) {
	req, err := http.NewRequestWithContext(p.life, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: the provider's keys: %w", ErrConfig, err)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: the provider's keys: %w", ErrUnavailable, err)
	}
	defer resp.Body.Close()
	var set jose.JSONWebKeySet
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: the provider's keys: status %d", ErrUnavailable, resp.StatusCode)
	}
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		return nil, fmt.Errorf("%w: the provider's keys: not understood", ErrUnavailable)
	}
	return usable(set), nil
}

// boundedClient is base with answers cut at maxBody and no redirects: no
// endpoint of a provider has a reason to send us elsewhere.
func boundedClient(base *http.Client) *http.Client {
	c := *base
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	rt := c.Transport
	if rt == nil {
		rt = http.DefaultTransport
	}
	c.Transport = bounded{rt}
	c.Jar = nil
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

type bounded struct{ base http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxBody)
	return resp, nil
}
