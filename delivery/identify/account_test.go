package identify_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp/totp"

	"github.com/bode-erds/bode/identity"
)

// holder is an account holder signed in with an authenticator.
type holder struct {
	r                      *rig
	account, person, token string
}

const password = "vier zwarte katten op het dak"

func (r *rig) holder() *holder {
	r.t.Helper()
	ctx := r.t.Context()
	h := &holder{r: r}
	var err error
	h.account, h.person, err = r.people.CreateAccount(ctx, identity.NewAccount{Kind: identity.Private, Country: "BE"},
		identity.NewPerson{Given: "Lotte", Family: "Peeters", Login: "lotte", Email: "lotte@example.be", Mobile: "+32470111111", Language: "nl", Password: password})
	r.must(err)
	f, err := r.people.EnrolFactor(ctx, identity.System, h.person, "Bode")
	r.must(err)
	code := func() string {
		r.pass(30 * time.Second)
		c, err := totp.GenerateCode(f.Secret, r.now())
		r.must(err)
		return c
	}
	_, err = r.people.ConfirmFactor(ctx, identity.System, h.person, code())
	r.must(err)
	h.token, _, err = r.people.SignIn(ctx, "lotte", password, code(), "192.0.2.1", "test", "nl")
	r.must(err)
	return h
}

// known binds the holder to an identification of a level.
func (h *holder) known(level identity.Level) (record string) {
	h.r.t.Helper()
	ctx := h.r.t.Context()
	h.r.must(pgx.BeginFunc(ctx, h.r.pool, func(tx pgx.Tx) error {
		kept, err := h.r.people.SaveIdentification(ctx, tx, identity.Proof{Method: identity.MethodItsme, Provider: "https://idp.example", Subject: "s",
			Given: "Lotte", Family: "Peeters", BirthDate: "1985-07-30", NationalNumber: secretNumber, Level: level, At: h.r.now(), Token: []byte("t")},
			identity.Occasion{Purpose: identity.SenderProofing, Person: h.person})
		record = kept.Record
		return err
	}))
	h.r.must(h.r.people.BindIdentification(ctx, identity.System, h.person, record))
	return record
}

// by makes the session one of a method, as if that had been shown just now.
func (h *holder) by(method string) {
	h.r.t.Helper()
	_, err := h.r.pool.Exec(h.r.t.Context(), `UPDATE session SET method = $2, proven_at = $3::timestamptz, seen_at = $3::timestamptz, expires_at = $3::timestamptz + interval '15 minutes' WHERE person_id = $1`, h.person, method, h.r.now())
	h.r.must(err)
}

func (h *holder) browser() *browser {
	return h.r.browser().steal([]*http.Cookie{{Name: "bode_session", Value: h.token, Path: "/"}})
}

const goOn = "Ga verder als Lotte Peeters"

// Who is signed in with a passkey, and is known at level high, need not identify
// elsewhere.
func TestAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.holder()
	record := h.known(identity.LevelHigh)
	h.by(identity.MethodPasskey)
	b := h.browser()
	b.asked()
	b.shows(goOn).submit("/account", nil).want(http.StatusOK, "/taken")
	if len(r.proofs()) != 1 {
		t.Fatalf("proofs %v", r.proofs())
	}
	p := r.proofs()[0]
	var cited map[string]string
	if err := json.Unmarshal(p.Token, &cited); err != nil || cited["identification"] != record || cited["person"] != h.person || cited["method"] != "itsme" {
		t.Errorf("cites %v (%v), want record %s", cited, err, record)
	}
	if p.Method != identity.MethodPasskey || p.Provider != "bode" || p.Subject != h.person || p.NationalNumber != secretNumber || p.BirthDate != "1985-07-30" ||
		p.Level != identity.LevelHigh || p.Family != "Peeters" || r.now().Sub(p.At) > time.Minute {
		t.Errorf("proof %+v", p)
	}
	if strings.Contains(string(p.Token), secretNumber) || strings.Contains(r.log.String(), secretNumber) {
		t.Error("national number in the clear")
	}
}

// Never weaker than what is asked, and never of somebody who was not proven.
func TestAccountThatDoesNotServe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.holder()
	b := h.browser()
	refused := func(what string) {
		t.Helper()
		at := b.asked()
		b.hides(goOn)
		if b.post(at+"/account", nil); b.status != http.StatusForbidden {
			t.Errorf("%s: %d", what, b.status)
		}
	}
	h.by(identity.MethodPasskey)
	refused("nobody was ever identified")
	h.known(identity.LevelSubstantial)
	refused("a passkey of somebody known as substantial, for a recipient")
	r.asks(func(n *identity.NewLogin) { n.Level = identity.LevelNone })
	refused("the same where any level does")
	r.asks(func(n *identity.NewLogin) { n.Level = identity.LevelHigh })
	h.known(identity.LevelHigh)
	for _, method := range []string{identity.MethodTOTP, identity.MethodPassword, identity.MethodRecovery} {
		h.by(method)
		refused(method)
	}
	h.by(identity.MethodPasskey)
	r.asks(func(n *identity.NewLogin) { n.Methods = []string{"itsme"} })
	refused("a means that the sender does not allow")
	r.asks(func(n *identity.NewLogin) { n.Methods, n.Approve = nil, "Ik geef volmacht." })
	refused("a text to approve")
	r.asks(func(n *identity.NewLogin) { n.Approve, n.Errand = "", "bind" })
	refused("to prove the account by itself")
	r.asks(func(n *identity.NewLogin) { n.Errand = "collect" })
	b.asked()
	b.shows(goOn)
	action, _ := b.form("/account")
	thief := r.browser().steal(b.cookies("bode_errand_"))
	if thief.post(action, nil); thief.status != http.StatusForbidden {
		t.Errorf("without the session: %d", thief.status)
	}
	if thief.steal(h.browser().cookies("bode_session")).post(action, nil); thief.status != http.StatusConflict {
		t.Errorf("not the session that asked: %d", thief.status)
	}
	// More than five minutes ago: the factors have to be shown again.
	r.pass(5*time.Minute + time.Second)
	b.post(action, nil).want(http.StatusOK, "").shows("al langer dan vijf minuten").hides(goOn)
	r.must(r.people.SignOut(t.Context(), h.token))
	if b.post(action, nil); b.status != http.StatusForbidden {
		t.Errorf("signed out: %d", b.status)
	}
	if len(r.proofs()) != 0 {
		t.Errorf("proofs %v", r.proofs())
	}
}
