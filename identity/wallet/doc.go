// Package wallet identifies people by the person identification data (PID) in
// their EUDI wallet: OpenID for Verifiable Presentations 1.0 as HAIP 1.0 profiles
// it, with the PID as SD-JWT VC or as mdoc.
//
// One identification, with the wallet on the device of the browser:
//
//	Begin     fresh nonce, state and encryption key; a link opens the wallet
//	Receive   the wallet fetches our signed request, and posts its answer,
//	          encrypted to that key; it is told where to send the browser
//	Finish    the browser that comes back with the code of that redirect gets
//	          the presentation verified and a Proof made of it
//
// # What is checked
//
// The answer: encrypted to the key of this request, with this state, in the
// session that began and with the code that only the redirected browser has. Who
// photographs the link and has somebody else present a PID gains nothing: the
// code goes to that other browser.
//
// The credential: signature by a certificate that leads to the anchor of a
// configured provider; type; times; every disclosed attribute covered by a digest
// the issuer signed; status list, from hosts the operator listed. A provider
// speaks for its own country only.
//
// The holder: a signature with the key inside the credential over our nonce, our
// full client identifier and exactly what was presented (SD-JWT), or over the
// session transcript, which also covers the address and the encryption key of our
// request (mdoc).
//
// # What it does not do
//
// A PID signs no transaction data, so a Wallet approves no text. The link works
// on the device it is shown on; scanned by another one, the person goes on there,
// and the browser that began gets nothing: HAIP asks for exactly that. The
// Digital Credentials API of browsers is not used.
package wallet
