package identity_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bode-erds/bode/identity"
)

// jwks is a key set as JSON.
func jwks(t *testing.T, keys ...any) string {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k})
	}
	return string(must(json.Marshal(set))(t))
}

// TestClientKeys: a client has public keys that sign, or an address of them.
func TestClientKeys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p256 := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))(t)
	small := must(rsa.GenerateKey(rand.Reader, 1024))(t)
	many := make([]any, 11)
	for i := range many {
		many[i] = p256.Public()
	}
	good := jwks(t, p256.Public())
	order := identity.NewKey{Mode: identity.Live, Name: "erp", Scopes: []identity.Scope{identity.ScopeSend}}
	for name, c := range map[string]identity.NewClient{
		"no keys": {}, "both": {JWKS: good, JWKSURL: "https://keys.example/"}, "no JSON": {JWKS: "x"}, "empty": {JWKS: `{"keys":[]}`},
		"a private key": {JWKS: jwks(t, p256)}, "a symmetric key": {JWKS: jwks(t, []byte("secret"))}, "P-384": {JWKS: jwks(t, p384.Public())},
		"small RSA": {JWKS: jwks(t, small.Public())}, "too many": {JWKS: jwks(t, many...)}, "huge": {JWKS: strings.Replace(good, `{"keys"`, `{`+strings.Repeat(" ", 70_000)+`"keys"`, 1)},
		"for encryption":       {JWKS: strings.Replace(good, `{"kty"`, `{"use":"enc","kty"`, 1)},
		"of another algorithm": {JWKS: strings.Replace(good, `{"kty"`, `{"alg":"RS256","kty"`, 1)},
		"http":                 {JWKSURL: "http://keys.example/"}, "no host": {JWKSURL: "https:///x"}, "with a password": {JWKSURL: "https://a:b@keys.example/"},
		"file": {JWKSURL: "file:///etc/passwd"}, "fragment": {JWKSURL: "https://keys.example/#x"}, "no address": {JWKSURL: "keys"},
	} {
		c.NewKey = order
		_, err := b.MakeClient(t.Context(), identity.System, b.account, c)
		b.want(err, identity.ErrInvalid, name)
	}
	_, err := b.MakeClient(t.Context(), b.actor(b.add("els", identity.Sender)), b.account, identity.NewClient{NewKey: order, JWKS: good})
	b.want(err, identity.ErrForbidden, "a sender")
	k := must(b.MakeClient(t.Context(), b.actor(b.admin), b.account, identity.NewClient{NewKey: order, JWKS: good}))(t)
	if n := b.count(`SELECT count(*) FROM api_client`); n != 1 || k.Kind != identity.KindClient {
		t.Errorf("%d clients, %+v", n, k)
	}
}

