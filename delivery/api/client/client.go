package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says where the service is and who calls. BaseURL and one of Key and
// Token are required.
type Config struct {
	BaseURL  string                                // of the service, such as https://bode.example
	Key      string                                // API key
	Token    func(context.Context) (string, error) // instead of Key: a bearer token that is good now
	Language string                                // of texts in errors: nl, fr, de or en; default en
	HTTP     *http.Client                          // default http.DefaultClient
	Attempts int                                   // in all, per call; default 4
	MaxWait  time.Duration                         // longest pause between two attempts; default 1 minute
	Agent    string                                // User-Agent; default "bode-client"
}

// Client makes calls. Safe for concurrent use.
type Client struct {
	Config
	base string
}

// New checks the configuration. It calls nobody.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.BaseURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" {
		return nil, fmt.Errorf("client: no base URL: %q", cfg.BaseURL)
	}
	if (cfg.Key == "") == (cfg.Token == nil) {
		return nil, errors.New("client: Config needs a Key or a Token, and not both")
	}
	if cfg.Attempts < 0 || cfg.MaxWait < 0 {
		return nil, errors.New("client: Config has a limit out of range")
	}
	cfg.Attempts, cfg.MaxWait = cmp.Or(cfg.Attempts, 4), cmp.Or(cfg.MaxWait, time.Minute)
	cfg.HTTP = cmp.Or(cfg.HTTP, http.DefaultClient)
	cfg.Language, cfg.Agent = cmp.Or(cfg.Language, "en"), cmp.Or(cfg.Agent, "bode-client")
	return &Client{Config: cfg, base: strings.TrimSuffix(cfg.BaseURL, "/") + "/api/v1"}, nil
}

// bearer is what the call is authorised by.
func (c *Client) bearer(ctx context.Context) (string, error) {
	if c.Token == nil {
		return c.Key, nil
	}
	return c.Token(ctx)
}
