// Package ledger keeps the facts of deliveries and the documents made of them:
// it records events in the caller's transaction, seals them after commit, and
// gives them out again.
//
// Recording is atomic with the move that the event proves; sealing is not, and
// may be late. In between an event is evidence in the making:
//
//	recorded ── Prepare+lint ──▶ prepared (bytes fixed, stored) ── Seal ──▶ sealed (stored once)
//
// The prepared bytes are stored before anything is signed, so that a retry
// seals the same statement; the signed documents are stored once, and what lost
// a race is thrown away before anybody saw it.
//
// EN 319 521 REQ-ERDS-5.4.1-06, REQ-ERDS-5.4.1-07
package ledger
