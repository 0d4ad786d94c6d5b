package flowmailer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
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
	form := url.Values{"client_id": {t.cfg.ClientID}, "client_secret": {t.cfg.ClientSecret}, "grant_type": {"client_credentials"}, "scope": {"api"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.cfg.Login+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, fmt.Errorf("%w: %w", errLogin, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := t.client.Do(req)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %w", errLogin, inner(err))
	}
	defer resp.Body.Close()
	var said struct {
		Token   string `json:"access_token"`
		Expires int    `json:"expires_in"`
		Type    string `json:"token_type"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, largestAnswer)).Decode(&said)
	switch {
	case resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return "", 0, fmt.Errorf("%w: %d", errCredentials, resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return "", 0, fmt.Errorf("%w: %d", errLogin, resp.StatusCode)
	case err != nil || said.Token == "" || said.Expires <= 0 || said.Expires > 86400 || !strings.EqualFold(said.Type, "bearer"):
		return "", 0, fmt.Errorf("%w: unusable answer", errLogin)
	}
	return said.Token, time.Duration(said.Expires) * time.Second, nil
}
