// Package identity knows who acts: accounts and their people, API keys and
// sessions, and the [Actor] that every legally relevant act takes as an
// argument, with how it was identified and at which assurance [Level].
//
// One-time codes prove that somebody reads an address; they identify nobody.
// Identification is a [Proof] by a provider (identity/oidc), compared with what
// the sender gave by [Match].
//
// Sources: CIR (EU) 2025/1944 annex I (REQ-QERDS-5.2.1, 5.2.2), eIDAS art. 8
// and 44(1)(b),(c).
package identity
