package oidc

import (
	"fmt"
	"net/url"

	"github.com/bode-erds/bode/identity"
)

// Each is one of the identity.ErrLogin… family, which is what a face acts on.

// What came back on the redirect. None of these proves anything about anybody.
var (
	// ErrState: the answer does not belong to this Start, or is not a well-formed
	// answer. The person can begin again; a series of them is an attack or a
	// second tab.
	ErrState = fmt.Errorf("%w: answer does not belong to this identification", identity.ErrLoginStale)
	// ErrRefused: the person said no, closed the app, or let it time out. The
	// person can begin again or take other means.
	ErrRefused = fmt.Errorf("%w: person did not identify", identity.ErrLoginRefused)
	// ErrUnavailable: the provider cannot be reached or says it is out of order.
	// The person can try later or take other means.
	ErrUnavailable = fmt.Errorf("%w: provider unavailable", identity.ErrLoginUnavailable)
	// ErrConfig: the provider refuses our request or our key. The person can only
	// take other means; the operator must look.
	ErrConfig = fmt.Errorf("%w: provider refuses our configuration", identity.ErrLoginUnavailable)
)

// What came back from the token endpoint.
var (
	// ErrCode: the code is too old or was used. The person can begin again.
	ErrCode = fmt.Errorf("%w: code expired or used", identity.ErrLoginStale)
	// ErrToken: the token fails a check. The person can begin again once; the
	// operator must look, because an honest provider never does this.
	ErrToken = fmt.Errorf("%w: token not acceptable", identity.ErrLoginUnusable)
	// ErrLevel: the person identified at a lower level than was asked. The person
	// can begin again and confirm with the code of the app.
	ErrLevel = fmt.Errorf("%w: assurance level too low", identity.ErrLoginLevel)
	// ErrClaims: the token is genuine but lacks the family name, or carries a
	// name or number that cannot be right. The person can take other means.
	ErrClaims = fmt.Errorf("%w: identity data missing or malformed", identity.ErrLoginUnusable)
)

// redirectError maps the error parameter of an authorization response.
// itsme also sends temporary_unavailable, so spelled.
//
// OpenID Connect Core 1.0 §3.1.2.6; RFC 6749 §4.1.2.1
func redirectError(query url.Values) error {
	kind := ErrConfig
	code := query.Get("error")
	switch code {
	case "access_denied", "login_required", "interaction_required",
		"consent_required", "account_selection_required":
		kind = ErrRefused
	case "temporarily_unavailable", "temporary_unavailable", "server_error":
		kind = ErrUnavailable
	}
	return fmt.Errorf("%w: %.64q: %.200q", kind, code, query.Get("error_description"))
}

// tokenError maps an error of the token endpoint.
//
// RFC 6749 §5.2
func tokenError(status int, code, description string) error {
	kind := ErrConfig
	switch {
	case code == "invalid_grant":
		kind = ErrCode
	case status < 400 || status >= 500 || status == 429 || status == 408 || code == "":
		kind = ErrUnavailable
	}
	return fmt.Errorf("%w: token endpoint: status %d: %.64q: %.200q", kind, status, code, description)
}
