// Package portal is what senders and passers-by see: the home page, checking a
// notice or a piece of evidence, and, signed in, sending registered messages and
// following them.
//
// Read routes.go first. A handler parses, calls one command of delivery or
// identity as an identified actor, and renders or redirects. Everything is
// scoped to the account of the session; what belongs to another account is not
// found. What has effect is a POST; nothing is rendered before it is committed.
//
// A message being written lives in its form alone (see [draft]): pages work
// without JavaScript, in several windows at once, and nothing half-written is
// kept. Only its documents are uploaded ahead; delivery removes those that no
// message takes.
//
// Sources: requirements R1, R3, R5, R6, R9, R10, R36, R39; WCAG 2.2 (AA).
package portal
