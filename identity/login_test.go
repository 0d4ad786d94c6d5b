package identity_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// means is a way of identifying that tests steer.
type means struct {
	method  string
	answers string // what Answer.Direct must be
	fails   error
	refuses string // a text it cannot have approved
}

func (m means) Method() string { return m.method }

func (m means) Approves(text string) bool { return text != m.refuses }

func (m means) Begin(_ context.Context, a identity.Ask) (identity.Challenge, error) {
	return identity.Challenge{Form: identity.FormWallet, Key: "key of " + a.Return, Saved: []byte("saved for " + a.Return)}, m.fails
}

func (m means) Finish(_ context.Context, saved []byte, a identity.Answer, at time.Time) (identity.Proof, error) {
	if string(saved) != "saved for https://bode.example/back" || string(a.Direct) != m.answers {
		return identity.Proof{}, errors.New("somebody else's")
	}
	return identity.Proof{Method: m.method, Provider: "p", Subject: "s", Family: "Peeters", Level: identity.LevelHigh, At: at}, m.fails
}

func errand() identity.NewLogin {
	return identity.NewLogin{Errand: "collect", Subject: "7", Session: "session of the face", Level: identity.LevelHigh,
		Methods: []string{"one", "two"}, Language: "nl", About: "to read", Back: "/c/x"}
}

func (b *bundle) open(n identity.NewLogin) (l identity.Login, id, secret string) {
	b.Helper()
	id, secret, err := b.OpenLogin(b.Context(), n)
	b.want(err, nil, "open")
	l, err = b.Login(b.Context(), id, secret)
	b.want(err, nil, "login")
	return l, id, secret
}

const back = "https://bode.example/back"

func TestLogin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	l, id, secret := b.open(errand())
	_, otherID, otherSecret := b.open(errand())
	if !l.Bound("session of the face") || l.Bound("another") || l.Bound("") || l.Errand != "collect" || l.Subject != "7" {
		t.Errorf("errand: %+v", l)
	}
	for what, x := range map[string][2]string{
		"no cookie": {id, ""}, "another browser's cookie": {id, otherSecret}, "cookie without id": {"", secret},
		"another errand": {otherID, secret}, "malformed": {"x", "y"},
	} {
		_, err := b.Login(ctx, x[0], x[1])
		b.want(err, identity.ErrLoginStale, what)
	}
	one := means{method: "one"}
	_, err := b.FinishLogin(ctx, l, one, identity.Answer{}, b.now())
	b.want(err, identity.ErrLoginStale, "nothing was begun")
	_, err = b.BeginLogin(ctx, l, means{method: "three"}, back)
	b.want(err, identity.ErrForbidden, "a means that does not serve")
	_, err = b.BeginLogin(ctx, l, means{method: "one", fails: identity.ErrLoginUnavailable}, back)
	b.want(err, identity.ErrLoginUnavailable, "provider is down")

	_, err = b.BeginLogin(ctx, l, one, back)
	b.want(err, nil, "begin")
	_, err = b.FinishLogin(ctx, l, means{method: "two"}, identity.Answer{}, b.now())
	b.want(err, identity.ErrLoginStale, "answered with another means")
	p, err := b.FinishLogin(ctx, l, one, identity.Answer{}, b.now())
	b.want(err, nil, "finish")
	if p.Family != "Peeters" || !p.At.Equal(b.now()) {
		t.Errorf("proof: %+v", p)
	}
	_, err = b.FinishLogin(ctx, l, one, identity.Answer{}, b.now())
	b.want(err, identity.ErrLoginStale, "replay")

	// Who failed may try again, until the errand is over.
	_, err = b.BeginLogin(ctx, l, means{method: "one"}, back)
	b.want(err, nil, "begin again")
	b.forward(10 * time.Minute)
	_, err = b.FinishLogin(ctx, l, one, identity.Answer{}, b.now())
	b.want(err, identity.ErrLoginStale, "too late for the challenge")
	_, err = b.Login(ctx, id, secret)
	b.want(err, nil, "the errand goes on")
	b.forward(50 * time.Minute)
	_, err = b.Login(ctx, id, secret)
	b.want(err, identity.ErrLoginStale, "too late for the errand")
	_, err = b.BeginLogin(ctx, l, one, back)
	b.want(err, identity.ErrLoginStale, "begin too late")
}

func TestLoginOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l, _, _ := b.open(errand())
	_, err := b.BeginLogin(t.Context(), l, means{method: "one"}, back)
	b.want(err, nil, "begin")
	var mu sync.Mutex
	var finished, ended int
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			_, err := b.FinishLogin(t.Context(), l, means{method: "one"}, identity.Answer{}, b.now())
			if err != nil && !errors.Is(err, identity.ErrLoginStale) {
				t.Error(err)
			}
			end := pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error { return b.EndLogin(t.Context(), tx, l) })
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				finished++
			}
			if end == nil {
				ended++
			}
		})
	}
	all.Wait()
	if finished != 1 || ended != 1 {
		t.Errorf("%d finished and %d ended, want one each", finished, ended)
	}
}

