package identity_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
)

// Proving again makes the session fresh, under a new token, and nothing else does.
func TestProveAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret, recovery := b.enrol(b.admin)
	els := b.add("els", identity.Sender)
	elsSecret, _ := b.enrol(els)
	weak, _, err := b.signIn("els", password, b.code(elsSecret))
	b.want(err, nil, "els signs in")
	b.forward(31 * time.Second)
	old, _, err := b.signIn("an", password, b.code(secret))
	b.want(err, nil, "sign in")
	b.forward(6 * time.Minute)
	again := func(token, pw, code string) (string, error) {
		fresh, _, err := b.ProveAgain(t.Context(), token, pw, code, ip, agent)
		return fresh, err
	}
	for name, c := range map[string][3]string{
		"wrong password":        {old, "zeven zwarte zwane", b.code(secret)},
		"no code":               {old, password, ""},
		"wrong code":            {old, password, "000000"},
		"recovery code":         {old, password, recovery[0]},
		"code of somebody else": {old, password, b.code(elsSecret)},
	} {
		_, err := again(c[0], c[1], c[2])
		b.want(err, identity.ErrSignIn, name)
		if s, err := b.Session(t.Context(), old); err != nil || s.Fresh(b.now(), identity.FreshFor) {
			t.Errorf("%s: session became fresh: %v", name, err)
		}
	}
	_, err = again("", password, b.code(secret))
	b.want(err, identity.ErrSessionOver, "no session")
	_, err = again(weak, password, b.code(secret))
	b.want(err, identity.ErrSignIn, "session of somebody else")
	var fresh string
	code := b.code(secret)
	b.forward(16 * time.Second)
	if ok := b.storm(func(int) error {
		token, err := again(old, password, code)
		if err == nil {
			fresh = token
		}
		return err
	}); ok != 1 {
		t.Fatalf("%d of 16 used one code", ok)
	}
	s, err := b.Session(t.Context(), fresh)
	if err != nil || !s.Fresh(b.now(), 0) || !s.Strong() || s.Person != b.admin {
		t.Errorf("session %+v, %v", s, err)
	}
	_, err = b.Session(t.Context(), old)
	b.want(err, identity.ErrSessionOver, "token of before")
	if n := b.count(`SELECT count(*) FROM access_log WHERE action = 'proof_refused' AND person_id = $1`, b.admin); n < 5 {
		t.Errorf("%d refusals in the log", n)
	}
}

// A thief of a session guesses a few times, and stops nobody else.
func TestProveAgainGuessing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret, _ := b.enrol(b.admin)
	stolen, _, err := b.signIn("an", password, b.code(secret))
	b.want(err, nil, "sign in")
	b.forward(31 * time.Second)
	own, _, err := b.signIn("an", password, b.code(secret))
	b.want(err, nil, "sign in elsewhere")
	b.forward(31 * time.Second)
	for i := range 6 {
		_, _, err := b.ProveAgain(t.Context(), stolen, "wrong", "000000", ip, agent)
		b.want(err, identity.ErrSignIn, fmt.Sprintf("guess %d", i))
	}
	_, _, err = b.ProveAgain(t.Context(), stolen, password, b.code(secret), ip, agent)
	b.want(err, identity.ErrLocked, "seventh guess")
	_, _, err = b.ProveAgain(t.Context(), own, password, b.code(secret), ip, agent)
	b.want(err, nil, "the owner's own session")
}

// Somebody without a factor cannot become strong by proving a password again.
func TestProveAgainWithoutFactor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token, s, err := b.signIn("an", password, "")
	b.want(err, nil, "sign in")
	if s.Strong() {
		t.Error("a password alone is strong")
	}
	_, _, err = b.ProveAgain(t.Context(), token, password, "", ip, agent)
	b.want(err, identity.ErrSignIn, "password alone")
}

