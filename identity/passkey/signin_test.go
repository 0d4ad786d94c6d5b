package passkey_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/passkey"
)

func storm(f func() error) (ok int) {
	begin := make(chan struct{})
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			<-begin
			err := f()
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

func TestSignIn(t *testing.T) {
	t.Parallel()
	r := setup(t)
	d := r.registered()
	token, s, err := r.enter(d, "browser one")
	r.must(err)
	if s.Person != r.person || s.Method != identity.MethodPasskey || !s.Strong() || s.Language != "fr" || token == r.token {
		t.Errorf("session %+v", s)
	}
	if n := r.count(`SELECT count(*) FROM webauthn_credential WHERE used_at IS NOT NULL AND (credential #>> '{authenticator,signCount}')::int = 1`); n != 1 {
		t.Error("the passkey was not kept as it is now")
	}
	if n := r.count(`SELECT count(*) FROM webauthn_ceremony`); n != 0 {
		t.Errorf("%d challenges stay", n)
	}
}

// Each of these gets the answer of a wrong password, and opens nothing.
func TestSignInRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(r *rig, d *device){
		"another origin":       func(_ *rig, d *device) { d.rp.Origin = "https://evil.example" },
		"another rp":           func(_ *rig, d *device) { d.rp.ID = "evil.example" },
		"no user verification": func(_ *rig, d *device) { d.auth.Options.UserNotVerified = true },
		"no user present":      func(_ *rig, d *device) { d.auth.Options.UserNotPresent = true },
		"another key":          func(r *rig, d *device) { id := d.key.ID; d.key = r.device().key; d.key.ID = id },
		"unknown passkey":      func(r *rig, d *device) { d.key = r.device().key },
		"another handle":       func(_ *rig, d *device) { d.auth.Options.UserHandle = make([]byte, 32) },
		"no handle":            func(_ *rig, d *device) { d.auth.Options.UserHandle = nil },
		"became eligible":      func(_ *rig, d *device) { d.auth.Options.BackupEligible = true },
		"removed passkey": func(r *rig, d *device) {
			r.register(r.device())
			r.must(r.people.RemovePasskey(r.Context(), r.by(r.token), base64.RawURLEncoding.EncodeToString(d.key.ID)))
		},
		"closed account": func(r *rig, _ *device) {
			r.must(r.people.CloseAccount(r.Context(), identity.System, r.by(r.token).Account))
		},
		"handle of somebody else": func(r *rig, d *device) {
			r.account("els")
			r.token = r.signIn("els")
			other := r.registered()
			d.auth.Options.UserHandle = other.auth.Options.UserHandle
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			d := r.registered()
			spoil(r, d)
			before := r.count(`SELECT count(*) FROM session`)
			_, _, err := r.enter(d, "b")
			r.want(err, identity.ErrSignIn, name)
			if r.count(`SELECT count(*) FROM session`) != before || r.count(`SELECT count(*) FROM access_log WHERE action = 'sign_in_refused'`) != 1 {
				t.Error("a session was opened, or the refusal is not in the log")
			}
			if strings.Contains(r.logs.String(), "challenge") || strings.Contains(r.logs.String(), base64.RawURLEncoding.EncodeToString(d.key.ID)) {
				t.Errorf("log: %s", r.logs.String())
			}
		})
	}
}

// A challenge to sign in belongs to one browser, once, for five minutes, and is
// for nothing else.
func TestSignInStale(t *testing.T) {
	t.Parallel()
	r := setup(t)
	d := r.registered()
	ctx := t.Context()
	finish := func(browser string, answer []byte) error {
		_, _, err := r.FinishSignIn(ctx, browser, answer, ip, agent, "")
		return err
	}
	options, err := r.BeginSignIn(ctx, "mine", ip)
	r.must(err)
	answer := d.get(t, options)
	r.want(finish("another", answer), passkey.ErrStale, "another browser")
	r.want(finish("", answer), passkey.ErrStale, "no browser")
	r.want(finish("mine", []byte("{")), passkey.ErrStale, "rubbish")
	_, err = r.FinishAgain(ctx, r.by(r.token), r.token, answer)
	r.want(err, passkey.ErrStale, "as a step-up")
	if ok := storm(func() error { return finish("mine", answer) }); ok != 1 {
		t.Errorf("%d of 16 used one challenge", ok)
	}
	r.want(finish("mine", answer), passkey.ErrStale, "replay")
	options, err = r.BeginSignIn(ctx, "mine", ip)
	r.must(err)
	answer = d.get(t, options)
	r.forward(5 * time.Minute)
	r.want(finish("mine", answer), passkey.ErrStale, "too late")
	r.token, _, err = r.enter(d, "b")
	r.must(err)
	options, err = r.BeginAgain(ctx, r.by(r.token), r.token)
	r.must(err)
	r.want(finish(r.token, d.get(t, options)), passkey.ErrStale, "a step-up as a sign-in")
	o := strings.Replace(string(options), `"challenge":"`, `"challenge":"AAAA`, 1)
	_, err = r.FinishAgain(ctx, r.by(r.token), r.token, d.get(t, []byte(o)))
	r.want(err, passkey.ErrStale, "a challenge that nobody gave")
}

