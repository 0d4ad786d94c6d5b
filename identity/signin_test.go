package identity_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token, s, err := b.signIn(" AN", password, "ignored")
	if err != nil {
		t.Fatal(err)
	}
	if s.Person != b.admin || s.Account != b.account || s.Role != identity.Administrator || s.Method != identity.MethodPassword || s.Language != "fr" || s.AccountName != "Acme nv" {
		t.Errorf("session %+v", s)
	}
	a := s.Actor(ip, agent)
	if a.Kind != identity.ActorPerson || a.Level != identity.LevelNone || a.Given != "An" || a.IP != ip {
		t.Errorf("actor %+v", a)
	}
	for name, c := range map[string][2]string{
		"wrong password":   {"an", "zeven zwarte zwane"},
		"other case":       {"an", strings.ToUpper(password)},
		"no password":      {"an", ""},
		"unknown login":    {"els", password},
		"no login":         {"", password},
		"login with nul":   {"an\x00", password},
		"not UTF-8":        {"an\xff", password},
		"injection":        {"' OR '1'='1", password},
		"huge login":       {strings.Repeat("a", 1<<20), password},
		"huge password":    {"an", strings.Repeat("a", 1<<20)},
		"password and nul": {"an", password + "\x00"},
		"wildcard":         {"a%", password},
	} {
		b.forward(20 * time.Minute)
		_, _, err := b.signIn(c[0], c[1], "")
		b.want(err, identity.ErrSignIn, name)
	}
	if _, err := b.Session(t.Context(), token); !errors.Is(err, identity.ErrSessionOver) {
		t.Errorf("session after hours without use: %v", err)
	}
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret, recovery := b.enrol(b.admin)
	in := func(code string) (identity.Session, error) {
		_, s, err := b.signIn("an", password, code)
		return s, err
	}
	code := b.code(secret)
	s, err := in(code[:3] + " " + code[3:])
	b.want(err, nil, "right code")
	if s.Method != identity.MethodTOTP {
		t.Errorf("method %s", s.Method)
	}
	_, err = in(code)
	b.want(err, identity.ErrSignIn, "same step again")
	b.forward(time.Minute)
	_, err = in(code)
	b.want(err, identity.ErrSignIn, "old step")
	for _, bad := range []string{"", "000000x", "1", strings.Repeat("9", 1000), "aaaa-bbbb-cccc-dddd", "\xff"} {
		b.forward(25 * time.Hour)
		_, err = in(bad)
		b.want(err, identity.ErrSignIn, fmt.Sprintf("code %.10q", bad))
	}
	b.forward(25 * time.Hour)
	_, _, err = b.signIn("an", "wrong "+password, b.code(secret))
	b.want(err, identity.ErrSignIn, "right code, wrong password")
	_, err = in(b.code(secret))
	b.want(err, nil, "the code was not used up by a wrong password")

	s, err = in(" " + strings.ToUpper(strings.ReplaceAll(recovery[3], "-", " ")))
	b.want(err, nil, "recovery code")
	if s.Method != identity.MethodRecovery || s.Actor(ip, agent).Level != identity.LevelNone {
		t.Errorf("recovery session %+v", s)
	}
	_, err = in(recovery[3])
	b.want(err, identity.ErrSignIn, "recovery code again")
	fresh := must(b.RenewRecovery(t.Context(), b.actor(b.admin), b.admin))(t)
	_, err = in(recovery[4])
	b.want(err, identity.ErrSignIn, "replaced recovery code")
	_, err = in(fresh[0])
	b.want(err, nil, "fresh recovery code")
	// A step before and after are tolerated, two are not.
	b.forward(2 * time.Hour)
	early := b.code(secret)
	b.forward(-60 * time.Second)
	_, err = in(early)
	b.want(err, identity.ErrSignIn, "two steps early")
	b.forward(30 * time.Second)
	_, err = in(early)
	b.want(err, nil, "one step early")
}

