package oidc_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/oidc"
)

func TestPeerApproval(t *testing.T) {
	t.Parallel()
	p := peerRig(t, nil, func(c *oidc.Config) { c.ApprovalService = "PEER_APPROVE" })
	if err := p.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := begun(t, p, identity.Ask{Language: "nl", Level: identity.LevelHigh, Text: mandateText})
	q := browse(t, s.URL)
	got, err := finish(t.Context(), p, s, q, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got.Approved != mandateText || got.Checks[len(got.Checks)-1] != (identity.Check{Name: "text", Result: "ok"}) || got.Family != "Peeters" {
		t.Errorf("approved %q, checks %v", got.Approved, got.Checks)
	}
	for lang, want := range map[string]error{"de": oidc.ErrRefused, "fr": oidc.ErrLevel} {
		s := begun(t, p, identity.Ask{Language: lang, Text: mandateText})
		got, err := finish(t.Context(), p, s, browse(t, s.URL), time.Now())
		wantRefusal(t, got, err, want)
	}
	s = begun(t, p, identity.Ask{Language: "nl", Text: mandateText})
	q = browse(t, s.URL)
	s.Text = strings.Replace(mandateText, "2027", "2037", 1)
	got, err = finish(t.Context(), p, s, q, time.Now())
	wantRefusal(t, got, err, oidc.ErrToken)
	// The peer reads what we send: a request that is not ours is refused.
	s = begun(t, p, identity.Ask{Language: "nl", Text: mandateText})
	q = browse(t, strings.Replace(s.URL, "&request=", "&request=A", 1))
	if q.Get("error") != "invalid_request_object" {
		t.Errorf("the peer answers %v", q)
	}
}

// FAS and its like: other names, other levels, no encryption where a contract
// says so, and still nothing that is not signed.
func TestPeerOfAnotherDialect(t *testing.T) {
	t.Parallel()
	level := func(n string) string { return "urn:be:fedict:iam:fas:citizen:Level" + n }
	settings := map[string]string{"plain": "yes", "acr": level("450"), "low": level("200")}
	fas := func(c *oidc.Config) {
		c.Method, c.Plain, c.EncryptionKeys, c.UserInfo = identity.MethodFAS, "contract of test", nil, true
	}
	p := peerRig(t, settings, fas)
	s := begun(t, p, identity.Ask{Language: "nl"})
	got, err := finish(t.Context(), p, s, browse(t, s.URL), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got.Method != identity.MethodFAS || got.Given != "Lotte" || got.Family != "Peeters" || got.NationalNumber != "85073003328" ||
		got.Level != identity.LevelHigh || got.BirthDate != "" {
		t.Errorf("got %q: %q %q, level %q", got.Method, got.Given, got.Family, got.Level)
	}
	s = begun(t, p, identity.Ask{Language: "fr"})
	got, err = finish(t.Context(), p, s, browse(t, s.URL), time.Now())
	wantRefusal(t, got, err, oidc.ErrLevel)

	// LuxTrust is substantial at most, and asked for no national number.
	p = peerRig(t, map[string]string{"plain": "yes", "acr": "urn:test:lux:2"}, func(c *oidc.Config) {
		c.Method, c.Plain, c.EncryptionKeys = identity.MethodLuxTrust, "contract of test", nil
		c.ACR, c.Levels = "urn:test:lux:2", map[string]identity.Level{"urn:test:lux:2": identity.LevelSubstantial}
	})
	s = begun(t, p, identity.Ask{Language: "nl"})
	got, err = finish(t.Context(), p, s, browse(t, s.URL), time.Now())
	if err != nil || got.Method != identity.MethodLuxTrust || got.Level != identity.LevelSubstantial || got.NationalNumber != "" || got.BirthDate != "1985-07-30" {
		t.Errorf("got %q at %q, %v", got.Method, got.Level, err)
	}

	// Encryption that was agreed and does not come is a downgrade.
	p = peerRig(t, settings, func(c *oidc.Config) {
		c.ACR, c.Levels = level("450"), map[string]identity.Level{level("450"): identity.LevelHigh}
	})
	s = begun(t, p, identity.Ask{Language: "nl"})
	got, err = finish(t.Context(), p, s, browse(t, s.URL), time.Now())
	wantRefusal(t, got, err, oidc.ErrToken)
}
