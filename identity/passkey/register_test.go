package passkey_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/passkey"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	r := setup(t)
	old := r.token
	d := r.device()
	options, err := r.BeginRegister(t.Context(), r.by(r.token), r.token)
	r.must(err)
	for _, want := range []string{`"residentKey":"required"`, `"requireResidentKey":true`, `"userVerification":"required"`, `"attestation":"none"`, `"timeout":300000`} {
		if !strings.Contains(string(options), want) {
			t.Errorf("options lack %s: %s", want, options)
		}
	}
	if strings.Contains(string(options), r.person) || strings.Contains(string(options), "acme.example") {
		t.Errorf("options hold more than a random handle: %s", options)
	}
	added, err := r.FinishRegister(t.Context(), r.by(r.token), r.token, " Telefoon ", d.create(t, options))
	r.must(err)
	if len(added.Recovery) != 10 || added.Token == "" || added.Token == old {
		t.Errorf("added %d codes, token changed %v", len(added.Recovery), added.Token != old)
	}
	_, err = r.people.Session(t.Context(), old)
	r.want(err, identity.ErrSessionOver, "session of before")
	if by := r.by(added.Token); by.Method != identity.MethodPasskey {
		t.Errorf("method %s", by.Method)
	}
	list, err := r.people.Passkeys(t.Context(), r.by(added.Token))
	if err != nil || len(list) != 1 || list[0].Name != "Telefoon" || list[0].Synced {
		t.Errorf("passkeys %+v, %v", list, err)
	}
	if len(r.told.notes) != 2 || r.told.notes[0].Kind != identity.NoteSignInChanged || r.told.notes[0].Ref != "passkey_added" || r.told.notes[1].Channel != "sms" {
		t.Errorf("told %+v", r.told.notes)
	}
	if r.count(`SELECT count(*) FROM access_log WHERE action = 'passkey_added'`) != 1 {
		t.Error("not in the access log")
	}
	// The password alone opens nothing any more, nor does it help to add a factor.
	_, _, err = r.people.SignIn(t.Context(), "an", password, "", ip, agent, "")
	r.want(err, identity.ErrSignIn, "password alone")
	_, _, err = r.people.SignIn(t.Context(), "an", password, added.Recovery[0], ip, agent, "")
	r.want(err, nil, "password and recovery code")
	r.token = added.Token
	if again := r.register(r.device()); again.Recovery != nil || again.Token != "" {
		t.Errorf("second passkey: %+v", again)
	}
	options, err = r.BeginRegister(t.Context(), r.by(r.token), r.token)
	r.must(err)
	if n := strings.Count(string(options), `"type":"public-key","id"`) + strings.Count(string(options), `"id":"`+list[0].ID); n == 0 {
		t.Errorf("what is there is not excluded: %s", options)
	}
}

// Each of these is refused, and keeps nothing.
func TestRegisterRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(r *rig, d *device, answer func() []byte) []byte{
		"another origin":       func(r *rig, d *device, a func() []byte) []byte { d.rp.Origin = "https://evil.example"; return a() },
		"subdomain":            func(r *rig, d *device, a func() []byte) []byte { d.rp.Origin = "https://x.bode.example"; return a() },
		"http":                 func(r *rig, d *device, a func() []byte) []byte { d.rp.Origin = "http://bode.example"; return a() },
		"another rp":           func(r *rig, d *device, a func() []byte) []byte { d.rp.ID = "evil.example"; return a() },
		"no user verification": func(r *rig, d *device, a func() []byte) []byte { d.auth.Options.UserNotVerified = true; return a() },
		"no user present":      func(r *rig, d *device, a func() []byte) []byte { d.auth.Options.UserNotPresent = true; return a() },
		"backed up, not eligible": func(r *rig, d *device, a func() []byte) []byte {
			d.auth.Options.BackupState = true
			return a()
		},
		"not discoverable": func(r *rig, d *device, a func() []byte) []byte {
			return changed(r.T, a(), func(m map[string]any) {
				m["clientExtensionResults"] = map[string]any{"credProps": map[string]any{"rk": false}}
			})
		},
		"key of another challenge": func(r *rig, d *device, a func() []byte) []byte {
			sealed := a()
			other, err := r.BeginRegister(r.Context(), r.by(r.token), r.token)
			r.must(err)
			o, err := virtualwebauthn.ParseAttestationOptions(string(other))
			r.must(err)
			mixed := []byte(virtualwebauthn.CreateAttestationResponse(d.rp, d.auth, d.key, *o))
			return changed(r.T, mixed, func(m map[string]any) {
				changed(r.T, sealed, func(from map[string]any) {
					m["response"].(map[string]any)["attestationObject"] = from["response"].(map[string]any)["attestationObject"]
				})
			})
		},
		"rubbish": func(*rig, *device, func() []byte) []byte { return []byte("{}") },
		"huge": func(_ *rig, _ *device, a func() []byte) []byte {
			return append(a(), bytes.Repeat([]byte(" "), 1<<20)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			d := r.device()
			options, err := r.BeginRegister(t.Context(), r.by(r.token), r.token)
			r.must(err)
			answer := spoil(r, d, func() []byte { return d.create(t, options) })
			_, err = r.FinishRegister(t.Context(), r.by(r.token), r.token, "x", answer)
			r.want(err, passkey.ErrRefused, name)
			if r.count(`SELECT count(*) FROM webauthn_credential`) != 0 || len(r.told.notes) != 0 {
				t.Error("a passkey was kept")
			}
		})
	}
}

