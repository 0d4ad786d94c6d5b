// Package otp makes and checks the one-time codes that show that a collector
// reads the addressee's e-mail and mobile phone. They identify nobody.
//
// A code is an RFC 6238 TOTP of a secret that exists only while it is computed:
// an HMAC, under the service's key, of the delivery, the channel and the
// challenge. The database therefore holds nothing that could be typed. The time
// in it is the challenge's own time of issue and never the time of checking, so
// a challenge has exactly one code and lives exactly ten minutes; a plain TOTP
// with such a step would live between nothing and twenty, depending on where in
// the step it was made.
//
// A code is good once, for one delivery, on one channel, five tries long. A new
// challenge ends the one before it.
//
//	Issue (in the transaction that asks)  ▶  Code (when the notice is rendered)
//	                                      ▶  Check (in the transaction that it opens)
//
// Sources: RFC 6238, RFC 4226 §7.3, NIST SP 800-63B §3.1.3 (at most 10 minutes,
// 20 bits, once); R14.
package otp