// Who may change factors: each way of having signed in, fresh and stale.
func TestMayChangeFactors(t *testing.T) {
	t.Parallel()
	b := setup(t)
	els := b.add("els", identity.Sender)
	b.enrol(els)
	enrol := func(person, method string, ago time.Duration) error {
		by := b.actor(person)
		by.Method, by.ProvenAt = method, b.now().Add(-ago)
		_, err := b.EnrolFactor(b.Context(), by, person, "Bode")
		return err
	}
	for _, c := range []struct {
		person, method string
		ago            time.Duration
		want           error
	}{
		{els, identity.MethodTOTP, 5 * time.Minute, nil},
		{els, identity.MethodTOTP, 5*time.Minute + 1, identity.ErrNotFresh},
		{els, identity.MethodPasskey, 5*time.Minute + 1, identity.ErrNotFresh},
		{els, identity.MethodRecovery, 30 * time.Minute, nil},
		{els, identity.MethodRecovery, 30*time.Minute + 1, identity.ErrNotFresh},
		{els, identity.MethodReproofed, 30*time.Minute + 1, identity.ErrNotFresh},
		{els, identity.MethodPassword, 0, identity.ErrForbidden}, // has a factor: that is what to show
		{b.admin, identity.MethodPassword, 0, nil},
		{b.admin, identity.MethodPassword, 31 * time.Minute, identity.ErrNotFresh},
		{b.admin, "", 0, identity.ErrForbidden},
		{b.admin, "api-key", 0, identity.ErrForbidden},
	} {
		b.want(enrol(c.person, c.method, c.ago), c.want, fmt.Sprintf("%s, %v ago", c.method, c.ago))
	}
	stale := b.actor(els)
	stale.ProvenAt = b.now().Add(-6 * time.Minute)
	_, err := b.RenewRecovery(t.Context(), stale, els)
	b.want(err, identity.ErrNotFresh, "recovery codes")
	b.want(b.RemoveAuthenticator(t.Context(), stale), identity.ErrNotFresh, "removing")
	b.want(b.RemoveAuthenticator(t.Context(), b.actor(els)), identity.ErrLastFactor, "removing the only factor")
	b.want(b.RemoveAuthenticator(t.Context(), b.actor(b.admin)), identity.ErrNotFound, "removing none")
	if n := b.count(`SELECT count(*) FROM person WHERE id = $1 AND totp_secret IS NOT NULL`, els); n != 1 {
		t.Error("the authenticator is gone")
	}
}

// Enrolling makes a session strong under a new token, and ends the others of
// somebody who had lost a factor.
func TestConfirmOwnFactor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret, recovery := b.enrol(b.admin)
	other, _, err := b.signIn("an", password, b.code(secret))
	b.want(err, nil, "sign in")
	token, s, err := b.signIn("an", password, recovery[0])
	b.want(err, nil, "sign in with a recovery code")
	if s.Strong() {
		t.Error("a recovery code is strong")
	}
	by := s.Actor(ip, agent)
	_, err = b.ConfirmOwnFactor(t.Context(), by, token, "123456")
	b.want(err, identity.ErrCode, "nothing enrolled")
	f := must(b.EnrolFactor(t.Context(), by, b.admin, "Bode"))(t)
	if again := must(b.PendingFactor(t.Context(), by, "Bode"))(t); again != f {
		t.Errorf("shown again: %+v", again)
	}
	_, err = b.ConfirmOwnFactor(t.Context(), b.actor(b.add("els", identity.Sender)), token, b.code(f.Secret))
	b.want(err, identity.ErrCode, "for somebody else")
	_, err = b.ConfirmOwnFactor(t.Context(), by, token, b.code(secret))
	b.want(err, identity.ErrCode, "code of the old authenticator")
	added, err := b.ConfirmOwnFactor(t.Context(), by, token, b.code(f.Secret))
	b.want(err, nil, "confirm")
	if len(added.Recovery) != 10 || added.Token == "" || added.Token == token {
		t.Errorf("added %+v", added)
	}
	if s, err := b.Session(t.Context(), added.Token); err != nil || !s.Strong() {
		t.Errorf("session %+v, %v", s, err)
	}
	for name, gone := range map[string]string{"the token of before": token, "another session": other} {
		_, err = b.Session(t.Context(), gone)
		b.want(err, identity.ErrSessionOver, name)
	}
	_, err = b.PendingFactor(t.Context(), b.actor(b.admin), "Bode")
	b.want(err, identity.ErrNotFound, "nothing waits any more")
	b.forward(31 * time.Second)
	_, _, err = b.signIn("an", password, recovery[1])
	b.want(err, identity.ErrSignIn, "recovery code of before")
}

// A known device is not slowed down by strangers, and proves nothing.
func TestKnownDevice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := func(device, login, pw, from string) error {
		_, _, err := b.SignInOn(t.Context(), device, login, pw, "", from, agent, "")
		return err
	}
	known, other := b.KnownDevice("AN"), b.KnownDevice("els")
	lock := func() {
		for i := range 60 {
			in("", "an", "wrong", fmt.Sprintf("198.51.100.%d", i))
		}
	}
	lock()
	b.want(in("", "an", password, "203.0.113.1"), identity.ErrLocked, "unknown device")
	b.want(in(known, "an", password, "203.0.113.1"), nil, "known device")
	lock()
	broken := []byte(known)
	broken[20] ^= 1
	for name, device := range map[string]string{"device of another login": other, "altered": string(broken), "rubbish": "x", "cut": known[:40]} {
		b.want(in(device, "an", password, "203.0.113.2"), identity.ErrLocked, name)
	}
	b.want(in(known, "an", "wrong", "203.0.113.3"), identity.ErrSignIn, "known device, wrong password")
	// A stolen cookie gives a few guesses, then counts as none.
	lock()
	for range 5 {
		in(known, "an", "wrong", "203.0.113.4")
	}
	b.want(in(known, "an", password, "203.0.113.4"), identity.ErrLocked, "guessing on a known device")
	b.forward(identity.DeviceLife)
	lock()
	b.want(in(known, "an", password, "203.0.113.5"), identity.ErrLocked, "a device of half a year ago")
}
