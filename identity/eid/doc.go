// Package eid identifies people by their Belgian identity card, in two ways:
//
//   - [WebEID]: the Web eID extension of the browser lets the card sign a
//     challenge of ours together with our origin;
//   - [Card]: the card is the client certificate of a TLS connection to a host
//     of ours that exists for nothing else.
//
// Both end in one judgement, the [Verifier]'s: the certificate is one for
// authentication, with a policy of the configured list; it is valid and signed
// by a configured issuing CA; it names a natural person with a national number
// whose check digits fit; and its issuer says at this moment, by OCSP, that it
// is good. The certificate for signatures, which lies on the same card, never
// signs anybody in.
//
// # What is not trusted
//
// Nothing in a certificate is followed before its signature is checked, and then
// only the address of the OCSP responder, and only to a configured host. An
// answer has to be signed by the issuing CA itself or by a responder that this CA
// appointed: golang.org/x/crypto/ocsp alone takes an answer signed by any
// certificate of the CA, which is anybody's card. Without a good answer nobody
// is identified.
//
// What was judged is kept in the Proof, and [Verifier.Reverify] judges it again
// without a network.
//
// Sources: Web eID authentication token, format web-eid:1; RFC 5280 §4.2, §6.1;
// RFC 6960 §3.2, §4.2.2; RFC 9654 (nonce); RFC 7518 §3. Certificate
// policies: Belgian eID PKI. Identification of recipients: CIR (EU) 2025/1944
// annex I REQ-QERDS-5.2.1.1-01 (a notified means at level high).
package eid
