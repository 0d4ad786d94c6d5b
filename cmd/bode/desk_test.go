package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/migrations/pgtest"
)

// deskTown is a service with one account, for commands that an operator gives: they
// run as programs of their own, with env.
type deskTown struct {
	dir     string
	app     *app
	account string
	by      delivery.Submitter // a live key of the account
	env     []string
}

func newDeskTown(t *testing.T) deskTown {
	t.Helper()
	pool, dir := pgtest.New(t), t.TempDir()
	stands, err := startStandIns(dir, "http://127.0.0.1:1", discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stands.Close() })
	out, err := stands.outside(dir, "http://127.0.0.1:1", discard())
	if err != nil {
		t.Fatal(err)
	}
	a, err := build(pool, out, discard())
	if err != nil {
		t.Fatal(err)
	}
	var s seeds
	account, err := a.seedAccount(t.Context(), &s, "sender", identity.NewAccount{Kind: identity.Private, Country: "BE"},
		identity.NewPerson{Given: "Karim", Family: "Benali", Login: "karim", Email: "karim@example.be", Mobile: "+32470222222", Language: "fr"})
	if err != nil {
		t.Fatal(err)
	}
	profile, err := a.identity.Profile(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := a.identity.CreateKey(t.Context(), identity.System, account, identity.Live, "ERP")
	if err != nil {
		t.Fatal(err)
	}
	by := delivery.Submitter{By: key.Actor("127.0.0.1", "test", time.Now()), Sender: delivery.SenderParty(profile)}
	return deskTown{dir, a, account, by, []string{"DATABASE_URL=" + pool.Config().ConnString(), "BODE_SECRETS=" + filepath.Join(dir, "secrets"), "BODE_KEYS=" + filepath.Join(dir, "keys")}}
}

func (d deskTown) keys() string { return filepath.Join(d.dir, "keys") }

// keptSince keeps a draft whose key the key of a month wraps that is over, as if it had
// been written then.
func (d deskTown) keptSince(t *testing.T) (draft delivery.ID, past, now string) {
	t.Helper()
	kept, _, err := d.app.deliveries.CreateDraft(t.Context(), d.by.By, false, delivery.DraftContent{Submission: delivery.Submission{Subject: "Bewaard"}}, delivery.Once{})
	if err != nil {
		t.Fatal(err)
	}
	today := time.Now().UTC()
	then := time.Date(today.Year(), today.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -1)
	ring, err := vault.OpenKeyring(d.keys(), func() time.Time { return then })
	if err != nil {
		t.Fatal(err)
	}
	past, now = then.Format("2006-01"), today.Format("2006-01")
	if n, err := d.app.deliveries.RewrapKeys(t.Context(), ring, now); n != 1 || err != nil {
		t.Fatalf("%d rows carried back: %v", n, err)
	}
	return kept.ID, past, now
}
