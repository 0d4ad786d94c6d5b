package post

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
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
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {p.conf.ClientID}, "client_secret": {p.conf.ClientSecret},
		"scope": {"letter batch webhook organisation_read"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.conf.Identity+"/auth/access-tokens", strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("post: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := p.conf.HTTP.Do(req)
	if err != nil {
		return "", fmt.Errorf("post: %s: %w", p.conf.Identity, withoutQuery(err))
	}
	defer resp.Body.Close()
	var a struct {
		Token   string `json:"access_token"`
		Expires int    `json:"expires_in"`
	}
	switch {
	case resp.StatusCode/100 == 4 && resp.StatusCode != http.StatusTooManyRequests:
		return "", fmt.Errorf("%w: no token: %d", ErrSignIn, resp.StatusCode)
	case resp.StatusCode/100 != 2:
		return "", fmt.Errorf("post: no token: %d", resp.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&a); err != nil || a.Token == "" {
		return "", fmt.Errorf("%w: no token", ErrAnswer)
	}
	p.token, p.fresh = a.Token, now.Add(time.Duration(a.Expires)*time.Second-time.Minute)
	return p.token, nil
}