// TestFetcher: an address of a client leads nowhere inside, whatever its name says,
// and nowhere else.
func TestFetcher(t *testing.T) {
	t.Parallel()
	asked := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/elsewhere":
			http.Redirect(w, r, "/keys", http.StatusFound)
		case "/huge":
			_, _ = w.Write(make([]byte, 200_000))
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write([]byte("{}"))
		}
	}))
	t.Cleanup(server.Close)
	plain := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	guarded := identity.Fetcher(nil, plain)
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1", "[::ffff:127.0.0.1]"} {
		if _, err := guarded(t.Context(), "https://"+host+port+"/keys"); err == nil {
			t.Errorf("%s is reached", host)
		}
	}
	if asked != 0 {
		t.Errorf("asked %d times", asked)
	}
	open := identity.Fetcher(func(netip.Addr) bool { return true }, plain)
	for path, ok := range map[string]bool{"/keys": true, "/elsewhere": false, "/missing": false} {
		if _, err := open(t.Context(), server.URL+path); (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
	}
	if body, err := open(t.Context(), server.URL+"/huge"); err != nil || len(body) > 65<<10 {
		t.Errorf("huge: %d octets, %v", len(body), err)
	}
	if _, err := identity.Fetcher(func(netip.Addr) bool { return true }, nil)(t.Context(), server.URL+"/keys"); err == nil {
		t.Error("a certificate nobody vouches for is believed")
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open(over, server.URL+"/keys"); err == nil {
		t.Error("goes on after the caller left")
	}
}

// TestRotation: two keys of a name answer at once, never three.
func TestRotation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	make1 := func(mode identity.Mode, name string) (string, identity.Key, error) {
		return b.MakeKey(t.Context(), b.actor(b.admin), b.account, identity.NewKey{Mode: mode, Name: name, Scopes: []identity.Scope{identity.ScopeRead}})
	}
	old, k, err := make1(identity.Live, "erp")
	b.want(err, nil, "first")
	fresh, _, err := make1(identity.Live, "erp")
	b.want(err, nil, "successor")
	for _, secret := range []string{old, fresh} {
		_, err := b.AuthenticateKey(t.Context(), secret, ip)
		b.want(err, nil, "both answer")
	}
	_, _, err = make1(identity.Live, "erp")
	b.want(err, identity.ErrTooManyKeys, "a third")
	_, _, err = make1(identity.Test, "erp")
	b.want(err, nil, "of another mode")
	b.want(b.RevokeKey(t.Context(), b.actor(b.admin), b.account, k.ID), nil, "revoke")
	if ok := b.storm(func(int) error { _, _, err := make1(identity.Live, "erp"); return err }); ok != 1 {
		t.Errorf("%d successors at once", ok)
	}
	b.forward(identity.KeyLife + time.Second)
	_, _, err = make1(identity.Live, "erp")
	b.want(err, nil, "after the others ended")
	for name, n := range map[string]identity.NewKey{
		"no scope": {Mode: identity.Live, Name: "x"}, "unknown scope": {Mode: identity.Live, Name: "x", Scopes: []identity.Scope{"root"}},
		"twice":    {Mode: identity.Live, Name: "x", Scopes: []identity.Scope{identity.ScopeRead, identity.ScopeRead}},
		"too long": {Mode: identity.Live, Name: "x", Scopes: identity.Scopes(), Life: identity.MaxKeyLife + 1}, "no mode": {Name: "x", Scopes: identity.Scopes()},
		"token": {Mode: "access", Name: "x", Scopes: identity.Scopes()},
	} {
		_, _, err := b.MakeKey(t.Context(), identity.System, b.account, n)
		b.want(err, identity.ErrInvalid, name)
	}
}

// TestKeyWarnings: administrators are told 30 days before the end and 7 days before,
// once each.
func TestKeyWarnings(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	_, k, err := b.MakeKey(t.Context(), identity.System, b.account, identity.NewKey{Mode: identity.Live, Name: "erp", Scopes: identity.Scopes(), Life: 40 * 24 * time.Hour})
	b.want(err, nil, "key")
	_, _, err = b.CreateKey(t.Context(), identity.System, b.account, identity.Live, "no end")
	b.want(err, nil, "key without end")
	told := func() int {
		b.Helper()
		b.storm(func(int) error { return b.WarnOfKeys(context.WithoutCancel(t.Context())) })
		return b.count(`SELECT count(*) FROM told WHERE kind = 'key_expires'`)
	}
	if n := told(); n != 0 {
		t.Errorf("told %d times 40 days before", n)
	}
	b.forward(10*24*time.Hour + time.Hour)
	if n := told(); n != 1 {
		t.Errorf("told %d times 30 days before", n)
	}
	f := must(b.NoteFacts(t.Context(), b.last(identity.NoteKeyExpires)))(t)
	if f.Who != "erp" || f.Account != "Acme nv" || f.Path != "/portal/keys" || !f.Until.Equal(*k.ExpiresAt) {
		t.Errorf("facts %+v", f)
	}
	b.forward(20 * 24 * time.Hour)
	if n := told(); n != 1 {
		t.Errorf("told %d times 10 days before", n)
	}
	b.forward(3 * 24 * time.Hour)
	if n := told(); n != 2 {
		t.Errorf("told %d times 7 days before", n)
	}
	b.want(b.RevokeKey(t.Context(), identity.System, b.account, k.ID), nil, "revoke")
	_, err = b.NoteFacts(t.Context(), b.last(identity.NoteKeyExpires))
	b.want(err, identity.ErrStale, "of a revoked key")
}

