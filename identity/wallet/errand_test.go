package wallet

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/wallettest"
	"github.com/bode-erds/bode/migrations/pgtest"
)

// office is a verifier whose mailbox is the real one.
type office struct {
	*rig
	pool    *pgxpool.Pool
	service *identity.Service
	login   identity.Login
}

func newOffice(t *testing.T) *office {
	t.Helper()
	seal, err := identity.NewBox(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	o := &office{pool: pgtest.New(t)}
	o.service, err = identity.New(identity.Config{Pool: o.pool, Box: seal, DigestKey: bytes.Repeat([]byte{2}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	var handler atomic.Pointer[http.Handler]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*handler.Load()).ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	o.rig = newRig(t, func(c *Config) { c.Origin = server.URL })
	h := o.means.Receive(o.service.Mailbox(o.means, func(login string) string { return "/identify/" + login + "/back" }))
	handler.Store(&h)
	o.login = o.errand(t)
	return o
}

func (o *office) errand(t *testing.T) identity.Login {
	t.Helper()
	id, secret, err := o.service.OpenLogin(t.Context(), identity.NewLogin{Errand: "collect", Session: "s", Level: identity.LevelHigh, Language: "nl", Back: "/"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := o.service.Login(t.Context(), id, secret)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// presented begins and lets a wallet answer.
func (o *office) presented(t *testing.T, l identity.Login, w *wallettest.Wallet) (redirect string) {
	t.Helper()
	c, err := o.service.BeginLogin(t.Context(), l, o.means, "https://bode.example/back")
	if err != nil {
		t.Fatal(err)
	}
	_, redirect = o.present(t, c, w)
	if !strings.Contains(redirect, "/identify/"+l.ID+"/back?response_code=") {
		t.Fatalf("redirected to %s", redirect)
	}
	return redirect
}

// From the link to the record, with everything in between kept in PostgreSQL: of
// any number of POSTs of the redirected browser one identifies.
func TestErrand(t *testing.T) {
	t.Parallel()
	for _, format := range formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			_, _, values := cut(o.presented(t, o.login, o.wallet(format, "")))
			var done sync.WaitGroup
			proofs := make(chan identity.Proof, 8)
			for range 8 {
				done.Go(func() {
					p, err := o.service.FinishLogin(t.Context(), o.login, o.means, identity.Answer{Values: values}, time.Now())
					if err == nil {
						proofs <- p
					} else if !errors.Is(err, identity.ErrLoginStale) {
						t.Error(err)
					}
				})
			}
			done.Wait()
			close(proofs)
			if len(proofs) != 1 {
				t.Fatalf("%d of 8 identified", len(proofs))
			}
			o.save(t, <-proofs)
		})
	}
}

// save keeps a proof and opens it again, as an auditor does.
func (o *office) save(t *testing.T, p identity.Proof) {
	t.Helper()
	var i identity.Identification
	err := pgx.BeginFunc(t.Context(), o.pool, func(tx pgx.Tx) (err error) {
		i, err = o.service.SaveIdentification(t.Context(), tx, p, identity.Occasion{Purpose: identity.RecipientProofing})
		return err
	})
	if err != nil || i.Level != identity.LevelHigh {
		t.Fatalf("level %q, %v", i.Level, err)
	}
	kept, err := o.service.OpenIdentification(t.Context(), identity.System, i.Record, "audit")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := o.means.Reverify(kept.Token, kept.At); err != nil || again.Family != "Peeters" || again.Subject != kept.Subject {
		t.Errorf("verified again: %+v, %v", again, err)
	}
}

// The first answer stays, and one browser's errand is not another's.
func TestErrandOfAnother(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	other := o.errand(t)
	_, _, mine := cut(o.presented(t, o.login, o.wallet(wallettest.FormatSDJWT, "")))
	_, _, theirs := cut(o.presented(t, other, o.wallet(wallettest.FormatMDoc, "")))
	if p, err := o.service.FinishLogin(t.Context(), o.login, o.means, identity.Answer{Values: theirs}, time.Now()); !errors.Is(err, identity.ErrLoginStale) {
		t.Errorf("with the code of another: %+v, %v", p, err)
	}
	if p, err := o.service.FinishLogin(t.Context(), o.login, o.means, identity.Answer{Values: mine}, time.Now()); !errors.Is(err, identity.ErrLoginStale) {
		t.Errorf("after a wrong code: %+v, %v", p, err)
	}
	if _, err := o.service.FinishLogin(t.Context(), other, o.means, identity.Answer{Values: theirs}, time.Now()); err != nil {
		t.Errorf("the other: %v", err)
	}
}
