package identity_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
)

func TestKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	by := b.actor(b.admin)
	secret, k, err := b.CreateKey(t.Context(), by, b.account, identity.Test, "  bookkeeping ")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^bode_test_[0-9A-Za-z]{49}$`).MatchString(secret) || !k.Test || k.Name != "bookkeeping" {
		t.Errorf("secret of %d characters, key %+v", len(secret), k)
	}
	got := must(b.AuthenticateKey(t.Context(), secret, ip))(t)
	if got.ID != k.ID || got.Account != b.account || got.AccountName != "Acme nv" || !got.Test {
		t.Errorf("authenticated %+v", got)
	}
	if a := got.Actor(ip, agent, b.now()); a.Kind != identity.ActorKey || a.Subject != k.ID || a.Account != b.account || a.Level != identity.LevelNone {
		t.Errorf("actor %+v", a)
	}
	k2, profile, err := b.AuthenticateSender(t.Context(), secret, ip)
	b.want(err, nil, "sender")
	if want := must(b.Profile(t.Context(), b.account))(t); !reflect.DeepEqual(profile, want) || k2.ID != got.ID || k2.AccountName != got.AccountName || !k2.Test {
		t.Errorf("sender %+v of %+v, want %+v", profile, k2, want)
	}
	live, _, err := b.CreateKey(t.Context(), by, b.account, identity.Live, "live")
	b.want(err, nil, "live key")

	bad := map[string]string{
		"empty": "", "prefix": "bode_test_", "other mode": strings.Replace(secret, "_test_", "_live_", 1), "upper": strings.ToUpper(secret),
		"blank": secret + " ", "nul": secret + "\x00", "cut": secret[:len(secret)-1], "twice": secret + secret, "bearer": "Bearer " + secret,
		"not UTF-8": secret[:20] + "\xff" + secret[21:], "dash": secret[:20] + "-" + secret[21:], "huge": strings.Repeat(secret, 1000),
		"swapped ends": secret[:len(secret)-6] + live[len(live)-6:],
	}
	for i := range secret {
		c := byte('A')
		if secret[i] == c {
			c = 'B'
		}
		bad["letter "+string(rune('0'+i))] = secret[:i] + string(c) + secret[i+1:]
	}
	for name, s := range bad {
		_, err := b.AuthenticateKey(t.Context(), s, ip)
		b.want(err, identity.ErrKey, name)
		_, profile, err := b.AuthenticateSender(t.Context(), s, ip)
		if b.want(err, identity.ErrKey, name+", sender"); profile.ID != "" {
			t.Errorf("%s: told who the account is", name)
		}
	}
	if n := b.count(`SELECT count(*) FROM api_key k WHERE k::text LIKE '%' || $1 || '%'`, secret[10:40]); n != 0 {
		t.Error("the secret is stored")
	}

	b.want(b.RevokeKey(t.Context(), by, b.account, k.ID), nil, "revoke")
	b.want(b.RevokeKey(t.Context(), by, b.account, k.ID), nil, "revoke again")
	_, err = b.AuthenticateKey(t.Context(), secret, ip)
	b.want(err, identity.ErrKey, "revoked")
	_, _, err = b.AuthenticateSender(t.Context(), secret, ip)
	b.want(err, identity.ErrKey, "revoked, sender")
	_, err = b.AuthenticateKey(t.Context(), live, ip)
	b.want(err, nil, "the other key")
	b.want(b.CloseAccount(t.Context(), by, b.account), nil, "close")
	_, err = b.AuthenticateKey(t.Context(), live, ip)
	b.want(err, identity.ErrKey, "closed account")
	_, _, err = b.AuthenticateSender(t.Context(), live, ip)
	b.want(err, identity.ErrKey, "closed account, sender")
	_, _, err = b.CreateKey(t.Context(), identity.System, b.account, identity.Test, "x")
	b.want(err, identity.ErrClosed, "key of a closed account")
}

func TestKeyScope(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := b.add("els", identity.Sender)
	other, boss, err := b.CreateAccount(t.Context(), company(), person("jan", "Jan", "Maes"))
	b.want(err, nil, "other account")
	_, k, err := b.CreateKey(t.Context(), identity.System, b.account, identity.Live, "k")
	b.want(err, nil, "by the system")
	stranger := identity.Actor{Kind: identity.ActorPerson, Subject: boss, Account: other}
	forged := identity.Actor{Kind: identity.ActorPerson, Subject: boss, Account: b.account}
	for name, c := range map[string]struct {
		by   identity.Actor
		want error
	}{
		"nobody":            {identity.Actor{}, identity.ErrNotFound},
		"a sender":          {b.actor(sender), identity.ErrForbidden},
		"another account":   {stranger, identity.ErrNotFound},
		"not a member":      {forged, identity.ErrForbidden},
		"a key":             {k.Actor(ip, agent, b.now()), identity.ErrNotFound},
		"a recipient":       {identity.Actor{Kind: identity.ActorRecipient, Account: b.account, Subject: b.admin}, identity.ErrNotFound},
		"subject no id":     {identity.Actor{Kind: identity.ActorPerson, Account: b.account, Subject: boss + "'"}, nil},
		"account in braces": {identity.Actor{Kind: identity.ActorPerson, Account: "{" + b.account + "}", Subject: b.admin}, identity.ErrNotFound},
	} {
		_, _, err := b.CreateKey(t.Context(), c.by, b.account, identity.Test, "x")
		if err == nil || c.want != nil {
			b.want(err, c.want, name+" creates")
		}
		err = b.RevokeKey(t.Context(), c.by, b.account, k.ID)
		if err == nil || c.want != nil {
			b.want(err, c.want, name+" revokes")
		}
		if _, err = b.Keys(t.Context(), c.by, b.account); err == nil {
			t.Errorf("%s lists", name)
		}
	}
	b.want(b.RevokeKey(t.Context(), stranger, other, k.ID), identity.ErrNotFound, "another account's key in the own account")
	b.want(b.RevokeKey(t.Context(), b.actor(b.admin), b.account, "x"), identity.ErrNotFound, "no id")
	for _, m := range []identity.Mode{"", "LIVE", "prod"} {
		_, _, err := b.CreateKey(t.Context(), b.actor(b.admin), b.account, m, "x")
		b.want(err, identity.ErrInvalid, "mode "+string(m))
	}
	_, _, err = b.CreateKey(t.Context(), b.actor(b.admin), b.account, identity.Test, "\x00 ")
	b.want(err, identity.ErrInvalid, "no name")
	if n := b.count(`SELECT count(*) FROM api_key`); n != 1 {
		t.Errorf("%d keys", n)
	}
}

func TestKeyUse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret, _, err := b.CreateKey(t.Context(), identity.System, b.account, identity.Test, "k")
	b.want(err, nil, "create")
	last := func() *time.Time {
		return must(b.Keys(t.Context(), b.actor(b.admin), b.account))(t)[0].LastUsedAt
	}
	first := b.now()
	for range 3 {
		must(b.AuthenticateKey(t.Context(), secret, ip))(t)
		b.forward(10 * time.Second)
	}
	if got := last(); got == nil || !got.Equal(first) {
		t.Errorf("last use %v, want the first one: later ones wait for the batch", got)
	}
	b.want(b.FlushKeyUses(t.Context()), nil, "flush")
	b.want(b.FlushKeyUses(t.Context()), nil, "flush nothing")
	if got := last(); got == nil || !got.Equal(first.Add(20*time.Second)) {
		t.Errorf("last use %v after the flush", got)
	}
	b.forward(-time.Hour) // a clock that went back does not unwrite
	must(b.AuthenticateKey(t.Context(), secret, ip))(t)
	b.want(b.FlushKeyUses(t.Context()), nil, "flush")
	if got := last(); !got.Equal(first.Add(20 * time.Second)) {
		t.Errorf("last use went back to %v", got)
	}
	if ok := b.storm(func(int) error { _, err := b.AuthenticateKey(t.Context(), secret, ip); return err }); ok != 16 {
		t.Errorf("%d of 16 at once", ok)
	}
}
