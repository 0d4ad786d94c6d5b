package flowmailer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

var (
	// errCredentials: the provider does not take our credentials.
	errCredentials = errors.New("credentials refused")
	// errLogin: there was no usable answer; nothing was submitted.
	errLogin = errors.New("no token")
)

// spare is how long before its end a token is no longer used.
const spare = 10 * time.Second

// token is what lets us in for a while.
type token struct {
	mu    sync.Mutex
	value string
	ends  time.Time
}

// bearer returns a token that is still good. One asks, the others wait for it.
// RFC 6749 §4.4
func (t *Transport) bearer(ctx context.Context) (string, error) {
	t.token.mu.Lock()
	defer t.token.mu.Unlock()
	if t.token.value != "" && t.cfg.Now().Before(t.token.ends) {
		return t.token.value, nil
	}
	value, life, err := t.login(ctx)
	if err != nil {
		return "", err
	}
	t.token.value, t.token.ends = value, t.cfg.Now().Add(life-spare)
	return value, nil
}

// Check says whether the provider takes our credentials.
func (t *Transport) Check(ctx context.Context) error {
	_, err := t.bearer(ctx)
	return err
}

// refused forgets a token that the API did not take, unless it has been replaced.
func (t *Transport) refused(value string) {
	t.token.mu.Lock()
	defer t.token.mu.Unlock()
	if t.token.value == value {
		t.token.value = ""
	}
}

func (t *Transport) login(ctx context.Context) (string, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.CallTimeout)
	defer cancel()
	us := clientcredentials.Config{ClientID: t.cfg.ClientID, ClientSecret: t.cfg.ClientSecret, TokenURL: t.cfg.Login + "/oauth/token",
		Scopes: []string{"api"}, AuthStyle: oauth2.AuthStyleInParams}
	got, err := us.Token(context.WithValue(ctx, oauth2.HTTPClient, t.client))
	if no, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		switch status := no.Response.StatusCode; status {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
			return "", 0, fmt.Errorf("%w: %d", errCredentials, status)
		default:
			return "", 0, fmt.Errorf("%w: %d", errLogin, status)
		}
	}
	if call, ok := errors.AsType[*url.Error](err); ok {
		return "", 0, fmt.Errorf("%w: %w", errLogin, call.Err)
	}
	if err != nil {
		return "", 0, fmt.Errorf("%w: unusable answer", errLogin)
	}
	life, _ := got.Extra("expires_in").(float64)
	if life <= 0 || life > 86400 || !strings.EqualFold(got.TokenType, "bearer") {
		return "", 0, fmt.Errorf("%w: unusable answer", errLogin)
	}
	return got.AccessToken, time.Duration(life) * time.Second, nil
}
