// Package smtp carries notices as e-mail: one message to one recipient through
// the operator's own relay, over verified TLS, with every reply kept.
//
// What Sent means here: the relay took responsibility (RFC 5321 §4.2.5). It does
// not mean that the recipient's mail system has it, let alone that it was read.
// Where the relay announces DSN (RFC 3461), reports are asked for, under the
// envelope id ID-N: the notice and the number of the attempt.
//
// The Message-ID belongs to the notice, not to the attempt: a mail that is sent
// again because nobody knows whether it arrived is recognisably the same mail.
//
// Connections are kept for further mails. What was said on them is told in the
// Trace of each result: never a sign-in, content or a return path.
//
// Sources: RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 8314 (implicit TLS),
// RFC 3461 (DSN), RFC 3463 (status codes), RFC 3834 (automatic messages),
// RFC 6376 and RFC 8463 (DKIM).
package smtp
