// Package oidc identifies people through an OpenID Connect provider that speaks
// itsme's dialect: authorization code with PKCE, a client that signs its own
// assertion, and tokens that are signed and then encrypted to us.
//
// One identification is two calls with a browser in between:
//
//	start, err := p.Begin("nl")             // keep start, send the browser to start.URL
//	proof, err := p.Finish(ctx, start, r.URL.Query(), now)
//
// # What the caller must do
//
// Keep the [Start] on the server, tied to the browser that began (a cookie), for
// ten minutes at most, and use it once: take it out of the store with one
// statement that deletes and returns it, before calling [Provider.Finish]. Finish
// remembers nothing, so of sixteen parallel calls with one Start it is the store
// that lets one through. That the provider refuses a used code is a second
// guard, not the first.
//
// The instant given to Finish is the true time: the provider's tokens live five
// minutes. A clock that tests move must never reach it.
//
// # What is checked
//
// The answer: state, issuer (RFC 9207), exactly one value per parameter. The
// token: encrypted with an algorithm of the configured list to one of our keys,
// named by kid; inside it a JWS, RS256, by a key of the provider, named by kid;
// iss, exactly one aud, azp, nonce, iat, exp, auth_time, at_hash; acr against the
// level that was asked. The user information, when used, is opened the same way
// and must speak of the same subject.
//
// Sources: OpenID Connect Core 1.0 §3.1, §5.5, §9, §10; Discovery 1.0; RFC 7636
// (PKCE); RFC 7523 (client assertion); RFC 7516, 7519 (JWE, JWT); RFC 9207.
// Identification of recipients: CIR (EU) 2025/1944 annex I (REQ-QERDS-5.2.1).
package oidc
