package identify_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
)

func TestChoice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, x := range map[string]struct {
		ask  func(*identity.NewLogin)
		want []string
	}{
		"high for a recipient": {func(*identity.NewLogin) {},
			[]string{"be-eid-mtls", "be-eid-webeid", "eudi-pid", "fas", "itsme", "qes-statement"}},
		"what the sender allows": {func(n *identity.NewLogin) { n.Methods = []string{"itsme", "eudi-pid", "luxtrust"} }, []string{"eudi-pid", "itsme"}},
		"nothing that serves":    {func(n *identity.NewLogin) { n.Methods = []string{"luxtrust"} }, nil},
		"a text to approve":      {func(n *identity.NewLogin) { n.Approve = "Ik geef volmacht." }, []string{"itsme", "qes-statement"}},
		"a text nobody can show": {func(n *identity.NewLogin) { n.Approve = "unspeakable" }, nil},
	} {
		r.asks(func(n *identity.NewLogin) {
			*n = identity.NewLogin{Errand: "collect", Subject: "7", Level: identity.LevelHigh, Language: "nl", About: "Om <b>het</b> te openen.", Back: "/back/x"}
			x.ask(n)
		})
		b := r.browser()
		at := b.asked()
		if got := b.offers(); !slices.Equal(got, x.want) {
			t.Errorf("%s: offers %v, want %v", name, got, x.want)
		}
		b.shows("Om <b>het</b> te openen.")
		if len(x.want) == 0 {
			b.shows("op geen enkele manier")
		}
		// What is not offered cannot be begun.
		for method := range r.means {
			if !slices.Contains(x.want, method) {
				b.post(at+"/begin", url.Values{"means": {method}}).want(http.StatusForbidden, "/begin")
			}
		}
	}
	for _, m := range r.means {
		if len(m.began) != 0 {
			t.Errorf("%s was begun", m.method)
		}
	}
}

func TestApproval(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const text = "Ik geef Karim Benali volmacht\nom te <versturen> namens Immo Zilverlinde bv."
	r.asks(func(n *identity.NewLogin) { n.Approve = text })
	b := r.browser()
	at := b.asked()
	if !strings.Contains(b.body, "namens Immo Zilverlinde bv.</pre>") || !strings.Contains(b.body, "&lt;versturen&gt;") {
		t.Errorf("text is not shown word for word:\n%s", b.body)
	}
	// The language of the text is that of the errand, whatever the reader reads.
	b.get(at+"?lang=fr").post(at+"/begin", url.Values{"means": {"itsme"}})
	if a := r.means["itsme"].began[0]; a.Text != text || a.Language != "nl" {
		t.Errorf("asked %+v", a)
	}
	b.get("/identify/callback/itsme?code=c&state="+b.at.Query().Get("state")).want(http.StatusOK, "").shows("approuvez")
	b.submit("/finish", nil).want(http.StatusOK, "/taken")
	if p := r.proofs(); len(p) != 1 || p[0].Approved != text {
		t.Errorf("taken %+v", p)
	}
}

// An errand opens in the browser that has its cookie, and nowhere else.
func TestErrandIsOneBrowsers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	mine := b.returned("itsme")
	callback := b.at.RequestURI()
	action, fields := b.form("/finish")
	other := r.browser()
	theirs := other.asked()

	gets := []string{mine, mine + "/with", mine + "/back", mine + "/statement.pdf", mine + "/finish", callback}
	posts := []string{action, mine + "/begin", mine + "/account", mine + "/upload"}
	refused := func(name string, thief *browser) {
		t.Helper()
		for _, p := range gets {
			if thief.get(p); thief.status != http.StatusBadRequest || !strings.Contains(thief.text(), "Wij herkennen deze browser niet") {
				t.Errorf("%s: GET %s: %d", name, p, thief.status)
			}
			thief.hides("bericht te openen", "secret-token", `name="code"`)
		}
		for _, p := range posts {
			if thief.post(p, fields); thief.status != http.StatusBadRequest {
				t.Errorf("%s: POST %s: %d", name, p, thief.status)
			}
		}
	}
	refused("the id without the cookie", r.browser())
	refused("with another errand's cookie", other)
	secret := other.cookies("bode_errand_")[0]
	refused("with another errand's cookie under its name", r.browser().steal([]*http.Cookie{{Name: b.cookies("bode_errand_")[0].Name, Value: secret.Value, Path: "/"}}))
	// The cookie without the id leads nowhere.
	thief := r.browser().steal(b.cookies("bode_errand_"))
	thief.get(theirs).want(http.StatusBadRequest, "")
	thief.get("/identify/").want(http.StatusNotFound, "")
	thief.get("/identify/x").want(http.StatusBadRequest, "")
	// Even who opened the errand is not the session that asked.
	thief.post(action, fields).want(http.StatusConflict, "/finish")
	// A callback of my state in a browser that has an errand of its own: login CSRF.
	if other.get(callback); other.status != http.StatusBadRequest {
		t.Errorf("cross-session callback: %d", other.status)
	}
	if n := len(r.proofs()); n != 0 {
		t.Errorf("%d proofs were taken", n)
	}
	if n := len(r.means["itsme"].finished); n != 1 { // the thief with the cookie used it up
		t.Errorf("finished %d times", n)
	}
}

