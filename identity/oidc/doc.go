// Package oidc identifies people through an OpenID Connect provider: itsme, and by
// configuration the Belgian federal authentication or LuxTrust. Authorization code
// with PKCE, a client that signs its own assertion, and tokens that are signed and
// then encrypted to us.
//
// With itsme a person can also approve a text, which the app shows. The request
// for that is signed and encrypted to the provider, so that nobody on the way
// sees or changes what will be shown.
//
// One identification is two calls with a browser in between:
//
//	challenge, err := p.Begin(ctx, ask)       // keep challenge.Saved, send the browser to challenge.URL
//	proof, err := p.Finish(ctx, saved, answer, now)
//
// [identity.Service] keeps what was begun, tied to the browser that began, and
// takes it out before Finish: Finish remembers nothing, so of sixteen parallel
// calls it is that store which lets one through. That the provider refuses a used
// code is a second guard, not the first.
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
// and must speak of the same subject. A text that was
// approved, when the provider says it again, must be the one that was shown; what
// ties it to the token in any case is the nonce, which stands only inside the
// encrypted request.
//
// Sources: OpenID Connect Core 1.0 §3.1, §5.5, §6.1, §9, §10; Discovery 1.0; RFC 7636
// (PKCE); RFC 7523 (client assertion); RFC 7516, 7519 (JWE, JWT); RFC 9207.
// Identification of recipients: CIR (EU) 2025/1944 annex I (REQ-QERDS-5.2.1).
package oidc
