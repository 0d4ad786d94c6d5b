// Package portal is what account holders and passers-by see: the home page,
// checking a notice or a piece of evidence, opening an account and getting back
// into it, and, signed in, sending registered messages, following them, and all
// that concerns the account, its people and its mandates. Operators have pages of
// their own.
//
// Read routes.go first, then routes_people.go, routes_factors.go and
// routes_company.go. A handler parses, calls one command of delivery or
// identity as an identified actor, and renders or redirects. Everything is
// scoped to the account of the session; what belongs to another account is not
// found. What has effect is a POST; nothing is rendered before it is committed.
//
// A message being written lives in its form alone (see [draft]): pages work
// without JavaScript, in several windows at once, and nothing half-written is
// kept. Only its documents are uploaded ahead; delivery removes those that no
// message takes.
//
// Sources: requirements R1 to R11, R26, R28, R35, R36, R39; WCAG 2.2 (AA).
package portal