func TestConfirmFactor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	els := b.add("els", identity.Sender)
	by := b.actor(b.admin)
	_, err := b.EnrolFactor(t.Context(), by, els, "Bode")
	b.want(err, identity.ErrForbidden, "factor of somebody else")
	_, err = b.ConfirmFactor(t.Context(), by, els, "123456")
	b.want(err, identity.ErrForbidden, "confirming for somebody else")
	_, err = b.ConfirmFactor(t.Context(), identity.System, b.admin, "123456")
	b.want(err, identity.ErrCode, "nothing enrolled")
	f := must(b.EnrolFactor(t.Context(), by, b.admin, "Bode"))(t)
	if !strings.HasPrefix(f.URL, "otpauth://totp/Bode:an?") || !strings.Contains(f.URL, "secret="+f.Secret) {
		t.Errorf("URL %s", f.URL)
	}
	_, err = b.ConfirmFactor(t.Context(), identity.System, b.admin, "12345")
	b.want(err, identity.ErrCode, "wrong code")
	_, _, err = b.signIn("an", password, "")
	b.want(err, nil, "unconfirmed factor is not asked for")
	codes, err := b.ConfirmFactor(t.Context(), identity.System, b.admin, b.code(f.Secret))
	b.want(err, nil, "confirm")
	if len(codes) != 10 {
		t.Errorf("%d recovery codes", len(codes))
	}
	_, _, err = b.signIn("an", password, b.code(f.Secret))
	b.want(err, identity.ErrSignIn, "the step that confirmed")
	for range 8 {
		b.ConfirmFactor(t.Context(), identity.System, b.admin, "000000")
	}
	_, err = b.ConfirmFactor(t.Context(), identity.System, b.admin, "000000")
	b.want(err, identity.ErrLocked, "guessing")
}

// One code, sixteen sign-ins at once: one session.
func TestParallelCode(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"step", "recovery"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			secret, recovery := b.enrol(b.admin)
			code := b.code(secret)
			if kind == "recovery" {
				code = recovery[0]
			}
			ok := b.storm(func(int) error {
				_, _, err := b.signIn("an", password, code)
				return err
			})
			if n := b.count(`SELECT count(*) FROM session`); ok != 1 || n != 1 {
				t.Errorf("%d succeeded, %d sessions", ok, n)
			}
		})
	}
}

func (b *bundle) storm(f func(int) error) (ok int) {
	begin := make(chan struct{})
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			<-begin
			err := f(i)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				ok++
			}
		})
	}
	close(begin)
	wg.Wait()
	return ok
}

func TestLockOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, login := range []string{"an", "nobody"} { // a login that exists or not: the same answers
		for i := range 6 {
			_, _, err := b.signIn(login, "wrong", "")
			b.want(err, identity.ErrSignIn, fmt.Sprintf("%s, try %d", login, i))
		}
		_, _, err := b.signIn(login, password, "")
		b.want(err, identity.ErrLocked, login+", seventh try at once, right password")
		if l, ok := errors.AsType[*identity.Locked](err); !ok || !l.Until.Equal(b.now().Add(time.Second)) {
			t.Errorf("%s: %v", login, err)
		}
	}
	b.forward(time.Second)
	_, _, err := b.signIn("an", "wrong", "")
	b.want(err, identity.ErrSignIn, "after the pause")
	b.forward(time.Second)
	_, _, err = b.signIn("an", password, "")
	b.want(err, identity.ErrLocked, "the pause doubled")
	// Somebody else's attack is not mine: from another address it opens.
	_, _, err = b.SignIn(t.Context(), "an", password, "", "198.51.100.1", agent, "")
	b.want(err, nil, "from another address")
	b.forward(25 * time.Hour)
	for i := range 5 {
		_, _, err = b.signIn("an", "wrong", "")
		b.want(err, identity.ErrSignIn, fmt.Sprintf("a day later, try %d", i))
	}
	_, _, err = b.signIn("an", password, "")
	b.want(err, nil, "a day later")
	for range 6 { // success forgave
		_, _, err = b.signIn("an", "wrong", "")
		b.want(err, identity.ErrSignIn, "after success")
	}
}

