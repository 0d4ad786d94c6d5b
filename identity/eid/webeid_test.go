package eid_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eid"
	"github.com/bode-erds/bode/identity/eidtest"
)

func TestWebEIDChallenge(t *testing.T) {
	t.Parallel()
	w := webEID(t, verifier(t, authority(t)))
	c, other := begin(t, w), begin(t, w)
	if c.Form != identity.FormScript || len(c.Nonce) != 44 || c.Nonce == other.Nonce || c.Life != 5*time.Minute || c.Key != "" {
		t.Errorf("%+v", c)
	}
	if w.Method() != identity.MethodWebEID {
		t.Error(w.Method())
	}
}

// TestWebEIDIdentifies takes cards of citizens and foreigners, of EC and of RSA,
// and judges what was kept once more without the network.
func TestWebEIDIdentifies(t *testing.T) {
	t.Parallel()
	a := authority(t)
	old, err := a.IssueRSA(ann(), 2048, func(c *x509.Certificate) { c.ExtKeyUsage = nil; eidtest.Policy("2.16.56.12.1.1.2.2")(c) })
	if err != nil {
		t.Fatal(err)
	}
	single := ann()
	single.Given = ""
	for name, tc := range map[string]struct {
		card   *eidtest.Card
		issuer string
		fault  eidtest.Fault
		by     string
	}{
		"citizen":            {issue(t, a, ann()), "Citizen CA 202099", eidtest.Honest, "delegated"},
		"foreigner":          {issue(t, a, nour()), "Foreigner CA 202099", eidtest.Honest, "delegated"},
		"RSA, no purposes":   {old, "Citizen CA 202099", eidtest.Honest, "delegated"},
		"one name only":      {issue(t, a, single), "Citizen CA 202099", eidtest.Honest, "delegated"},
		"answered by the CA": {issue(t, a, ann()), "Citizen CA 202099", eidtest.Direct, "issuer"},
		"answered so, named": {issue(t, a, ann()), "Citizen CA 202099", eidtest.DirectNamed, "issuer"},
	} {
		a.Misbehave(tc.fault)
		v := verifier(t, a)
		at := time.Now()
		p, err := identify(t, webEID(t, v), tc.card, at)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Method != identity.MethodWebEID || p.Provider != tc.issuer || p.Level != identity.LevelHigh || p.Artefact != "web-eid" ||
			!p.At.Equal(at) || p.BirthDate != "" || strings.Contains(p.Subject+p.Provider, p.NationalNumber) {
			t.Errorf("%s: %+v", name, p)
		}
		if !slices.Contains(p.Checks, identity.Check{Name: "responder", Result: tc.by}) || !slices.Contains(p.Checks, identity.Check{Name: "nonce", Result: "ok"}) {
			t.Errorf("%s: %v", name, p.Checks)
		}
		if p.DocumentExpires != tc.card.Certificate.NotAfter.Format(time.DateOnly) {
			t.Errorf("%s: %s", name, p.DocumentExpires)
		}
		before := a.Asked()
		again, err := v.Reverify(p.Token, p.At)
		if diff := cmp.Diff(p, again); err != nil || diff != "" || a.Asked() != before {
			t.Errorf("%s: again: %v\n%s", name, err, diff)
		}
	}
}

func TestWebEIDPerson(t *testing.T) {
	t.Parallel()
	a := authority(t)
	w := webEID(t, verifier(t, a))
	p, err := identify(t, w, issue(t, a, nour()), time.Now())
	if err != nil || p.Given != "Nour" || p.Family != "El Amrani" || p.NationalNumber != nour().NationalNumber {
		t.Errorf("%q %q %v", p.Given, p.Family, err)
	}
}

