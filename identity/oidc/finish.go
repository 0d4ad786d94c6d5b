package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/bode-erds/bode/identity"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Finish implements [identity.Means]. The values of the answer are the query of
// the redirect, posted by the page that received it.
//
// Proof.Token is the signed id_token, decrypted; after it, a line each, the signed
// user information and, when a text was approved, our signed request for it. A
// person who deletes the account and makes another has a new Subject and the
// same NationalNumber: identity.Service goes by both.
//
// Errors: ErrState, ErrRefused, ErrUnavailable, ErrConfig, ErrCode, ErrToken,
// ErrLevel, ErrClaims.
//
// OpenID Connect Core 1.0 §3.1.2.5–§3.1.3.8
func (p *Provider) Finish(ctx context.Context, kept []byte, a identity.Answer, at time.Time) (identity.Proof, error) {
	var saved start
	if err := json.Unmarshal(kept, &saved); err != nil {
		return identity.Proof{}, fmt.Errorf("%w: nothing was begun", ErrState)
	}
	query := a.Values
	// State first: until it matches, the rest may come from anybody.
	if err := checkState(saved, query); err != nil {
		return identity.Proof{}, err
	}
	d, err := p.discover(ctx)
	if err != nil {
		return identity.Proof{}, err
	}
	if iss, sent := query["iss"]; (sent || d.meta.IssParameter) && (len(iss) != 1 || iss[0] != p.cfg.Issuer) {
		return identity.Proof{}, fmt.Errorf("%w: iss is not this provider", ErrState) // RFC 9207 §2.4
	}
	if query.Has("error") {
		return identity.Proof{}, redirectError(query)
	}
	code := query.Get("code")
	if code == "" || len(code) > 2048 {
		return identity.Proof{}, fmt.Errorf("%w: no code", ErrState)
	}

	answer, err := p.exchange(ctx, d, code, saved.Verifier, at)
	if err != nil {
		return identity.Proof{}, err
	}
	raw, _ := answer.Extra("id_token").(string)
	token, err := p.readToken(ctx, d, raw, at)
	if err != nil {
		return identity.Proof{}, err
	}
	if err := p.checkToken(token, saved.Nonce, answer.AccessToken, at); err != nil {
		return identity.Proof{}, err
	}
	return p.prove(ctx, d, saved, token, answer.AccessToken, at)
}

// prove turns a token that holds into a Proof.
func (p *Provider) prove(ctx context.Context, d *discovered, saved start, t *token, access string, at time.Time) (identity.Proof, error) {
	acr, _ := t.claims.text("acr")
	level, err := p.level(acr, saved.Level)
	if err != nil {
		return identity.Proof{}, err
	}
	proof := identity.Proof{
		Method: p.cfg.Method, Provider: p.cfg.Issuer, Subject: t.id.Subject, Level: level, At: at.UTC(),
		Token: []byte(t.jws), Artefact: "jws", Checks: p.checks(t, acr),
	}
	person := t.claims
	if p.cfg.UserInfo {
		info, err := p.userInfo(ctx, d, access, t.id.Subject, at)
		if err != nil {
			return identity.Proof{}, err
		}
		person = info.claims
		proof.Token = append(proof.Token, "\n"+info.jws...)
	}
	if saved.Text != "" {
		check, err := approved(t.claims, saved.Text)
		if err != nil {
			return identity.Proof{}, err
		}
		proof.Approved, proof.Checks = saved.Text, append(proof.Checks, check)
		proof.Token = append(proof.Token, "\n"+saved.Request...)
	}
	if err := person.fill(&proof, p.cfg.Names, p.cfg.Claims); err != nil {
		return identity.Proof{}, err
	}
	return proof, nil
}

// checks lists what was checked of a token, in order.
func (p *Provider) checks(t *token, acr string) []identity.Check {
	checks := []identity.Check{{Name: "state", Result: "ok"}, {Name: "encryption", Result: "ok"}, {Name: "signature", Result: "ok"},
		{Name: "nonce", Result: "ok"}, {Name: "audience", Result: "ok"}, {Name: "time", Result: "ok"},
		{Name: "access token", Result: "ok"}, {Name: "acr", Result: "ok"}}
	if p.cfg.Plain != "" {
		checks[1].Result = "none: " + p.cfg.Plain
	}
	if t.id.AccessTokenHash == "" {
		checks[6].Result = "not bound"
	}
	if acr == "" {
		checks[7].Result = "not given"
	}
	return checks
}

func checkState(saved start, query url.Values) error {
	if saved.State == "" || saved.Nonce == "" || saved.Verifier == "" {
		return fmt.Errorf("%w: nothing was begun", ErrState)
	}
	for _, name := range []string{"state", "code", "error", "iss"} {
		if len(query[name]) > 1 {
			return fmt.Errorf("%w: %s given twice", ErrState, name)
		}
	}
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(saved.State)) != 1 {
		return fmt.Errorf("%w: state differs", ErrState)
	}
	if query.Has("code") && query.Has("error") {
		return fmt.Errorf("%w: code and error", ErrState)
	}
	return nil
}

// exchange redeems the code. The text of a foreign answer stays out of the
// error, except the two fields RFC 6749 §5.2 gives to it.
func (p *Provider) exchange(ctx context.Context, d *discovered, code, verifier string, at time.Time) (*oauth2.Token, error) {
	assertion, err := p.assertion(d.op.Endpoint().TokenURL, at)
	if err != nil {
		return nil, fmt.Errorf("oidc: sign assertion: %w", err)
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, p.client)
	answer, err := p.oauth(d, "").Exchange(ctx, code,
		oauth2.VerifierOption(verifier),
		oauth2.SetAuthURLParam("client_assertion_type", assertionType),
		oauth2.SetAuthURLParam("client_assertion", assertion))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return nil, tokenError(refused.Response.StatusCode, refused.ErrorCode, refused.ErrorDescription)
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return nil, fmt.Errorf("%w: token endpoint: %w", ErrUnavailable, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: token endpoint: answer not understood", ErrUnavailable)
	}
	return answer, nil
}

// userInfo fetches and opens the user information. What it is, is decided by its
// content: itsme labels it application/json.
//
// OpenID Connect Core 1.0 §5.3.2
func (p *Provider) userInfo(ctx context.Context, d *discovered, accessToken, subject string, at time.Time) (*token, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.op.UserInfoEndpoint(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: userinfo: %w", ErrConfig, err)
	}
	req.Header.Set("Authorization", "Bearer "+accessToken)
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: userinfo: %w", ErrUnavailable, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: userinfo: status %d", ErrUnavailable, resp.StatusCode)
	}
	return p.readUserInfo(ctx, d, string(body), subject, at)
}