// The answer to one errand is none to another of the same browser.
func TestTwoErrandsSideBySide(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	one := b.returned("itsme")
	_, first := b.form("/finish")
	two := b.returned("itsme")
	b.post(two+"/finish", first).want(http.StatusConflict, "/finish")
	b.post(one+"/finish", first).want(http.StatusOK, "/taken")
	b.get(one).want(http.StatusBadRequest, "") // over
	b.get(two).want(http.StatusOK, "")
}

// Mix-up: the answer of one provider at the address of another.
func TestAnotherProviderAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	b.begun("fas")
	state := b.want(http.StatusOK, "/idp/fas").at.Query().Get("state")
	for _, at := range []string{"itsme", "luxtrust", "be-eid-webeid", "x"} {
		b.get("/identify/callback/"+at+"?code=c&state="+state).want(http.StatusConflict, "").hides(`name="code"`)
	}
	b.get("/identify/callback?code=c&state=" + state)
	if b.status < 400 {
		t.Errorf("an address of no provider: %d", b.status)
	}
	b.get("/identify/callback/fas?code=c&state="+state).want(http.StatusOK, "").submit("/finish", nil).want(http.StatusOK, "/taken")
}

// Of any number of presses one goes through.
func TestOneFinishWins(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	b.returned("itsme")
	action, fields := b.form("/finish")
	var all sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for range 8 {
		all.Go(func() {
			q, err := http.NewRequest(http.MethodPost, action, strings.NewReader(fields.Encode()))
			if err != nil {
				return
			}
			q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if resp, err := b.client.Do(q); err == nil {
				resp.Body.Close()
				mu.Lock()
				statuses[resp.StatusCode]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(r.proofs()) != 1 || len(r.means["itsme"].finished) != 1 || statuses[http.StatusSeeOther] != 1 {
		t.Errorf("%d proofs, %d finished, statuses %v", len(r.proofs()), len(r.means["itsme"].finished), statuses)
	}
	b.post(action, fields).want(http.StatusBadRequest, "/finish")
}

func TestTooManyBeginnings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	at := b.asked()
	for range 20 {
		b.post(at+"/begin", url.Values{"means": {"be-eid-webeid"}}).want(http.StatusOK, "/with")
	}
	b.post(at+"/begin", url.Values{"means": {"be-eid-webeid"}}).want(http.StatusConflict, "/begin").shows("beperkt aantal keer")
	if n := len(r.means["be-eid-webeid"].began); n != 20 {
		t.Errorf("begun %d times", n)
	}
}

func TestErrandsEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	at := b.returned("itsme")
	action, fields := b.form("/finish")
	r.pass(10*time.Minute + time.Second)
	b.post(action, fields).want(http.StatusConflict, "/finish").shows("niet meer geldig")
	b.get(at).want(http.StatusOK, "")
	b.post(at+"/begin", url.Values{"means": {"itsme"}}).want(http.StatusOK, "/idp/itsme")
	r.pass(50 * time.Minute)
	b.get(at).want(http.StatusBadRequest, "")
	b.post(at+"/begin", url.Values{"means": {"itsme"}}).want(http.StatusBadRequest, "")
	b.post(action, fields).want(http.StatusBadRequest, "")
	r.must(r.people.Sweep(t.Context()))
	var n int
	r.must(r.pool.QueryRow(t.Context(), `SELECT count(*) FROM login`).Scan(&n))
	if n != 0 || len(r.proofs()) != 0 {
		t.Errorf("%d errands, %d proofs", n, len(r.proofs()))
	}
}