// TestWebEIDReplay: a token is over one challenge and one origin.
func TestWebEIDReplay(t *testing.T) {
	t.Parallel()
	a := authority(t)
	w := webEID(t, verifier(t, a))
	card := issue(t, a, ann())
	one, other := begin(t, w), begin(t, w)
	for name, s := range map[string]string{
		"another challenge":  token(t, card, other.Nonce, origin),
		"another origin":     token(t, card, one.Nonce, "https://b0de.example"),
		"origin with slash":  token(t, card, one.Nonce, origin+"/"),
		"origin by HTTP":     token(t, card, one.Nonce, "http://bode.example"),
		"origin with a port": token(t, card, one.Nonce, origin+":443"),
	} {
		p, err := w.Finish(t.Context(), one.Saved, answer(s), time.Now())
		refused(t, p, err, eid.ErrSignature, identity.ErrLoginStale)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	if a.Asked() != 0 {
		t.Errorf("%d questions about cards that were not there", a.Asked())
	}
}

// TestWebEIDBadTokens are answers that are no token, or one that was tampered
// with.
func TestWebEIDBadTokens(t *testing.T) {
	t.Parallel()
	a := authority(t)
	w := webEID(t, verifier(t, a))
	card := issue(t, a, ann())
	ch := begin(t, w)
	good := token(t, card, ch.Nonce, origin)
	with := func(field string, value any) string {
		var m map[string]any
		if err := json.Unmarshal([]byte(good), &m); err != nil {
			t.Fatal(err)
		}
		if m[field] = value; value == nil {
			delete(m, field)
		}
		b, _ := json.Marshal(m)
		return string(b)
	}
	signature := func(cut int) string {
		var m map[string]string
		json.Unmarshal([]byte(good), &m)
		return m["signature"][:len(m["signature"])-cut]
	}
	weak, err := a.IssueRSA(ann(), 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		values url.Values
		want   error
		family error
	}{
		"nothing":             {url.Values{}, eid.ErrToken, identity.ErrLoginUnusable},
		"two tokens":          {url.Values{"token": {good, good}}, eid.ErrToken, identity.ErrLoginUnusable},
		"format 10":           {url.Values{"token": {with("format", "web-eid:10")}}, eid.ErrToken, identity.ErrLoginUnusable},
		"format 1.":           {url.Values{"token": {with("format", "web-eid:1.")}}, eid.ErrToken, identity.ErrLoginUnusable},
		"format 2":            {url.Values{"token": {with("format", "web-eid:2")}}, eid.ErrToken, identity.ErrLoginUnusable},
		"names in capitals":   {url.Values{"token": {strings.Replace(good, `"format"`, `"Format"`, 1)}}, eid.ErrToken, identity.ErrLoginUnusable},
		"algorithm of a MAC":  {url.Values{"token": {with("algorithm", "HS384")}}, eid.ErrToken, identity.ErrLoginUnusable},
		"algorithm none":      {url.Values{"token": {with("algorithm", "none")}}, eid.ErrToken, identity.ErrLoginUnusable},
		"shorter hash":        {url.Values{"token": {with("algorithm", "ES256")}}, eid.ErrToken, identity.ErrLoginUnusable},
		"longer hash":         {url.Values{"token": {with("algorithm", "ES512")}}, eid.ErrToken, identity.ErrLoginUnusable},
		"RSA's algorithm":     {url.Values{"token": {with("algorithm", "RS384")}}, eid.ErrToken, identity.ErrLoginUnusable},
		"number":              {url.Values{"token": {with("signature", 7)}}, eid.ErrToken, identity.ErrLoginUnusable},
		"signature cut":       {url.Values{"token": {with("signature", signature(4))}}, eid.ErrSignature, identity.ErrLoginStale},
		"signature stretched": {url.Values{"token": {with("signature", stretched(t, signature(0)))}}, eid.ErrSignature, identity.ErrLoginStale},
		"zero signature":      {url.Values{"token": {with("signature", strings.Repeat("A", 128))}}, eid.ErrSignature, identity.ErrLoginStale},
		"no signature":        {url.Values{"token": {with("signature", nil)}}, eid.ErrToken, identity.ErrLoginUnusable},
		"more than the token": {url.Values{"token": {good + good}}, eid.ErrToken, identity.ErrLoginUnusable},
		"too long":            {url.Values{"token": {good + strings.Repeat(" ", 10000)}}, eid.ErrToken, identity.ErrLoginUnusable},
		"RSA 1024":            {url.Values{"token": {token(t, weak, ch.Nonce, origin)}}, eid.ErrToken, identity.ErrLoginUnusable},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := w.Finish(t.Context(), ch.Saved, identity.Answer{Values: tc.values}, time.Now())
			refused(t, p, err, tc.want, tc.family)
		})
	}
	if p, err := w.Finish(t.Context(), nil, answer(good), time.Now()); err == nil {
		t.Error("without a challenge:", p.Method)
	}
	if p, err := w.Finish(t.Context(), ch.Saved, answer(with("action", "more")), time.Now()); err != nil || p.Method == "" {
		t.Error("unknown field:", err)
	}
}

// stretched puts a zero before S: the same numbers, written otherwise.
func stretched(t *testing.T, signature string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(slices.Insert(b, len(b)/2, 0))
}

func TestNewWebEIDOrigin(t *testing.T) {
	t.Parallel()
	v := verifier(t, authority(t))
	for _, bad := range []string{"", "bode.example", "https://", "https://bode.example/", "https://bode.example/x", "https://Bode.example",
		"https://bode.example:443", "http://bode.example", "https://a@bode.example", "https://bode.example?x", "ftp://bode.example", "null"} {
		if _, err := eid.NewWebEID(v, bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for _, good := range []string{"https://bode.example", "https://bode.example:8443", "http://127.0.0.1:8080", "http://localhost"} {
		if _, err := eid.NewWebEID(v, good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

// TestReverify refuses what was changed since, and another time.
func TestReverify(t *testing.T) {
	t.Parallel()
	a := authority(t)
	v := verifier(t, a)
	p, err := identify(t, webEID(t, v), issue(t, a, ann()), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var kept map[string]any
	if err := json.Unmarshal(p.Token, &kept); err != nil {
		t.Fatal(err)
	}
	for field, value := range map[string]any{
		"kind": "jws", "token": strings.Replace(kept["token"].(string), "ES384", "ES256", 1), "nonce": begin(t, webEID(t, v)).Nonce,
		"origin": "https://other.example", "ocsp": kept["chain"].([]any)[0], "asked": "BAA=",
	} {
		changed := map[string]any{}
		for k, o := range kept {
			changed[k] = o
		}
		changed[field] = value
		b, _ := json.Marshal(changed)
		if _, err := v.Reverify(b, p.At); err == nil {
			t.Errorf("%s was changed, and it passes", field)
		}
	}
	for _, at := range []time.Time{p.At.Add(-time.Hour), p.At.Add(time.Hour), p.At.AddDate(20, 0, 0)} {
		if _, err := v.Reverify(p.Token, at); err == nil {
			t.Errorf("it passes as of %s", at)
		}
	}
	if _, err := verifier(t, authority(t)).Reverify(p.Token, p.At); err == nil {
		t.Error("it passes under the anchors of somebody else")
	}
	if _, err := v.Reverify(bytes.TrimSuffix(p.Token, []byte("}")), p.At); err == nil {
		t.Error("half of it passes")
	}
}
