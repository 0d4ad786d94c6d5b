package main

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/notify"
)

// TestSuppressCommands shows and mends what keeps addresses from being written to.
func TestSuppressCommands(t *testing.T) {
	t.Parallel()
	pool, env, secretsDir := deskOf(t)
	keys, err := loadSecrets(secretsDir, false)
	if err != nil {
		t.Fatal(err)
	}
	s, err := keys.suppressions(pool)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		if err := s.Add(t.Context(), tx, notify.Suppression{Channel: notify.Email, Reason: notify.BadAddress, Since: now, Until: now.Add(time.Hour)}, "an@example.be"); err != nil {
			return err
		}
		return s.Add(t.Context(), tx, notify.Suppression{Channel: notify.SMS, Reason: notify.Complaint, Since: now}, "+32470000001")
	})
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) said {
		return command{env: env, args: append([]string{"suppress"}, args...)}.run(t)
	}
	all := run("list")
	all.expect(t, "list", 0, "CHANNEL", "address", "complaint", now.Add(time.Hour).Format(time.RFC3339), "removed by hand", `"suppressions":2`)
	run("list", "AN@example.be").expect(t, "one address", 0, "email", `"suppressions":1`)
	run("list", "bo@example.be").expect(t, "an address without", 0, `"suppressions":0`)
	run("remove", "an@example.be").expect(t, "by nobody", 2, "--by")
	run("remove", "an@example.be", "--by", " ").expect(t, "by a blank", 2, "--by")
	run("remove", "--by", "An").expect(t, "no address", 2, "address")
	run("remove", "bo@example.be", "--by", "An").expect(t, "not there", 1, "written to already")
	run("remove", "+32470000002", "--by", "An").expect(t, "another number", 1, "written to already")
	run("remove", "an@example.be", "--by", "An").expect(t, "remove", 0, "removed  email", `"msg":"suppression removed"`, `"by":"An"`)
	run("remove", "an@example.be", "--by", "An").expect(t, "remove again", 1)
	run("remove", "+32470000001", "--by", "An").expect(t, "a number", 0, "removed  sms")
	run("list").expect(t, "empty", 0, `"suppressions":0`)
}
