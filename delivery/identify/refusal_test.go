package identify_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/bode-erds/bode/identity"
)

// Every failure of a means is told with what to do, and the errand goes on.
func TestFailures(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	for _, x := range []struct {
		err    error
		status int
		says   string
	}{
		{identity.ErrLoginRefused, http.StatusForbidden, "U bent gestopt"},
		{identity.ErrLoginStale, http.StatusConflict, "niet meer geldig"},
		{identity.ErrLoginLevel, http.StatusForbidden, "itsme-code van 5 cijfers"},
		{identity.ErrLoginUnavailable, http.StatusServiceUnavailable, "itsme is nu niet bereikbaar"},
		{identity.ErrLoginUnusable, http.StatusBadGateway, "niet gelukt om u te herkennen"},
		{identity.ErrLoginDocument, http.StatusForbidden, "wordt niet aanvaard"},
	} {
		r.means["itsme"].set(func(m *means) { m.fails = fmt.Errorf("%w: of Lotte Peeters", x.err) })
		at := b.returned("itsme")
		b.submit("/finish", nil).want(x.status, "/finish").shows(x.says, "Opnieuw beginnen", "Stoppen en teruggaan").hides("Lotte")
		b.get(at+"/finish").want(http.StatusOK, at)
		r.means["itsme"].set(func(m *means) { m.fails, m.down = nil, x.err })
		b.post(at+"/begin", url.Values{"means": {"itsme"}}).want(x.status, "/begin").shows(x.says)
		r.means["itsme"].set(func(m *means) { m.down = nil })
		r.mu.Lock()
		r.fails = x.err // the owner says so
		r.mu.Unlock()
		b.returned("itsme")
		b.submit("/finish", nil).want(x.status, "/finish")
		r.mu.Lock()
		r.fails = nil
		r.mu.Unlock()
	}
	// A person who says no at the provider comes back with an error.
	at := b.begun("itsme")
	state := b.at.Query().Get("state")
	b.get("/identify/callback/itsme?error=access_denied&state="+state).want(http.StatusOK, "").shows("U bent gestopt")
	b.get(at).want(http.StatusOK, at)
	if len(r.proofs()) != 0 {
		t.Error("somebody was identified")
	}
}

// What a means claims is worth what the policy grants, for this purpose.
func TestLevelTooLow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, level := range []identity.Level{identity.LevelSubstantial, identity.LevelLow, identity.LevelNone} {
		r.means["itsme"].set(func(m *means) { m.level = level })
		b := r.browser()
		b.returned("itsme")
		b.submit("/finish", nil).want(http.StatusForbidden, "/finish").shows("niet zeker genoeg")
	}
	// Good enough for a sender; of a statement it would not be for a recipient.
	r.asks(func(n *identity.NewLogin) { n.Errand, n.Level = "bind", identity.LevelSubstantial })
	r.means["itsme"].set(func(m *means) { m.level = identity.LevelSubstantial })
	b := r.browser()
	b.returned("itsme")
	b.submit("/finish", nil).want(http.StatusOK, "/taken")
	if n := len(r.proofs()); n != 1 {
		t.Errorf("%d proofs", n)
	}
}

func TestErrandOfNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.asks(func(n *identity.NewLogin) { n.Errand = "somebody_elses" })
	r.browser().post("/ask", nil).want(http.StatusNotFound, "")
}

// Forms of other sites act for nobody.
func TestOtherSitesCannotAct(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	at := b.returned("itsme")
	_, fields := b.form("/finish")
	for _, path := range []string{"/begin", "/finish", "/upload", "/account"} {
		for _, h := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
			q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+at+path, strings.NewReader(fields.Encode()))
			r.must(err)
			q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			q.Header.Set(h[0], h[1])
			if b.send(q); b.status != http.StatusForbidden {
				t.Errorf("%s with %v: %d", path, h, b.status)
			}
		}
	}
	if len(r.means["itsme"].finished) != 0 {
		t.Error("a form of another site finished")
	}
}