// A counter that goes back means a copy: refused, told, and refused from then on.
func TestClone(t *testing.T) {
	t.Parallel()
	r := setup(t)
	d := r.registered()
	copied := *d
	for range 2 {
		_, _, err := r.enter(d, "b")
		r.must(err)
	}
	r.told.notes = nil
	_, _, err := r.enter(&copied, "thief")
	r.want(err, identity.ErrSignIn, "the copy")
	if len(r.told.notes) != 2 || r.told.notes[0].Ref != "passkey_cloned" {
		t.Errorf("told %+v", r.told.notes)
	}
	if r.count(`SELECT count(*) FROM access_log WHERE action = 'passkey_cloned'`) != 1 || !strings.Contains(r.logs.String(), "copy") {
		t.Error("not in the logs")
	}
	_, _, err = r.enter(d, "b")
	r.want(err, identity.ErrSignIn, "the original, from now on")
	_, err = r.BeginAgain(t.Context(), r.by(r.token), r.token)
	r.want(err, identity.ErrNotFound, "step-up with it")
	list, err := r.people.Passkeys(t.Context(), r.by(r.token))
	if err != nil || len(list) != 1 || list[0].ClonedAt == nil {
		t.Errorf("passkeys %+v, %v", list, err)
	}
	r.want(r.people.RemovePasskey(t.Context(), r.by(r.token), list[0].ID), identity.ErrLastFactor, "removing it while there is nothing else")
	r.register(r.device())
	r.want(r.people.RemovePasskey(t.Context(), r.by(r.token), list[0].ID), nil, "removing it")
}

// Authenticators without a counter always say zero.
func TestNoCounter(t *testing.T) {
	t.Parallel()
	r := setup(t)
	d := r.registered()
	for range 3 {
		d.key.Counter = ^uint32(0) // get adds one
		_, _, err := r.enter(d, "b")
		r.want(err, nil, "sign in")
	}
}

func TestAgain(t *testing.T) {
	t.Parallel()
	r := setup(t)
	d := r.registered()
	ctx := t.Context()
	r.forward(6 * time.Minute)
	old, by := r.token, r.by(r.token)
	options, err := r.BeginAgain(ctx, by, old)
	r.must(err)
	if !strings.Contains(string(options), base64.RawURLEncoding.EncodeToString(d.key.ID)) {
		t.Errorf("options do not name the passkey: %s", options)
	}
	// Somebody else's passkey, and somebody else's session.
	r.account("els")
	r.token = r.signIn("els")
	other := r.registered()
	_, err = r.FinishAgain(ctx, by, old, other.get(t, options))
	r.want(err, passkey.ErrRefused, "passkey of somebody else")
	options, err = r.BeginAgain(ctx, by, old)
	r.must(err)
	answer := d.get(t, options)
	_, err = r.FinishAgain(ctx, r.by(r.token), r.token, answer)
	r.want(err, passkey.ErrStale, "session of somebody else")
	var fresh string
	if ok := storm(func() error {
		token, err := r.FinishAgain(ctx, by, old, answer)
		if err == nil {
			fresh = token
		}
		return err
	}); ok != 1 {
		t.Fatalf("%d of 16 used one challenge", ok)
	}
	s, err := r.people.Session(ctx, fresh)
	if err != nil || !s.Fresh(r.now(), 0) || s.Person != r.person {
		t.Errorf("session %+v, %v", s, err)
	}
	_, err = r.people.Session(ctx, old)
	r.want(err, identity.ErrSessionOver, "token of before")
	options, err = r.BeginAgain(ctx, r.by(fresh), fresh)
	r.must(err)
	answer = d.get(t, options)
	by = r.by(fresh)
	r.must(r.people.SignOut(ctx, fresh))
	_, err = r.FinishAgain(ctx, by, fresh, answer)
	r.want(err, identity.ErrSessionOver, "signed out meanwhile")
}

// An address that begins on and on is slowed down; nobody's login is.
func TestLimits(t *testing.T) {
	t.Parallel()
	r := setup(t)
	locked := 0
	for range 80 {
		if _, err := r.BeginSignIn(t.Context(), "b", "198.51.100.9"); errors.Is(err, identity.ErrLocked) {
			locked++
		}
	}
	if locked < 15 {
		t.Errorf("%d of 80 refused", locked)
	}
	_, err := r.BeginSignIn(t.Context(), "b", ip)
	r.want(err, nil, "from another address")
}

func TestConfig(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for name, spoil := range map[string]func(*passkey.Config){
		"no pool":     func(c *passkey.Config) { c.Pool = nil },
		"no identity": func(c *passkey.Config) { c.Identity = nil },
		"no RP id":    func(c *passkey.Config) { c.RPID = "" },
		"bad RP id":   func(c *passkey.Config) { c.RPID = "https://bode.example/" },
		"no origins":  func(c *passkey.Config) { c.Origins = nil },
		"no name":     func(c *passkey.Config) { c.Name = "" },
	} {
		c := r.Config
		spoil(&c)
		if _, err := passkey.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
