// Package identify is the face in which people show who they are: the pages of
// an errand that another face began (identity.Service.OpenLogin).
//
//	/identify/{id}          choose a means, among those that serve the errand
//	/identify/{id}/begin    POST: begin with one
//	/identify/{id}/with     its page: a card, a wallet, a document to sign
//	/identify/callback/…    a provider sends the browser back, with its answer
//	/identify/{id}/back     a wallet or a card host sends the browser back
//	/identify/{id}/finish   POST: take the answer, and give the proof away
//
// What is proven is given to the [Owner] of the errand, which makes sure that
// its own session asked, does what it was for, and redirects. This face knows
// neither deliveries nor accounts.
//
// An errand is open in one browser: the id in the address opens nothing without
// the secret in the cookie, nor the secret without the id. GET proves nothing
// and changes nothing, wherever it comes from: providers, wallets and the card's
// host send people back with GET, because they can do nothing else, and then the
// page carries what they brought into a form that the person posts.
//
// Sources: OpenID Connect Core 1.0 §3.1.2.5; OpenID4VP 1.0 §8.2; R2, R15, R16;
// CIR (EU) 2025/1944 annex I REQ-QERDS-5.2.1.1-01.
package identify
