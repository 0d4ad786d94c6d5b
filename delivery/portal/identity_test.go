package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// unknown is a company's administrator whose identity nobody proved.
func (r *rig) unknown() (b *browser, person, secret string) {
	r.t.Helper()
	_, person = r.company("karim", "Acme nv")
	secret = r.enrol(person)
	return r.signedIn("karim", secret), person, secret
}

func (r *rig) proves(given, family, number string, level identity.Level) {
	r.proof = identity.Proof{Method: identity.MethodItsme, Provider: "https://idp.example", Subject: "sub " + number, Given: given, Family: family,
		NationalNumber: number, Level: level, At: r.now(), Token: []byte("secret artefact")}
}

// Nobody sends, or makes a key that sends, before it is certain who they are.
func TestUnknownPeopleDoNotSend(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b, person, _ := r.unknown()
	b.to("/portal/new").want(http.StatusOK, "/portal/new").shows("a colleague has to release it")
	b.to("/portal/send").want(http.StatusForbidden, "/portal/send").shows("know for certain who you are")
	for _, path := range []string{"/portal/later", "/portal/send", "/portal/keys"} {
		b.post(r.server.URL+path, url.Values{"key_name": {"ERP"}, "key_mode": {"live"}, "given": {"An"}}).want(http.StatusForbidden, path)
	}
	if n := r.count(`SELECT count(*) FROM message`) + r.count(`SELECT count(*) FROM api_key WHERE created_by = $1`, person); n != 0 {
		t.Errorf("%d messages and keys", n)
	}
	// An identity that is worth too little is none.
	r.must(pgx.BeginFunc(t.Context(), r.pool, func(tx pgx.Tx) error {
		kept, err := r.people.SaveIdentification(t.Context(), tx, identity.Proof{Method: identity.MethodLuxTrust, Provider: "https://idp.example", Subject: "s",
			Given: "Lotte", Family: "Peeters", Level: identity.LevelSubstantial, At: r.now()}, identity.Occasion{Purpose: identity.SenderProofing, Person: person})
		if err != nil {
			return err
		}
		_, err = tx.Exec(t.Context(), `UPDATE person SET identification_id = $2 WHERE id = $1`, person, kept.Record)
		return err
	}))
	b.to("/portal/send").want(http.StatusForbidden, "/portal/send")
}

func TestProveWhoYouAre(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b, person, _ := r.unknown()
	b.to("/portal/send").want(http.StatusForbidden, "/portal/send")
	bound := func() int {
		return r.count(`SELECT count(*) FROM person WHERE id = $1 AND identification_id IS NOT NULL`, person)
	}
	// Somebody else, and too weak: nothing of them is kept.
	r.proves("Karim", "Benali", "91021199815", identity.LevelHigh)
	b.submit("/portal/identify", nil).want(http.StatusOK, "/portal/identify").shows("somebody other than Lotte Peeters").hides("Karim Benali", "91021199815")
	r.proves("Lotte", "Peeters", "85073099734", identity.LevelLow)
	b.submit("/portal/identify", nil).want(http.StatusOK, "/portal/identify").shows("not certain enough")
	if bound() != 0 || r.count(`SELECT count(*) FROM identification WHERE person_id = $1`, person) != 0 {
		t.Error("a proof that was refused is kept")
	}
	// The person goes on to where they wanted to go.
	r.proves("Lotte Maria", "PEETERS", "85073099734", identity.LevelHigh)
	b.submit("/portal/identify", nil).want(http.StatusOK, "/portal/send")
	if bound() != 1 {
		t.Error("not bound")
	}
	b.to("/portal/identify").shows("Your identity is proven", "Lotte Maria PEETERS").hides("85073099734")
	// itsme was deleted and made again: another subject, the same number.
	r.proves("Lotte", "Peeters", "85073099734", identity.LevelHigh)
	r.proof.Subject = "a new subject"
	b.submit("/portal/identify", nil).want(http.StatusOK, "/portal/identify").shows("Your identity is proven")
	r.proves("Lotte", "Peeters", "03120599796", identity.LevelHigh)
	b.submit("/portal/identify", nil).want(http.StatusOK, "/portal/identify").shows("somebody other than")
	for action, want := range map[string]int{"identified": 2, "identification_refused": 3} {
		if n := r.count(`SELECT count(*) FROM access_log WHERE action = $1 AND person_id = $2`, action, person); n != want {
			t.Errorf("%s: %d lines, want %d", action, n, want)
		}
	}
}

// The proof is taken in the session that asked, and in no other.
func TestProofOfAnotherSession(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b, person, secret := r.unknown()
	r.proves("Lotte", "Peeters", "85073099734", identity.LevelHigh)
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	action, _ := b.to("/portal/identify").form("/portal/identify")
	b.post(action, nil)
	at := b.header.Get("Location")
	if !strings.HasPrefix(at, "/identify/") {
		t.Fatalf("sent to %q", at)
	}
	site, err := url.Parse(r.server.URL)
	r.must(err)
	var errand []*http.Cookie
	for _, c := range b.client.Jar.Cookies(site) {
		if strings.HasPrefix(c.Name, "bode_errand_") {
			errand = append(errand, c)
		}
	}
	for name, thief := range map[string]*browser{"nobody signed in": r.browser(), "somebody else": r.lotte(),
		"the same person, elsewhere": r.signedIn("karim", secret)} {
		thief.client.Jar.SetCookies(site, errand)
		if thief.to(at); thief.status < 400 {
			t.Errorf("%s: %d", name, thief.status)
		}
	}
	// An errand outlives no sign-out.
	r.must(r.people.SignOut(t.Context(), b.session()))
	if b.to(at); b.status < 400 {
		t.Errorf("signed out: %d", b.status)
	}
	if n := r.count(`SELECT count(*) FROM identification WHERE person_id = $1`, person); n != 0 {
		t.Errorf("%d records", n)
	}
}

// A page to go on to is one of ours.
func TestWhereToGoOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte()
	for next, want := range map[string]string{"/portal/account": "/portal/account", "https://evil.example": "", "//evil.example": "", "/c/x": "", "/portal/../x": "", "": ""} {
		_, fields := b.to("/portal/identify?next=" + url.QueryEscape(next)).form("/portal/identify")
		if got := fields.Get("next"); got != want {
			t.Errorf("%q: %q", next, got)
		}
		b.post(r.server.URL+"/portal/identify", url.Values{"next": {next}})
		if strings.Contains(b.at.Host, "evil") {
			t.Errorf("%q leads to %s", next, b.at)
		}
	}
}
