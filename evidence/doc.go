// Package evidence turns the facts of a registered delivery into documents that
// prove them without us: an event vocabulary, a hash chain, linted and sealed
// XML and PDF, and the verification of all of it.
//
// The life of one piece of evidence:
//
//	Event ──Chain──▶ recorded ──Prepare+lint──▶ Prepared ──Engine.Seal──▶ Sealed ──verify──▶ stored
//
// An [Event] is a fact at an instant, written by the delivery that it moved, in
// the same transaction. Evidence is its linted, sealed and time-stamped form.
// Sealing happens after commit and may be late; the event's own time counts.
//
// The package has no database, no HTTP and no framework, because its documents
// must verify for decades. Tables live in evidence/ledger, signature formats in
// evidence/xades, evidence/pades and evidence/asic, key back-ends in
// evidence/seal, time-stamping in evidence/tsp.
//
// Sources: EN 319 522-1 §6 (events), EN 319 522-2 §8 (components),
// EN 319 522-3 (XML), EN 319 132-1 (XAdES), EN 319 142-1 (PAdES),
// EN 319 162-1 (ASiC), RFC 3161 (time-stamps).
package evidence
