package main

import (
	"path"
	"strings"
	"testing"
)

// Two operators begin a recovery: the person is told, and the token is printed
// for nobody but that person.
func TestAccountRecover(t *testing.T) {
	t.Parallel()
	pool, env, _ := deskOf(t)
	password := writeFile(t, t.TempDir()+"/password", goodPassword)
	person := command{env: env, args: opening(password)}.run(t).field(t, "person")
	count := func(sql string) (n int) {
		if err := pool.QueryRow(t.Context(), sql).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"one operator":       {[]string{person, "--by", "Jan"}, 2, "--second"},
		"one operator twice": {[]string{person, "--by", "Jan", "--second", "Jan"}, 2, "another operator"},
		"nobody as second":   {[]string{person, "--by", "Jan", "--second", " "}, 2, "empty"},
		"no such person":     {[]string{"0193aa00-0000-7000-8000-000000000000", "--by", "Jan", "--second", "Piet"}, 1, "not found"},
	} {
		command{env: env, args: append([]string{"account", "recover"}, c.args...)}.run(t).expect(t, name, c.code, c.want)
	}
	if n := count(`SELECT count(*) FROM recovery`); n != 0 {
		t.Errorf("%d recoveries", n)
	}
	s := command{env: env, args: []string{"account", "recover", person, "--by", "Jan", "--second", "Piet"}}.run(t)
	s.expect(t, "two operators", 0, "/portal/recovery/go/", `"by":"Jan"`, `"second":"Piet"`)
	if token := path.Base(s.field(t, "path")); len(token) != 43 || strings.Contains(s.err, token) {
		t.Errorf("token of %d characters, or in the log", len(token))
	}
	if n := count(`SELECT count(*) FROM notice WHERE kind = 'recovery_started'`); n != 2 {
		t.Errorf("%d notices", n)
	}
}
