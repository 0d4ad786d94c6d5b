// Package wallettest is a provider of PIDs and a wallet, for `bode demo` and for
// tests. They prove nothing: whoever opens the wallet's page chooses who to be.
// The page says so.
//
// An [Issuer] has a certificate authority of its own, made when it starts, issues
// PIDs as SD-JWT VC and as mdoc, and serves the status list that they name.
//
// A [Wallet] follows a link of a verifier as HAIP 1.0 asks wallets to: it fetches
// the signed request, refuses one that is not signed under the identifier it
// names, and answers encrypted. It shares no code with the verifier: what both
// understand in the same way is what the standards say, or a mistake made twice.
//
// A [Fault] makes either of them break one rule, so that a test can see the
// verifier refuse it.
package wallettest
