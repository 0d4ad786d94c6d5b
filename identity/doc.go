// Package identity knows who acts: accounts and their people, API keys and
// sessions, and the [Actor] that every legally relevant act takes as an
// argument, with how it was identified and at which assurance [Level].
//
// A [Service] keeps them in PostgreSQL. Its methods take the Actor, look at
// nothing outside the actor's account, and hold no secret in the clear:
// passwords are argon2id, tokens and keys are kept as SHA-256, what has to be
// read again is sealed by a [Box]. Each use of an account leaves an [Access].
//
//	CreateAccount ─▶ EnrolFactor, ConfirmFactor ─▶ SignIn ─▶ Session.Actor
//	SaveIdentification ─▶ BindIdentification: from then on two factors mean
//	a proven person (LevelSubstantial)
//	CreateKey ─▶ AuthenticateKey ─▶ Key.Actor
//
// One-time codes prove that somebody reads an address; they identify nobody.
// Identification is a [Proof] by a provider (identity/oidc), compared with what
// the sender gave by [Match].
//
// Sources: CIR (EU) 2025/1944 annex I (REQ-QERDS-5.2.1, 5.2.2), eIDAS art. 8
// and 44(1)(b),(c).
package identity
