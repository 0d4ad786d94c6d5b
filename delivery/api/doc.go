// Package api is the REST face of deliveries, under /api/v1.
//
// The contract is openapi/*.yaml, put together; a test holds it against the
// router, and every JSON body is held against its schema before anything else
// looks at it. Every call is made with an API key; a test key sees test messages
// only. Errors are problem documents (RFC 9457) with a stable code; their words
// are in the caller's language.
//
// Sources: RFC 9457 (problems), RFC 9530 (digests), RFC 8288 (links),
// draft-ietf-httpapi-idempotency-key-header.
package api
