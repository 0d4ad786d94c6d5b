// Package identity knows who acts: accounts and their people, companies and who
// may act for them, API keys and sessions, and the [Actor] that every legally
// relevant act takes as an argument, with how it was identified and at which
// assurance [Level].
//
// A [Service] keeps them in PostgreSQL. Its methods take the Actor, look at
// nothing outside the actor's account, and hold no secret in the clear:
// passwords are argon2id, tokens and keys are kept as SHA-256, what has to be
// read again is sealed by a [Box]. Each use of an account leaves an [Access].
//
//	StartSignUp ─▶ ProveSignUp ─▶ FinishSignUp ─▶ SignIn ─▶ Session.Actor
//	OpenLogin ─▶ BeginLogin ─▶ (a Means) ─▶ FinishLogin ─▶ ProveIdentity
//	FileApplication ─▶ AttachForm ─▶ ConfirmApplication: a company
//	DraftMandate ─▶ (approved by a Means) ─▶ GrantMandate ─▶ Authorise
//	CreateKey ─▶ AuthenticateKey ─▶ Key.Actor
//
// One-time codes prove that somebody reads an address; they identify nobody.
// Identification is a [Proof] by a [Means], worth what the [Assurance] policy says,
// and compared with what the sender gave by [Match]. What account holders have to
// know leaves as a [Note].
//
// Sources: CIR (EU) 2025/1944 annex I (REQ-QERDS-5.2.1, 5.2.2), eIDAS art. 8
// and 44(1)(b),(c).
package identity
