// Package passkey signs account holders in with passkeys: keys that stay with
// the person's device or account elsewhere, and are used only after the device
// recognised the person. One is two factors by itself: something one has, and
// something one is or knows.
//
//	BeginRegister ─▶ (browser) ─▶ FinishRegister
//	BeginSignIn   ─▶ (browser) ─▶ FinishSignIn      nobody is known before
//	BeginAgain    ─▶ (browser) ─▶ FinishAgain       step-up of a session
//
// Begin gives the options for the browser's navigator.credentials, as JSON, and
// Finish takes its answer, as JSON. What was begun is a row that Finish deletes
// before it looks at the answer, and finds only together with the browser that
// began: a challenge is good once, in one place, for five minutes.
//
// User verification is required always, attestation is not asked for, and a
// passkey whose counter goes back is refused from then on: somebody may have
// copied it.
//
// Sources: WebAuthn Level 3 §7.1, §7.2; CIR (EU) 2025/1944 annex I
// REQ-QERDS-5.2.2-03 (a).
package passkey
