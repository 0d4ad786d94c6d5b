package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Languages are those every page can be read in; the first is for readers who
// ask for none of them.
func Languages() []string { return []string{"nl", "fr", "de", "en"} }

// Config is what the faces share.
type Config struct {
	// BaseURL is scheme and host as people see them, without a slash at the end.
	BaseURL string
	// ServiceName is what the service calls itself to people; "Bode" when empty.
	ServiceName string
	// FormActions are origins, besides our own, that a form may lead to by
	// redirect: the identification provider's. Empty strings are passed over.
	FormActions []string
	// TrustedProxies are networks whose X-Forwarded-For is believed; nobody when
	// empty. The address goes into evidence.
	TrustedProxies []netip.Prefix
	// Zone is the calendar of what people read; Europe/Brussels when nil.
	Zone *time.Location
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Log gets one line per request and the text of failures; slog.Default when nil.
	Log *slog.Logger
}

func (c *Config) validate() error {
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("web: base URL %q is not an http origin", c.BaseURL)
	}
	for _, f := range c.FormActions {
		if f == "" {
			continue
		}
		u, err := url.Parse(f)
		if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || strings.ContainsAny(f, "; ,") {
			return fmt.Errorf("web: form action %q is not an origin", f)
		}
	}
	if c.ServiceName == "" {
		c.ServiceName = "Bode"
	}
	if c.Zone == nil {
		if c.Zone, err = time.LoadLocation("Europe/Brussels"); err != nil {
			return errors.Join(errors.New("web: time zones are missing"), err)
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return nil
}

// secure reports whether people reach us by TLS.
func (c *Config) secure() bool { return strings.HasPrefix(c.BaseURL, "https://") }