func TestLoginBeginnings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l, _, _ := b.open(errand())
	for range 20 {
		_, err := b.BeginLogin(t.Context(), l, means{method: "one"}, back)
		b.want(err, nil, "begin")
	}
	_, err := b.BeginLogin(t.Context(), l, means{method: "one"}, back)
	b.want(err, identity.ErrLoginStale, "the 21st time")
	if n := b.count(`SELECT count(*) FROM login_challenge`); n != 1 {
		t.Errorf("%d challenges wait, want the last", n)
	}
}

func TestMailbox(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	l, id, secret := b.open(errand())
	two := means{method: "two", answers: "from the wallet"}
	c, err := b.BeginLogin(ctx, l, two, back)
	b.want(err, nil, "begin")
	path := func(login string) string { return "/identify/" + login + "/back" }
	box := b.Mailbox(two, path)
	for what, key := range map[string]string{"unknown key": "guess", "no key": ""} {
		_, err := box.Saved(ctx, key)
		b.want(err, identity.ErrLoginStale, what)
		_, err = box.Deposit(ctx, key, []byte("x"))
		b.want(err, identity.ErrLoginStale, what)
	}
	_, err = b.Mailbox(means{method: "one"}, path).Deposit(ctx, c.Key, []byte("x"))
	b.want(err, identity.ErrLoginStale, "another means' mailbox")
	saved, err := box.Saved(ctx, c.Key)
	b.want(err, nil, "saved")
	if string(saved) != "saved for "+back {
		t.Errorf("saved %q", saved)
	}
	to, err := box.Deposit(ctx, c.Key, []byte(two.answers))
	b.want(err, nil, "deposit")
	if to != "/identify/"+id+"/back" {
		t.Errorf("goes on at %q", to)
	}
	_, err = box.Deposit(ctx, c.Key, []byte("from a stranger"))
	b.want(err, identity.ErrLoginStale, "a second answer")
	if l, err = b.Login(ctx, id, secret); err != nil || !l.Answered || l.Method != "two" {
		t.Errorf("errand: %+v, %v", l, err)
	}
	// What a face claims to have come the other way is not believed.
	_, err = b.FinishLogin(ctx, l, two, identity.Answer{Direct: []byte("forged")}, b.now())
	b.want(err, nil, "finish")
	if n := b.count(`SELECT count(*) FROM login_challenge`); n != 0 {
		t.Errorf("%d challenges are left", n)
	}
	var row string
	l, _, _ = b.open(errand())
	if _, err := b.BeginLogin(ctx, l, two, back); err != nil {
		t.Fatal(err)
	}
	if err := b.pool.QueryRow(ctx, `SELECT c::text || encode(c.saved, 'escape') FROM login_challenge c`).Scan(&row); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(row, "saved for") || strings.Contains(row, "key of") {
		t.Error("a secret stands in the row")
	}
}

func TestLoginApproval(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := errand()
	n.Approve = "I let Els send."
	l, _, _ := b.open(n)
	_, err := b.BeginLogin(t.Context(), l, means{method: "one", refuses: n.Approve}, back)
	b.want(err, identity.ErrForbidden, "a means that cannot show this text")
	_, err = b.BeginLogin(t.Context(), l, struct{ identity.Means }{means{method: "one"}}, back)
	b.want(err, identity.ErrForbidden, "a means that approves nothing")
	_, err = b.BeginLogin(t.Context(), l, means{method: "one"}, back)
	b.want(err, nil, "begin")
	p, err := b.FinishLogin(t.Context(), l, means{method: "one"}, identity.Answer{}, b.now())
	b.want(err, nil, "finish")
	if p.Approved != n.Approve {
		t.Errorf("approved %q", p.Approved)
	}
	for what, change := range map[string]func(*identity.NewLogin){
		"no session":      func(n *identity.NewLogin) { n.Session = "" },
		"language":        func(n *identity.NewLogin) { n.Language = "xx" },
		"too long a text": func(n *identity.NewLogin) { n.Approve = strings.Repeat("x", 7501) },
	} {
		n := errand()
		change(&n)
		_, _, err := b.OpenLogin(t.Context(), n)
		b.want(err, identity.ErrInvalid, what)
	}
	n = errand()
	n.Back = "//evil.example"
	if _, _, err := b.OpenLogin(t.Context(), n); err == nil {
		t.Error("an errand may lead to another host")
	}
}