// TestTrialAddresses: an address counts once its code was entered by an
// administrator of that very account.
func TestTrialAddresses(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	ctx, by := t.Context(), b.actor(b.admin)
	b.want(b.AllowTrial(ctx, by, b.account, "email", "Jan@Example.be", "nl"), nil, "ask")
	list := must(b.TrialAddresses(ctx, by, b.account))(t)
	if len(list) != 1 || list[0].Address != "jan@example.be" || list[0].ConfirmedAt != nil {
		t.Fatalf("%+v", list)
	}
	allowed := func() bool {
		return must(b.TrialAllows(ctx, b.account, []string{"jan@example.be", "els@example.be"}))(t)["jan@example.be"]
	}
	if allowed() {
		t.Error("before the code")
	}
	other, boss, err := b.CreateAccount(ctx, company(), person("jan", "Jan", "Maes"))
	b.want(err, nil, "other account")
	stranger := identity.Actor{Kind: identity.ActorPerson, Subject: boss, Account: other, IP: ip}
	code := b.codeTo("jan@example.be")
	b.want(b.ConfirmTrial(ctx, stranger, b.account, list[0].ID, code), identity.ErrNotFound, "by another account")
	b.want(b.ConfirmTrial(ctx, stranger, other, list[0].ID, code), identity.ErrNotFound, "in another account")
	b.want(b.ConfirmTrial(ctx, b.actor(b.add("els", identity.Sender)), b.account, list[0].ID, code), identity.ErrForbidden, "by a sender")
	b.want(b.ConfirmTrial(ctx, by, b.account, list[0].ID, "000000x"), identity.ErrCode, "wrong code")
	b.want(b.ConfirmTrial(ctx, by, b.account, list[0].ID, code), nil, "confirm")
	if !allowed() {
		t.Error("after the code")
	}
	b.want(b.ConfirmTrial(ctx, by, b.account, list[0].ID, code), identity.ErrNotFound, "again")
	b.want(b.ForbidTrial(ctx, stranger, other, list[0].ID), identity.ErrNotFound, "taken off by another account")
	b.want(b.ForbidTrial(ctx, by, b.account, list[0].ID), nil, "taken off")
	if allowed() {
		t.Error("after it was taken off")
	}
	for channel, address := range map[string]string{"email": "jan", "sms": "0470123456", "post": "Kerkstraat 1"} {
		b.want(b.AllowTrial(ctx, by, b.account, channel, address, "nl"), identity.ErrInvalid, channel)
	}
}

// TestAccessLog: administrators see who did what, narrowed; nobody else does.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, by := t.Context(), b.actor(b.admin)
	els := b.add("els", identity.Sender)
	_, k, err := b.CreateKey(ctx, by, b.account, identity.Test, "erp")
	b.want(err, nil, "key")
	b.want(b.LogAccess(ctx, nil, k.Actor(ip, agent, b.now()), "exported", ""), nil, "by a key")
	b.forward(48 * time.Hour)
	b.want(b.LogAccess(ctx, nil, b.actor(els), "exported", "nl"), nil, "by els")
	for name, c := range map[string]struct {
		f    identity.AccessFilter
		want int
	}{
		"els": {identity.AccessFilter{Who: els, Action: "exported"}, 1}, "the key": {identity.AccessFilter{Who: k.ID}, 1}, "both": {identity.AccessFilter{Action: "exported"}, 2},
		"nobody": {identity.AccessFilter{Who: b.account}, 0}, "nothing": {identity.AccessFilter{Action: "x' OR true --"}, 0},
		"today": {identity.AccessFilter{Action: "exported", From: b.now().Add(-time.Hour)}, 1}, "before": {identity.AccessFilter{Action: "exported", To: b.now().Add(-time.Hour)}, 1},
	} {
		if list := must(b.AccessLog(ctx, by, c.f, 100))(t); len(list) != c.want {
			t.Errorf("%s: %d, want %d", name, len(list), c.want)
		}
	}
	first := must(b.AccessLog(ctx, by, identity.AccessFilter{Action: "exported"}, 1))(t)[0]
	if first.Name != "Els Claes" {
		t.Errorf("latest by %q", first.Name)
	}
	if next := must(b.AccessLog(ctx, by, identity.AccessFilter{Action: "exported", Before: first.ID}, 10))(t); len(next) != 1 || next[0].Name != "erp" {
		t.Errorf("page 2: %+v", next)
	}
	_, err = b.AccessLog(ctx, b.actor(els), identity.AccessFilter{}, 10)
	b.want(err, identity.ErrForbidden, "a sender")
	_, err = b.AccessLog(ctx, by, identity.AccessFilter{Before: "x"}, 10)
	b.want(err, identity.ErrNotFound, "no id")
	_, err = b.AccessActions(ctx, b.actor(els))
	b.want(err, identity.ErrForbidden, "a sender, actions")
}
