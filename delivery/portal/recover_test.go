package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/bode-erds/bode/identity"
)

// lotteProof is what the administrator of the rig proves: the same as before.
func (r *rig) lotteProof() identity.Proof {
	return identity.Proof{Method: identity.MethodItsme, Provider: "https://idp.example", Subject: r.person,
		Given: "Lotte", Family: "Peeters", Level: identity.LevelHigh, At: r.now(), Token: []byte("t")}
}

// Everything is lost: identify, wait a day, identify again, a new password, and
// nothing before a new factor.
func TestRecoveryPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.proof = r.lotteProof()
	b := r.browser().to("/portal/sign-in?lang=en")
	if !strings.Contains(b.body, `href="/portal/recovery"`) {
		t.Error("the sign-in page does not lead there")
	}
	b.to("/portal/recovery").submit("/portal/recovery", url.Values{"login": {" "}}).want(http.StatusUnprocessableEntity, "/recovery").shows("user name")
	b.submit("/portal/recovery", url.Values{"login": {"Lotte"}}).want(http.StatusOK, "/recovery/wait").shows("Come back later")
	if n := r.post.to(t, "lotte@firma.example"); n.Kind != identity.NoteRecoveryStarted {
		t.Errorf("told %+v", n)
	}
	b.to("/portal/recovery/password").want(http.StatusOK, "/recovery")
	owner := r.lotte() // a factor that works sees it, and could stop it
	owner.to("/portal/factors").shows("Somebody asked to recover", "Stop the recovery")
	r.pass(24 * time.Hour)
	b.to("/portal/recovery").submit("/portal/recovery", url.Values{"login": {"lotte"}}).want(http.StatusOK, "/recovery/password").shows("Choose a new password")
	b.submit("/recovery/password", url.Values{"new_password": {"kort"}}).want(http.StatusUnprocessableEntity, "/password").shows("at least 12")
	b.submit("/recovery/password", url.Values{"new_password": {"negen natte nonnen"}}).want(http.StatusOK, "/portal/factors").shows("Your new password is set")
	for _, path := range []string{"/portal", "/portal/account", "/portal/new"} {
		b.to(path).want(http.StatusOK, "/portal/factors")
	}
	b.post(r.server.URL+"/portal/keys", url.Values{"key_name": {"x"}, "key_mode": {"test"}}).want(http.StatusOK, "/portal/factors")
	b.to("/portal/factors").submit("/factors/authenticator", nil)
	secret := strings.ReplaceAll(secretOf(b), " ", "")
	r.pass(30 * time.Second)
	code, err := totp.GenerateCode(secret, r.now())
	r.must(err)
	b.submit("/confirm", url.Values{"code": {code}}).want(http.StatusOK, "/confirm").shows("Your recovery codes")
	b.to("/portal/new").want(http.StatusOK, "/new")
	owner.to("/portal").want(http.StatusOK, "/sign-in") // sessions of before are over
}

func secretOf(b *browser) string {
	_, after, _ := strings.Cut(b.body, `<code class="secret">`)
	secret, _, _ := strings.Cut(after, "<")
	return secret
}

// A login that does not exist, somebody never identified, and somebody else get
// the same pages as each other.
func TestRecoveryTellsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.somebody("noor")
	r.proof = r.lotteProof()
	r.proof.Subject = "somebody else"
	var first string
	for _, login := range []string{"lotte", "noor", "nobody", "x' OR 1=1"} {
		b := r.browser().to("/portal/recovery?lang=en").submit("/portal/recovery", url.Values{"login": {login}}).want(http.StatusOK, "/recovery").shows("This does not fit")
		if first == "" {
			first = b.text()
		} else if b.text() != first {
			t.Errorf("%s: another page\n%s\n%s", login, b.text(), first)
		}
	}
	if r.count(`SELECT count(*) FROM recovery`) != 0 {
		t.Error("a recovery began")
	}
}

// An errand is taken only in the browser that asked.
func TestRecoveryElsewhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.proof = r.lotteProof()
	subject, err := r.people.AskRecovery(t.Context(), "lotte", "192.0.2.9")
	r.must(err)
	id, secret, err := r.people.OpenLogin(t.Context(), identity.NewLogin{Errand: "recover", Subject: subject, Session: "thief's browser",
		Level: identity.LevelSubstantial, Language: "en", About: "x", Back: "/"})
	r.must(err)
	victim := r.browser()
	u, err := url.Parse(r.server.URL)
	r.must(err)
	victim.client.Jar.SetCookies(u, []*http.Cookie{{Name: "bode_errand_" + id[len(id)-12:], Value: secret, Path: "/"}})
	victim.to("/identify/" + id)
	if victim.status < 400 || r.count(`SELECT count(*) FROM recovery`) != 0 {
		t.Errorf("%d, %d recoveries", victim.status, r.count(`SELECT count(*) FROM recovery`))
	}
}

// The link of the notice stops it, by a press and not by opening it.
func TestRecoveryStop(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.proof = r.lotteProof()
	begin := func() {
		r.browser().to("/portal/recovery?lang=en").submit("/portal/recovery", url.Values{"login": {"lotte"}}).want(http.StatusOK, "/wait")
	}
	begin()
	facts, err := r.people.NoteFacts(t.Context(), r.post.to(t, "+32470111111"))
	r.must(err)
	b := r.browser().to(facts.Path+"?lang=en").want(http.StatusOK, facts.Path).shows("Stop the recovery?")
	if r.count(`SELECT count(*) FROM recovery`) != 1 {
		t.Error("opening the link stopped it")
	}
	b.submit(facts.Path, nil).want(http.StatusOK, facts.Path).shows("It is stopped")
	if r.count(`SELECT count(*) FROM recovery`) != 0 {
		t.Error("it goes on")
	}
	b.to(facts.Path).want(http.StatusNotFound, facts.Path)
	begin()
	own := r.lotte().to("/portal/factors")
	own.submit("/recovery/stop", nil).want(http.StatusOK, "/factors").shows("The recovery is stopped")
}

// The token of two operators works after a day, and stays out of addresses.
func TestRecoveryByOperators(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	noor := r.somebody("noor")
	rec, err := r.people.RecoverByOperators(t.Context(), identity.System, noor, "jan", "piet")
	r.must(err)
	b := r.browser().to("/portal/recovery/go/"+rec.Token).want(http.StatusOK, "/recovery/password").hides(rec.Token)
	b.to("/portal/recovery/password?lang=en").shows("Come back later")
	b.post(r.server.URL+"/portal/recovery/password", url.Values{"new_password": {"negen natte nonnen"}}).want(http.StatusOK, "/recovery")
	r.pass(24 * time.Hour)
	b.to("/portal/recovery/go/"+rec.Token).want(http.StatusOK, "/recovery/password")
	b.submit("/recovery/password", url.Values{"new_password": {"negen natte nonnen"}}).want(http.StatusOK, "/portal/factors")
	r.browser().to("/portal/recovery/go/rubbish").want(http.StatusOK, "/recovery")
}