// A challenge to register belongs to one session, once, for five minutes.
func TestRegisterStale(t *testing.T) {
	t.Parallel()
	r := setup(t)
	ctx := t.Context()
	begin := func() ([]byte, *device) {
		options, err := r.BeginRegister(ctx, r.by(r.token), r.token)
		r.must(err)
		d := r.device()
		return d.create(t, options), d
	}
	answer, _ := begin()
	other := r.account("els")
	els := r.signIn("els")
	_, err := r.FinishRegister(ctx, r.by(els), els, "x", answer)
	r.want(err, passkey.ErrStale, "session of somebody else")
	second := r.signIn("an")
	_, err = r.FinishRegister(ctx, r.by(second), second, "x", answer)
	r.want(err, passkey.ErrStale, "another session of the same person")
	_, err = r.FinishRegister(ctx, r.by(els), r.token, "x", answer)
	r.want(err, passkey.ErrStale, "somebody else with this session's token")
	_, err = r.FinishRegister(ctx, r.by(r.token), r.token, " ", answer)
	r.want(err, identity.ErrInvalid, "no name")
	r.forward(5 * time.Minute)
	_, err = r.FinishRegister(ctx, r.by(r.token), r.token, "x", answer)
	r.want(err, passkey.ErrStale, "too late")
	r.forward(time.Second)
	r.want(r.people.Sweep(ctx), nil, "sweep")
	if n := r.count(`SELECT count(*) FROM webauthn_ceremony`); n != 0 {
		t.Errorf("%d challenges stay", n)
	}
	answer, d := begin()
	by, token := r.by(r.token), r.token
	if ok := storm(func() error { _, err := r.FinishRegister(ctx, by, token, "x", answer); return err }); ok != 1 {
		t.Errorf("%d of 16 used one challenge", ok)
	}
	var fresh string
	r.must(r.pool.QueryRow(ctx, `SELECT method FROM session WHERE person_id = $1 AND revoked_at IS NULL AND method = 'passkey'`, r.person).Scan(&fresh))
	// The same key for somebody else.
	options, err := r.BeginRegister(ctx, r.by(els), els)
	r.must(err)
	_, err = r.FinishRegister(ctx, r.by(els), els, "x", d.create(t, options))
	r.want(err, passkey.ErrTwice, "a key that another person has")
	if n := r.count(`SELECT count(*) FROM webauthn_credential WHERE person_id = $1`, other); n != 0 {
		t.Error("kept for the other person")
	}
}

// Who may add a passkey: nobody with a stale session, nobody with a password
// alone once there is a factor, and no more than the most.
func TestRegisterForbidden(t *testing.T) {
	t.Parallel()
	r := setup(t)
	weak := r.signIn("an")
	d := r.registered()
	_, err := r.BeginRegister(t.Context(), r.by(weak), weak)
	r.want(err, identity.ErrForbidden, "password alone, opened before")
	_, err = r.BeginRegister(t.Context(), identity.System, "")
	r.want(err, identity.ErrForbidden, "not a person")
	r.forward(5*time.Minute + time.Second)
	_, err = r.BeginRegister(t.Context(), r.by(r.token), r.token)
	r.want(err, identity.ErrNotFresh, "passkey of six minutes ago")
	r.want(r.people.RemovePasskey(t.Context(), r.by(r.token), "AAAA"), identity.ErrNotFresh, "removing")
	token, _, err := r.enter(d, "b")
	r.must(err)
	r.token = token
	for range identity.MaxPasskeys - 1 {
		r.register(r.device())
	}
	_, err = r.BeginRegister(t.Context(), r.by(r.token), r.token)
	r.want(err, passkey.ErrTooMany, "one more than the most")
}

// Who knows the password alone, and began before there was a factor, is late.
func TestRegisterOvertaken(t *testing.T) {
	t.Parallel()
	r := setup(t)
	weak := r.signIn("an")
	by := r.by(weak)
	options, err := r.BeginRegister(t.Context(), by, weak)
	r.must(err)
	r.registered()
	_, err = r.FinishRegister(t.Context(), by, weak, "x", r.device().create(t, options))
	r.want(err, identity.ErrForbidden, "password alone, after another session made a passkey")
	if n := r.count(`SELECT count(*) FROM webauthn_credential`); n != 1 {
		t.Errorf("%d passkeys", n)
	}
}
