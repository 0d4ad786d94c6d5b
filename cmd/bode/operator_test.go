package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// TestOperators makes an operator by the program, and refuses whom nobody knows.
func TestOperators(t *testing.T) {
	t.Parallel()
	pool, env, secretsDir := deskOf(t)
	password := writeFile(t, filepath.Join(t.TempDir(), "password"), goodPassword+"\n")
	s := command{env: env, args: opening(password)}.run(t)
	s.expect(t, "account open", 0)
	person := s.field(t, "person")

	add := []string{"operator", "add", person, "--by", "An Director"}
	command{env: env, args: add}.run(t).expect(t, "somebody unproven", 1, "has not proven an identity")
	command{env: env, args: add[:3]}.run(t).expect(t, "decided by nobody", 2)
	command{env: env, args: []string{"operator", "add", person, "--by", " "}}.run(t).expect(t, "decided by a blank", 2)
	command{env: env, args: []string{"operator", "add", uuid.NewString(), "--by", "An Director"}}.run(t).expect(t, "nobody", 1, "not found")

	keys, err := loadSecrets(secretsDir, false)
	if err != nil {
		t.Fatal(err)
	}
	o, err := openOffice(pool, keys, discard())
	if err != nil {
		t.Fatal(err)
	}
	var i identity.Identification
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		i, err = o.identity.SaveIdentification(t.Context(), tx, identity.Proof{Method: identity.MethodItsme, Provider: "https://idp.example", Subject: "s",
			Given: "Lotte", Family: "Peeters", NationalNumber: "85073003328", Level: identity.LevelHigh, At: time.Now()},
			identity.Occasion{Purpose: identity.SenderProofing, Person: person})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.identity.BindIdentification(t.Context(), identity.System, person, i.Record); err != nil {
		t.Fatal(err)
	}
	command{env: env, args: add}.run(t).expect(t, "add", 0, "operator  "+person, `"msg":"operator added"`, `"by":"An Director"`)
	command{env: env, args: add}.run(t).expect(t, "add again", 1, "an operator already")
	command{env: env, args: []string{"operator", "list"}}.run(t).expect(t, "list", 0, person, "lotte", "Lotte Peeters", "An Director")
	remove := []string{"operator", "remove", person, "--by", "An Director"}
	command{env: env, args: remove}.run(t).expect(t, "remove", 0, "removed  "+person)
	command{env: env, args: remove}.run(t).expect(t, "remove again", 1, "not found")
}
