package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify/notifytest"
)

// A link to choose a new password reaches who asked, leads to our page, and is
// not used up by opening it; nobody gets one for a login that does not exist.
func TestResetReaches(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	_, _, err := w.identity.CreateAccount(ctx, identity.NewAccount{Kind: identity.Private, Country: "BE"},
		identity.NewPerson{Given: "Noor", Family: "Janssens", Login: "noor", Email: "noor@post.example", Mobile: "+32471000001", Language: "fr", Password: "zeven zwarte zwanen"})
	if err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"nobody", "noor"} {
		if err := w.identity.AskReset(ctx, login, "192.0.2.7"); err != nil {
			t.Fatal(err)
		}
	}
	all, err := w.stands.catcher.Wait(ctx, 1, func(m notifytest.Message) bool { return m.Kind == "password_reset" })
	if err != nil {
		t.Fatal(err)
	}
	link := anyLink.FindString(all[0].Text)
	if all[0].To != "noor@post.example" || !strings.HasPrefix(link, w.base+"/portal/reset/") || !strings.Contains(all[0].Text, "mot de passe") {
		t.Fatalf("to %s:\n%s", all[0].To, all[0].Text)
	}
	for range 2 {
		resp, err := http.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("the page answers %s with referrer policy %q", resp.Status, resp.Header.Get("Referrer-Policy"))
		}
	}
	for {
		var open, stale int
		err := w.pool.QueryRow(ctx, `SELECT count(*) FILTER (WHERE closed_at IS NULL), count(*) FILTER (WHERE outcome = 'stale') FROM notice`).Scan(&open, &stale)
		if err != nil {
			t.Fatal(err)
		}
		if open == 0 {
			if stale != 1 {
				t.Errorf("%d notices closed unsent, want that of nobody", stale)
			}
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%d notices still open", open)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
