package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// freshEnough is how recent a sign-in must be that proves who somebody is
// (R5: five minutes).
const freshEnough = 5 * time.Minute

// Granted is the level that a claim of a means is worth for a purpose, by the
// policy in force.
func (s *Service) Granted(p Purpose, method string, claimed Level) Level {
	return s.assurance.Grant(p, method, claimed)
}

// Reaches reports whether a means can be worth a level for a purpose at all.
func (s *Service) Reaches(p Purpose, method string, want Level) bool {
	return s.assurance.best(p, method).AtLeast(want)
}

// SessionProof turns a session into the proof of who the account holder is: a
// recipient who has an account need not identify elsewhere. It repeats what was
// proven by the identification that the person is bound to, with the session's
// own method, and claims that identification's level; what it is worth is for
// the [Assurance] to say. Token cites the identification, which holds what an
// auditor verifies again.
//
// Errors: ErrSessionOver; ErrForbidden when nobody was ever identified, or the
// factors were shown more than five minutes ago; ErrSealed.
//
// CIR (EU) 2025/1944 annex I REQ-QERDS-5.2.2-03A (a)
func (s *Service) SessionProof(ctx context.Context, token string) (Proof, error) {
	sess, err := s.Session(ctx, token)
	if err != nil {
		return Proof{}, err
	}
	if sess.Record == "" || !sess.Fresh(s.now(), freshEnough) {
		return Proof{}, ErrForbidden
	}
	var sealed []byte
	if err := s.pool.QueryRow(ctx, `SELECT sealed FROM identification WHERE id = $1`, sess.Record).Scan(&sealed); err != nil {
		return Proof{}, fmt.Errorf("identity: session proof: %w", err)
	}
	from, err := s.unseal(sess.Record, sealed)
	if err != nil {
		return Proof{}, err
	}
	cited, err := json.Marshal(struct {
		Identification string    `json:"identification"` // the record
		Method         string    `json:"method"`         // with which it was made
		Person         string    `json:"person"`
		Signed         string    `json:"signed_in_with"`
		At             time.Time `json:"at"`
	}{sess.Record, from.Method, sess.Person, sess.Method, sess.ProvenAt})
	if err != nil {
		return Proof{}, fmt.Errorf("identity: session proof: %w", err)
	}
	return Proof{Method: sess.Method, Provider: "bode", Subject: sess.Person, Given: from.Given, Family: from.Family,
		BirthDate: from.BirthDate, NationalNumber: from.NationalNumber, Level: sess.Proven, At: sess.ProvenAt,
		Token: cited, Artefact: "session"}, nil
}
