package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
)

// TestKeyringCommands lists the keys, carries what an old one wraps and destroys it
// then, and not before; what it wrapped is still read.
func TestKeyringCommands(t *testing.T) {
	t.Parallel()
	d := newDeskTown(t)
	ctx := t.Context()
	draft, _, err := d.app.deliveries.CreateDraft(ctx, d.by.By, false, delivery.DraftContent{Submission: delivery.Submission{Subject: "Bewaard"}}, delivery.Once{})
	if err != nil {
		t.Fatal(err)
	}
	// What was written today is carried to the key of a month that is over, as if it
	// had been written then.
	month := func(t time.Time) string { return t.UTC().Format("2006-01") }
	past := time.Date(time.Now().UTC().Year(), time.Now().UTC().Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -1)
	ring, err := vault.OpenKeyring(filepath.Join(d.dir, "keys"), func() time.Time { return past })
	if err != nil {
		t.Fatal(err)
	}
	if n, err := d.app.deliveries.RewrapKeys(ctx, ring, month(time.Now())); n != 1 || err != nil {
		t.Fatalf("%d rows carried back: %v", n, err)
	}
	keyring := func(args ...string) said {
		return command{env: d.env, args: append([]string{"keyring"}, args...)}.run(t)
	}
	two := []string{"--by", "An Counsel", "--second", "Jan Maes"}
	keyring("list").expect(t, "list", 0, month(past)+"  1", month(time.Now())+"  0")
	keyring(append([]string{"destroy", month(past)}, two...)...).expect(t, "destroy what is named", 1, "rows name it")
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"rewrap, nobody":          {[]string{"rewrap", month(past)}, 2, "--by"},
		"rewrap, this month":      {[]string{"rewrap", month(time.Now()), "--by", "An Counsel"}, 1, "nothing newer"},
		"destroy, nobody":         {[]string{"destroy", month(past)}, 2, "--by"},
		"destroy, one person":     {[]string{"destroy", month(past), "--by", "An Counsel", "--second", "An Counsel"}, 2, "same person"},
		"destroy, this month":     {append([]string{"destroy", month(time.Now())}, two...), 1, "in use"},
		"destroy, never was here": {append([]string{"destroy", "2001-01"}, two...), 1, "2001-01"},
		"destroy, a path":         {append([]string{"destroy", "../secrets"}, two...), 1, "secrets"},
	} {
		keyring(c.args...).expect(t, name, c.code, c.want)
	}
	keyring("rewrap", month(past), "--by", "An Counsel").expect(t, "rewrap", 0, "carried  "+month(past)+"  1 rows", `"by":"An Counsel"`)
	keyring("rewrap", month(past), "--by", "An Counsel").expect(t, "rewrap again", 0, "0 rows")
	keyring(append([]string{"destroy", month(past)}, two...)...).expect(t, "destroy", 0, "destroyed  "+month(past), `"second":"Jan Maes"`)
	if l := keyring("list"); strings.Contains(l.out, month(past)) || !strings.Contains(l.out, month(time.Now())+"  1") {
		t.Errorf("after: %s", l.out)
	}
	got, err := d.app.deliveries.Draft(ctx, d.account, draft.ID)
	if err != nil || got.Content.Submission.Subject != "Bewaard" {
		t.Errorf("what was carried: %+v %v", got.Content.Submission, err)
	}
}
