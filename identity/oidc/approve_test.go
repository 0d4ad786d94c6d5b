package oidc_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/identitytest"
	"github.com/bode-erds/bode/identity/oidc"
)

const mandateText = "Drukkerij Peeters & Zonen, 0671.516.647\nlaat Karim Benali aangetekend ontvangen, tot 31 december 2027. Prijs: € 0."

func approving(c *oidc.Config) { c.ApprovalService = "BODE_TEST_APPROVE" }

func (r *rig) approve(text string) (start, url.Values) {
	r.t.Helper()
	s := begun(r.t, r.rp, identity.Ask{Language: "nl", Level: identity.LevelHigh, Text: text})
	return s, r.answer(s, identitytest.Choice{Person: "lotte"})
}

func TestApproveAText(t *testing.T) {
	t.Parallel()
	for name, userInfo := range map[string]bool{"id_token": false, "userinfo": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, approving, func(c *oidc.Config) { c.UserInfo = userInfo })
			s, q := r.approve(mandateText)
			p, err := r.finish(s, q)
			if err != nil {
				t.Fatal(err)
			}
			if p.Approved != mandateText || p.Family != "Peeters" || p.Level != identity.LevelHigh || p.Artefact != "jws" {
				t.Errorf("approved %q by %q at %q as %q", p.Approved, p.Family, p.Level, p.Artefact)
			}
			if !slices.Contains(p.Checks, identity.Check{Name: "text", Result: "ok"}) {
				t.Errorf("checks %v", p.Checks)
			}
			tokens := strings.Split(string(p.Token), "\n")
			last := payload(t, tokens[len(tokens)-1])
			if last["nonce"] != s.Nonce || last["prompt"] != "login consent" || !strings.Contains(mustJSON(t, last["claims"]), "Karim Benali") {
				t.Errorf("the record does not hold our request: %v", last)
			}
		})
	}
}

// Who holds the browser learns nothing to build another request from: a token
// with our nonce answers the request that we made.
func TestApprovalIsHiddenFromTheBrowser(t *testing.T) {
	t.Parallel()
	r := newRig(t, approving)
	s := begun(t, r.rp, identity.Ask{Language: "fr", Text: mandateText})
	for name, secret := range map[string]string{"state": s.State, "nonce": s.Nonce, "verifier": s.Verifier, "text": "Karim"} {
		if strings.Contains(s.URL, secret) || strings.Contains(s.URL, base64.RawURLEncoding.EncodeToString([]byte(secret))) {
			t.Errorf("%s is in the address", name)
		}
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if got := slices.Sorted(keys(q)); !slices.Equal(got, []string{"client_id", "redirect_uri", "request", "response_type", "scope"}) {
		t.Errorf("parameters %q", got)
	}
	if strings.Count(q.Get("request"), ".") != 4 || q.Get("scope") != "openid service:BODE_TEST_APPROVE" {
		t.Errorf("scope %q", q.Get("scope"))
	}
	// Turned into an identification on the way, it does not serve.
	plain := begun(t, r.rp, identity.Ask{Language: "fr"})
	answer := r.answer(plain, identitytest.Choice{Person: "lotte"})
	answer.Set("state", s.State)
	s.Verifier = plain.Verifier
	p, err := r.finish(s, answer)
	wantRefusal(t, p, err, oidc.ErrToken)
}

func TestApprovalIsForOneService(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(url.Values){
		"without the request": func(q url.Values) { q.Del("request") },
		"another service":     func(q url.Values) { q.Set("scope", "openid service:BODE_TEST_LOGIN") },
		"a request of ours, cut": func(q url.Values) {
			q.Set("request", q.Get("request")[:200])
		},
		"another text beside it": func(q url.Values) { q.Set("nonce", "mine") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, approving)
			s := begun(t, r.rp, identity.Ask{Language: "nl", Text: mandateText})
			u, err := url.Parse(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			change(q)
			u.RawQuery = q.Encode()
			s.URL = u.String()
			to, err := identitytest.Answer(t.Context(), http.DefaultClient, s.URL, identitytest.Choice{Person: "lotte"})
			if err != nil || to.Query().Get("error") == "" {
				t.Fatalf("the provider took it: %v, %v", to, err)
			}
			p, err := r.finish(s, to.Query())
			if err == nil || p.Approved != "" {
				t.Errorf("approved %q", p.Approved)
			}
		})
	}
}

