// Package ledger keeps the facts of deliveries and the documents made of them:
// it records events in the caller's transaction, seals them after commit, and
// gives them out again.
//
// Recording is atomic with the move that the event proves; sealing is not, and
// may be late. In between an event is evidence in the making:
//
//	recorded ── Prepare+lint ──▶ prepared ── sign ──▶ signed ── stamp ──▶ stamped ── batch ──▶ logged ── PDF ──▶ sealed
//
// Each step stores what it made, once, before the next one begins, so that a
// retry goes on from there and never makes a second version of what somebody
// may have seen; what lost a race is thrown away. A piece has a time-stamp of its
// own or, with an evidence record, that of its batch ([Config.Own]). Every piece
// is in a batch, and every batch makes the public log longer. Nothing is handed
// out before it is sealed.
//
// What makes signatures, records and log entries is given by [Config]; this
// package knows their order only.
//
// EN 319 521 REQ-ERDS-5.4.1-06, REQ-ERDS-5.4.1-07
package ledger
