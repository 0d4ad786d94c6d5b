// Package notify tells people: notices in nl, fr, de and en, sent by e-mail and
// SMS, each attempt registered before it dials and classified after.
//
// A [Notice] is enqueued in the transaction that made it necessary. It carries
// no secret: the link, the code and the names are asked of a [Source] at the
// moment of rendering. What became of an attempt is told to a [Sink] in the
// transaction that stores it, so that every attempt leaves its event.
//
// Sources: RFC 5321 (SMTP), RFC 3461 (DSN), EN 319 522-1 §6 C.1, C.2, D.3.
package notify