func TestApprovalOfAnotherText(t *testing.T) {
	t.Parallel()
	for _, fault := range []identitytest.Fault{identitytest.TextChanged, identitytest.TextOdd, identitytest.LowerACR, identitytest.WrongNonce} {
		r := newRig(t, approving)
		s, q := r.approve(mandateText)
		r.idp.SetFault(fault)
		p, err := r.finish(s, q)
		want := oidc.ErrToken
		if fault == identitytest.LowerACR {
			want = oidc.ErrLevel
		}
		wantRefusal(t, p, err, want)
		if p.Approved != "" {
			t.Errorf("%s: approved", fault)
		}
	}
}

func TestApprovalWithoutTheTextReturned(t *testing.T) {
	t.Parallel()
	r := newRig(t, approving)
	s, q := r.approve(mandateText)
	r.idp.SetFault(identitytest.TextNotReturned)
	p, err := r.finish(s, q)
	if err != nil || !slices.Contains(p.Checks, identity.Check{Name: "text", Result: "in our request"}) || p.Approved != mandateText {
		t.Errorf("%v, %v", p.Checks, err)
	}
}

func TestApproves(t *testing.T) {
	t.Parallel()
	r := newRig(t, approving)
	for _, good := range []string{mandateText, "œuvre ž € é", strings.Repeat("é", 7500)} {
		if !r.rp.Approves(good) {
			t.Errorf("%.40q is not approved", good)
		}
	}
	for name, bad := range map[string]string{
		"empty": "", "blank": " \n", "long": strings.Repeat("a", 7501), "long with lines": strings.Repeat("\n", 1000) + strings.Repeat("a", 3600),
		"greek": "Αθήνα", "dash": "1–2", "caron": "Tǎnka", "tag": "a <b>b", "unknown tag": "pay 5<script>0", "entity": "5 &lt; 6", "number": "&#60;b",
		"return": "a\rb", "bell": "a\ab", "direction": "a\u202eb", "not utf-8": "a\xff",
	} {
		if r.rp.Approves(bad) {
			t.Errorf("%s: approves %.20q", name, bad)
		}
		if _, err := r.rp.Begin(t.Context(), identity.Ask{Text: bad}); err == nil && bad != "" {
			t.Errorf("%s: begun", name)
		}
	}
	if newRig(t).rp.Approves("a") {
		t.Error("approves without a service for it")
	}
}

func TestApprovalNeedsAKeyOfTheProvider(t *testing.T) {
	t.Parallel()
	r := newRig(t, approving)
	r.idp.SetFault(identitytest.NoRequestKey)
	_, err := r.rp.Begin(t.Context(), identity.Ask{Text: "a"})
	wantRefusal(t, identity.Proof{}, err, oidc.ErrConfig)
	wantRefusal(t, identity.Proof{}, r.rp.Check(t.Context()), oidc.ErrConfig)
	r = newRig(t, approving)
	if err := r.rp.Check(t.Context()); err != nil {
		t.Error(err)
	}
	r = newRig(t, approving)
	r.idp.SetFault(identitytest.KeysDown)
	_, err = r.rp.Begin(t.Context(), identity.Ask{})
	wantRefusal(t, identity.Proof{}, err, oidc.ErrUnavailable)
}

func payload(t *testing.T, jws string) map[string]any {
	t.Helper()
	parts := strings.Split(jws, ".")
	var said map[string]any
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(b, &said)
	}
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func keys(q url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range q {
			if !yield(k) {
				return
			}
		}
	}
}
