package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/bode-erds/bode/identity"
)

var (
	errScope       = problem{status: http.StatusForbidden, code: "insufficient_scope"}
	errCertificate = problem{status: http.StatusUnauthorized, code: "certificate_required"}
	errDailyCap    = problem{status: http.StatusTooManyRequests, code: "daily_cap_reached"}
)

// scopeOf is what a key needs for an operation; "" when any key will do. What
// belongs to the account as a whole asks for admin, what changes something for
// send, and what proves something for evidence.
func scopeOf(method, path string) identity.Scope {
	below := func(folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }
	switch {
	case below("/keys"), below("/oauth"), below("/openapi.json"), below("/verifications"):
		return ""
	case below("/webhooks"):
		return identity.ScopeWebhooks
	case below("/credits"), below("/credit"), below("/invoices"), below("/payments"), below("/top-ups"), below("/cost-centres"):
		return identity.ScopeAdmin
	case below("/evidence"):
		return identity.ScopeEvidence
	}
	for _, part := range []string{"/evidence", "/dossier", "/letter", "/papers"} {
		if strings.HasPrefix(path, "/deliveries/{id}"+part) {
			return identity.ScopeEvidence
		}
	}
	if method == http.MethodGet {
		return identity.ScopeRead
	}
	return identity.ScopeSend
}

// admit finds out who calls, whether the key may do this, and whether it has not
// asked for too much. What the key may still ask for stands in the answer,
// whatever that is.
func (a *API) admit(r route, c *call) (err error) {
	scheme, bearer, _ := strings.Cut(c.Request().Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 §11.1: in any case
		return errNoKey
	}
	shown := identity.Presented{Bearer: bearer, IP: c.RealIP(), Certificate: a.certificate(c.Request())}
	ctx := identity.Beyond(c.ctx()) // whose key it is, is what is asked
	if r.sender {
		c.key, c.sender, err = a.Identity.AuthenticateAs(ctx, shown)
	} else {
		c.key, err = a.Identity.Authenticate(ctx, shown)
	}
	switch {
	case errors.Is(err, identity.ErrCertificate):
		return errCertificate
	case errors.Is(err, identity.ErrKey):
		return errNoKey
	case err != nil:
		return err
	}
	c.SetRequest(c.Request().WithContext(identity.Within(c.ctx(), c.key.Account)))
	left, err := a.limits.call(c.key.ID, c.key.Mode, a.Now())
	left.write(c.Response().Header())
	if err != nil {
		return err
	}
	if need := scopeOf(r.method, r.path); need != "" && !c.key.May(need) {
		p := errScope
		p.scope = need
		return p
	}
	return nil
}
