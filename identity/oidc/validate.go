package oidc

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/bode-erds/bode/identity"
)

func (c *Config) validate() error {
	if c.ClientID == "" {
		return errors.New("no ClientID")
	}
	if err := webURL(c.Issuer); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	if err := webURL(c.RedirectURL); err != nil {
		return fmt.Errorf("redirect URL: %w", err)
	}
	if strings.ContainsAny(c.Service, " \t\r\n") {
		return errors.New("white space in Service")
	}
	if strings.ContainsAny(c.ApprovalService, " \t\r\n") {
		return errors.New("white space in ApprovalService")
	}
	if _, known := dialects()[c.Method]; !known {
		return fmt.Errorf("Method %q is not spoken here", c.Method)
	}
	if c.Names.Family == "" {
		return errors.New("no claim for the family name")
	}
	if c.Levels[strings.ToLower(c.ACR)] == identity.LevelNone {
		return fmt.Errorf("no level in Levels for the asked ACR %q", c.ACR)
	}
	// A symmetric or RSA1_5 algorithm must not come in by configuration either.
	for _, a := range c.KeyAlgorithms {
		if !slices.Contains([]string{"RSA-OAEP-256", "RSA-OAEP"}, a) {
			return fmt.Errorf("KeyAlgorithms: %q is not allowed", a)
		}
	}
	for _, e := range c.ContentAlgorithm {
		if !slices.Contains([]string{"A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"}, e) {
			return fmt.Errorf("ContentAlgorithm: %q is not allowed", e)
		}
	}
	return c.validateKeys()
}

func (c *Config) validateKeys() error {
	if err := strong(c.SigningKey); err != nil {
		return fmt.Errorf("SigningKey: %w", err)
	}
	seen := map[string]bool{KeyID(&c.SigningKey.PublicKey): true}
	if c.Plain != "" && len(c.EncryptionKeys) > 0 {
		return errors.New("tokens are either plain or encrypted: EncryptionKeys beside Plain")
	}
	published := 0
	for i, k := range c.EncryptionKeys {
		if err := strong(k.Private); err != nil {
			return fmt.Errorf("EncryptionKeys[%d]: %w", i, err)
		}
		kid := KeyID(&k.Private.PublicKey)
		if seen[kid] {
			return fmt.Errorf("EncryptionKeys[%d]: key used twice", i)
		}
		seen[kid] = true
		if k.Until.IsZero() {
			published++
		}
	}
	if published == 0 && c.Plain == "" {
		return errors.New("EncryptionKeys: none to publish")
	}
	for i, k := range c.OtherSigningKeys {
		if k == nil || seen[KeyID(k)] {
			return fmt.Errorf("OtherSigningKeys[%d]: empty or used twice", i)
		}
		seen[KeyID(k)] = true
	}
	return nil
}

// webURL accepts an absolute https URL, or http on a loopback address.
func webURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("not a URL")
	case u.Host == "" || u.Fragment != "" || u.User != nil:
		return fmt.Errorf("%q is not an absolute URL without fragment", s)
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%q is not https", s)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