// A GET proves nothing and changes nothing, nor does a HEAD.
func TestNoGetWrites(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	for _, means := range []string{"itsme", "be-eid-webeid", "be-eid-mtls", "eudi-pid", "qes-statement"} {
		at := b.begun(means)
		state := b.at.Query().Get("state")
		if key := b.keyOf(); key != "" {
			b.post("/receive/"+means+"/", url.Values{"key": {key}})
		}
		before := r.everything()
		for _, path := range []string{at, at + "/with", at + "/back?response_code=right", at + "/finish?token=x&state=" + state, at + "/begin?means=itsme",
			at + "/upload", at + "/account", at + "/statement.pdf", "/identify/callback/" + means + "?code=c&state=" + state} {
			for range 2 {
				b.get(path)
			}
			q, err := http.NewRequestWithContext(t.Context(), http.MethodHead, r.server.URL+path, nil)
			r.must(err)
			b.send(q)
		}
		if after := r.everything(); before != after {
			t.Errorf("%s: a GET wrote\nbefore %s\nafter  %s", means, before, after)
		}
	}
	for _, m := range r.means {
		if len(m.finished) != 0 {
			t.Errorf("a GET finished with %s", m.method)
		}
	}
}

// keyOf is the key on the page of a card, or that waits for a wallet.
func (b *browser) keyOf() string {
	_, fields := b.form("/be-eid-mtls/")
	return fields.Get("key")
}

// everything is all that the tables of errands hold.
func (r *rig) everything() (s string) {
	r.t.Helper()
	r.must(r.pool.QueryRow(r.t.Context(), `
SELECT coalesce((SELECT string_agg(md5(l::text), ' ' ORDER BY l.id) FROM login l), '') || ' | ' ||
       coalesce((SELECT string_agg(md5(c::text), ' ' ORDER BY c.id) FROM login_challenge c), '') || ' | ' ||
       (SELECT count(*) FROM identification) || ' | ' || (SELECT count(*) FROM access_log)`).Scan(&s))
	return s
}

// Neither logs nor rows in the clear hold what opens or names anybody.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	at := b.returned("itsme")
	secret := b.cookies("bode_errand_")[0].Value
	var row string
	r.must(r.pool.QueryRow(t.Context(), `SELECT l::text || c::text || encode(l.back, 'escape') || encode(c.saved, 'escape') || encode(c.shown, 'escape')
		FROM login l JOIN login_challenge c ON c.login_id = l.id`).Scan(&row))
	_, fields := b.form("/finish")
	state := fields.Get("state")
	for what, s := range map[string]string{"secret of the cookie": secret, "link's token": "secret-token", "state": state, "asking session": b.cookies("asker")[0].Value} {
		if strings.Contains(row, s) {
			t.Errorf("the row holds the %s: %s", what, row)
		}
	}
	r.means["itsme"].set(func(m *means) { m.fails = identity.ErrLoginUnusable })
	b.submit("/finish", nil)
	r.means["itsme"].set(func(m *means) { m.fails = nil })
	b.post(at+"/begin", url.Values{"means": {"itsme"}})
	b.get("/identify/callback/itsme?code=secretcode&state="+b.at.Query().Get("state")).submit("/finish", nil).want(http.StatusOK, "/taken")
	b.get(at)
	log := r.log.String()
	if !strings.Contains(log, "identification did not finish") {
		t.Fatal("nothing was logged")
	}
	for what, s := range map[string]string{"secret of the cookie": secret, "link's token": "secret-token", "state": state, "code": "secretcode",
		"national number": secretNumber, "name": "Peeters", "artefact": "secret artefact", "id of the errand": strings.TrimPrefix(at, "/identify/")} {
		if strings.Contains(log, s) {
			t.Errorf("the log holds the %s", what)
		}
	}
}
