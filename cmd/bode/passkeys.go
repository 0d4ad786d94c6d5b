package main

import (
	"fmt"
	"net/netip"
	"net/url"

	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/identity/passkey"
)

// newPasskeys takes passkeys for the host that people see. A passkey is bound to
// that name: under another one none of them works any more. An address has no
// name to bind to, and so no passkeys.
func newPasskeys(a *app) (portal.Passkeys, error) {
	u, err := url.Parse(a.out.baseURL)
	if err != nil {
		return nil, fmt.Errorf("base URL: %w", err)
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return nil, nil
	}
	return passkey.New(passkey.Config{Pool: a.pool, Identity: a.identity, RPID: u.Hostname(), Origins: []string{a.out.baseURL}, Name: a.out.service, Log: a.log})
}
