package main

import (
	"strings"
	"testing"
)

// TestKeyringCommands lists the keys, carries what an old one wraps and destroys it
// then, and not before; what it wrapped is still read.
func TestKeyringCommands(t *testing.T) {
	t.Parallel()
	d := newDeskTown(t)
	draft, past, now := d.keptSince(t)
	keyring := func(args ...string) said {
		return command{env: d.env, args: append([]string{"keyring"}, args...)}.run(t)
	}
	two := []string{"--by", "An Counsel", "--second", "Jan Maes"}
	keyring("list").expect(t, "list", 0, past+"  1", now+"  0")
	keyring(append([]string{"destroy", past}, two...)...).expect(t, "destroy what is named", 1, "rows name it")
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"rewrap, nobody":          {[]string{"rewrap", past}, 2, "--by"},
		"rewrap, this month":      {[]string{"rewrap", now, "--by", "An Counsel"}, 1, "nothing newer"},
		"destroy, nobody":         {[]string{"destroy", past}, 2, "--by"},
		"destroy, one person":     {[]string{"destroy", past, "--by", "An Counsel", "--second", "An Counsel"}, 2, "same person"},
		"destroy, this month":     {append([]string{"destroy", now}, two...), 1, "in use"},
		"destroy, never was here": {append([]string{"destroy", "2001-01"}, two...), 1, "2001-01"},
		"destroy, a path":         {append([]string{"destroy", "../secrets"}, two...), 1, "secrets"},
	} {
		keyring(c.args...).expect(t, name, c.code, c.want)
	}
	keyring("rewrap", past, "--by", "An Counsel").expect(t, "rewrap", 0, "carried  "+past+"  1 rows", `"by":"An Counsel"`)
	keyring("rewrap", past, "--by", "An Counsel").expect(t, "rewrap again", 0, "0 rows")
	keyring(append([]string{"destroy", past}, two...)...).expect(t, "destroy", 0, "destroyed  "+past, `"second":"Jan Maes"`)
	if l := keyring("list"); strings.Contains(l.out, past) || !strings.Contains(l.out, now+"  1") {
		t.Errorf("after: %s", l.out)
	}
	got, err := d.app.deliveries.Draft(t.Context(), d.account, draft)
	if err != nil || got.Content.Submission.Subject != "Bewaard" {
		t.Errorf("what was carried: %+v %v", got.Content.Submission, err)
	}
}
