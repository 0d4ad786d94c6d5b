// Package identitytest is a small OpenID provider that behaves like itsme, for
// `bode demo` and for tests. It proves nothing: whoever opens its page chooses
// who to be. Its page says so.
//
// Strict where itsme is strict: redirect addresses octet by octet, exactly one
// service code of the client, state, nonce and PKCE required, client assertions
// for the token endpoint only and used once, codes of three minutes used once,
// tokens signed RS256 and then encrypted RSA-OAEP-256 and A128CBC-HS256 to a key
// of the client's published set, chosen at random.
//
// A service of [Client.Approvals] shows a text for approval. Its request comes as
// a request object, signed and then encrypted to the provider, and its token says
// again which text was approved.
//
// # The form
//
// GET of the authorization address answers a page with one HTML form, posted as
// application/x-www-form-urlencoded to its action. Its fields:
//
//	request          as found in the page (hidden); one use, ten minutes
//	person           id of a listed citizen, or "other"
//	given_name       for "other"; may be empty
//	family_name      for "other"; required
//	birthdate        for "other"; YYYY-MM-DD
//	national_number  for "other"; eleven digits, may be written with . and -;
//	                 empty: a fictitious one is made of the birth date
//	decision         "approve" or "refuse"
//
// The answer is 303 to the client's redirect address, or 400 with the form again
// when a field is not right. [Answer] does this as a browser would.
//
// # Misbehaviour
//
// A [Fault] makes the provider break one rule, so that a test can see the client
// refuse it.
package identitytest