// Many addresses on one login, and one address on many logins.
func TestLockOutSpread(t *testing.T) {
	t.Parallel()
	b := setup(t)
	locked := 0
	for i := range 60 {
		_, _, err := b.SignIn(t.Context(), "an", "wrong", "", fmt.Sprintf("198.51.100.%d", i), agent, "")
		if errors.Is(err, identity.ErrLocked) {
			locked++
		}
	}
	if locked < 30 {
		t.Errorf("60 addresses on one login: %d refused unseen", locked)
	}
	b.forward(5*time.Minute + time.Second) // strangers slow the owner down by five minutes at most
	_, _, err := b.signIn("an", password, "")
	b.want(err, nil, "the owner, five minutes later")
	locked = 0
	for i := range 100 {
		_, _, err := b.SignIn(t.Context(), fmt.Sprintf("login%d", i), "wrong", "", fmt.Sprintf("2001:db8:1:2::%x", i), agent, "")
		if errors.Is(err, identity.ErrLocked) {
			locked++
		}
	}
	if locked < 30 {
		t.Errorf("one network on 100 logins: %d refused unseen", locked)
	}
}

// Guessing in parallel is counted as surely as in a row.
func TestLockOutParallel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var mu sync.Mutex
	seen := 0
	b.storm(func(int) error {
		_, _, err := b.signIn("an", "wrong", "")
		mu.Lock()
		defer mu.Unlock()
		if errors.Is(err, identity.ErrSignIn) {
			seen++
		}
		return err
	})
	if seen != 6 {
		t.Errorf("%d of 16 passwords were looked at, want 6", seen)
	}
}

func TestFactorGuessing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret, _ := b.enrol(b.admin)
	for i := range 8 {
		_, _, err := b.SignIn(t.Context(), "an", password, "000000", fmt.Sprintf("198.51.100.%d", i), agent, "")
		b.want(err, identity.ErrSignIn, "guess")
	}
	// Now even the right code is refused, and with the answer of a wrong password.
	_, _, err := b.signIn("an", password, b.code(secret))
	b.want(err, identity.ErrSignIn, "right code while guessed at")
	b.forward(time.Hour + time.Second)
	_, _, err = b.signIn("an", password, b.code(secret))
	b.want(err, nil, "right code an hour later")
}

// The same number of hashes and the same writes whoever it is.
func TestUnknownLoginLooksAlike(t *testing.T) {
	t.Parallel()
	b := setup(t)
	work := func(login string) [2]int64 {
		before, rows := b.Hashes(), b.count(`SELECT count(*) FROM access_log`)
		_, _, err := b.signIn(login, "wrong", "")
		b.want(err, identity.ErrSignIn, login)
		return [2]int64{b.Hashes() - before, int64(b.count(`SELECT count(*) FROM access_log`) - rows)}
	}
	if known, unknown := work("an"), work("nobody"); known != unknown || known != [2]int64{1, 1} {
		t.Errorf("hashes and rows: known %v, unknown %v", known, unknown)
	}
	if n := b.count(`SELECT count(*) FROM attempt_limit l WHERE l::text LIKE '%nobody%'`); n != 0 {
		t.Error("a typed login stands in the clear")
	}
}

func TestBusy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	release := b.HoldHashing()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := b.SignIn(context.WithoutCancel(t.Context()), "nobody", "x", "", "not an address", "", "")
	b.want(err, identity.ErrBusy, "queue is full")
	release()
	_, _, err = b.SignIn(ctx, "an", password, "", ip, agent, "")
	b.want(err, context.Canceled, "caller gave up")
	_, _, err = b.signIn("an", password, "")
	b.want(err, nil, "afterwards")
}

func TestRehash(t *testing.T) {
	t.Parallel()
	b := setup(t)
	better := cheap()
	better.Time = 2
	s := must(identity.New(identity.Config{Pool: b.pool, Box: b.box, DigestKey: make([]byte, 32), Now: b.now, Password: better}))(t)
	if _, _, err := s.SignIn(t.Context(), "an", password, "", ip, agent, ""); err != nil {
		t.Fatal(err)
	}
	if n := b.count(`SELECT count(*) FROM person WHERE password_hash LIKE '$argon2id$v=19$m=64,t=2,p=1$%'`); n != 1 {
		t.Error("not hashed again at the new cost")
	}
	_, _, err := b.signIn("an", password, "")
	b.want(err, nil, "with the new hash")
	for _, phc := range []string{"$argon2id$", "$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAA$AA", "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAA$", "$argon2id$v=18$m=64,t=1,p=1$AAAAAAAAAAA$AA"} {
		if _, err := b.pool.Exec(t.Context(), `UPDATE person SET password_hash = $1`, phc); err != nil {
			t.Fatal(err)
		}
		_, _, err := b.signIn("an", "", "")
		b.want(err, identity.ErrSignIn, phc)
	}
}
