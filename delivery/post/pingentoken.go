package post

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// leaveAlone notes until when nothing is asked: seconds, or a minute.
func (p *Pingen) leaveAlone(after string) {
	seconds, err := strconv.Atoi(after)
	if err != nil || seconds < 0 {
		seconds = 60
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notBefore = p.cfg.Now().Add(min(time.Duration(seconds)*time.Second, time.Hour))
}

// signIn gives a token, a new one when the old one has ended or anew says so.
//
// RFC 6749 §4.4
func (p *Pingen) signIn(ctx context.Context, anew bool) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.cfg.Now()
	if now.Before(p.notBefore) {
		return "", ErrThrottled
	}
	if !anew && now.Before(p.fresh) {
		return p.token, nil
	}
	us := clientcredentials.Config{ClientID: p.conf.ClientID, ClientSecret: p.conf.ClientSecret, TokenURL: p.conf.Identity + "/auth/access-tokens",
		Scopes: []string{"letter", "batch", "webhook", "organisation_read"}, AuthStyle: oauth2.AuthStyleInParams}
	got, err := us.Token(context.WithValue(ctx, oauth2.HTTPClient, p.conf.HTTP))
	if no, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		switch status := no.Response.StatusCode; {
		case status/100 == 4 && status != http.StatusTooManyRequests:
			return "", fmt.Errorf("%w: no token: %d", ErrSignIn, status)
		default:
			return "", fmt.Errorf("post: no token: %d", status)
		}
	}
	if err != nil {
		return "", fmt.Errorf("post: %s: %w", p.conf.Identity, withoutQuery(err))
	}
	life, _ := got.Extra("expires_in").(float64)
	p.token, p.fresh = got.AccessToken, now.Add(time.Duration(life)*time.Second-time.Minute)
	return p.token, nil
}
