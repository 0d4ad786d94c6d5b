package collect_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/identitytest"
	"github.com/bode-erds/bode/notify"
)

func TestLinksThatLeadNowhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	link := r.link(d)
	last := link[len(link)-1:]
	other := "A"
	if last == other {
		other = "B"
	}
	for _, bad := range []string{link[:len(link)-1], link + "A", strings.TrimSuffix(link, last) + other, r.server.URL + "/c/x", r.server.URL + "/c/%00%ff",
		r.server.URL + "/c/" + strings.Repeat("é", 43), r.server.URL + "/c/" + strings.Repeat("A", 4000)} {
		b := r.browser().get(bad)
		if b.status != http.StatusNotFound || !strings.Contains(b.text(), "Deze link werkt niet") {
			t.Errorf("%.80s: %d %.200s", bad, b.status, b.text())
		}
		b.hides("Zilverlinde")
		if got := r.browser().post(bad+"/codes", nil); got.status != http.StatusNotFound {
			t.Errorf("POST %.80s/codes: %d", bad, got.status)
		}
	}
	if got := r.browser().get(link + "/nothing"); got.status != http.StatusNotFound {
		t.Errorf("unknown page: %d", got.status)
	}
}

func TestWhenItIsOver(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		end  func(*rig, delivery.Delivery)
		says string
	}{
		"window closed, not swept": {func(r *rig, _ delivery.Delivery) { r.pass(17 * 24 * time.Hour) }, "De termijn is voorbij"},
		"expired": {func(r *rig, _ delivery.Delivery) {
			r.pass(17 * 24 * time.Hour)
			must(r.deliveries.Sweep(r.t.Context(), 10))(r.t)
		}, "De termijn is voorbij"},
		"cancelled": {func(r *rig, d delivery.Delivery) {
			must(r.deliveries.Cancel(r.t.Context(), identity.Actor{Kind: identity.ActorKey, Account: r.account, Subject: "k-1", Name: "Boekhouding", Method: "api-key", ProvenAt: time.Now()}, d.Message.ID, delivery.Once{}))(r.t)
		}, "ingetrokken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d := r.message(func(s *delivery.Submission) { s.Policy.Fallback, s.Policy.PostAtOnce = delivery.FallbackNone, false })
			b := r.browser().identified(d).want(http.StatusOK, "/decide")
			accept, _ := b.form("/accept")
			x.end(r, d)
			before := r.events(d)
			b.post(accept, nil).want(http.StatusGone, "").shows(x.says).hides(secretSubject)
			b.post(strings.Replace(accept, "/accept", "/refuse", 1), nil).want(http.StatusGone, "")
			r.browser().get(r.link(d)).want(http.StatusGone, "").shows(x.says)
			r.browser().post(r.link(d)+"/codes", nil).want(http.StatusGone, "")
			if after := r.events(d); !slices.Equal(before, after) {
				t.Errorf("events %v became %v", before, after)
			}
		})
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().get(r.link(d)).submit("/codes", nil).want(http.StatusOK, "/codes")
	email, sms := r.code(d, notify.Email), r.code(d, notify.SMS)
	wrong := "000000"
	if sms == wrong {
		wrong = "000001"
	}
	// What is plainly no code costs no try.
	for range 8 {
		b.submit("/check", url.Values{"email_code": {"12345"}, "sms_code": {"abcdef"}}).want(http.StatusUnprocessableEntity, "/check").shows("Een code heeft precies 6 cijfers.")
	}
	b.submit("/check", nil).shows("Vul de code uit de e-mail in.", "Vul de code uit de sms in.")
	// The code by e-mail stays right; people type spaces.
	b.submit("/check", url.Values{"email_code": {email[:3] + " " + email[3:]}, "sms_code": {wrong}}).want(http.StatusUnprocessableEntity, "/check").
		shows("De code uit de e-mail is juist.", "U kunt nog 4 keer proberen.")
	for _, says := range []string{"nog 3 keer", "nog 2 keer", "nog één keer", "Deze code was te vaak fout", "Deze code was te vaak fout"} {
		b.submit("/check", url.Values{"sms_code": {wrong}}).shows(says)
	}
	b.submit("/check", url.Values{"sms_code": {sms}}).want(http.StatusUnprocessableEntity, "/check").shows("Deze code was te vaak fout")
	// New codes end the old ones.
	b.submit("/codes", nil).want(http.StatusOK, "/codes")
	b.submit("/check", url.Values{"sms_code": {sms}}).want(http.StatusUnprocessableEntity, "/check")
	b.submit("/check", url.Values{"sms_code": {r.code(d, notify.SMS)}}).want(http.StatusOK, "/identify")
	for _, n := range r.events(d) {
		if n == evidence.RecipientIdentification {
			t.Error("codes identified somebody")
		}
	}
}

func TestTooManyCodes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().get(r.link(d))
	for range 5 {
		b.post(r.link(d)+"/codes", nil).want(http.StatusOK, "/codes")
	}
	b.post(r.link(d)+"/codes", nil).want(http.StatusTooManyRequests, "/codes").shows("Wacht een uur")
	if got := b.header.Get("Retry-After"); got != "3600" {
		t.Errorf("Retry-After: %q", got)
	}
	r.browser().post(r.link(d)+"/codes", nil).want(http.StatusTooManyRequests, "/codes") // nor by another browser
	b.get(r.link(d)+"/codes").submit("/check", url.Values{"email_code": {r.code(d, notify.Email)}, "sms_code": {r.code(d, notify.SMS)}}).want(http.StatusOK, "/identify")
}

func TestOldCodes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().get(r.link(d)).submit("/codes", nil)
	r.pass(11 * time.Minute)
	b.submit("/check", url.Values{"email_code": {r.code(d, notify.Email)}, "sms_code": {r.code(d, notify.SMS)}}).
		want(http.StatusUnprocessableEntity, "/check").shows("Deze code is niet meer geldig")
}

// Nobody gets ahead: every request that is not next leads to what is, and
// leaves nothing behind.
func TestNoStepCanBeSkipped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	gets := []string{"/codes", "/identify", "/mismatch", "/decide", "/refuse", "/read", "/done", "/dossier", "/evidence/" + evidence.NewID() + ".pdf"}
	posts := []string{"/check", "/identify", "/accept", "/refuse", "/open", "/documents/1", "/all"}
	skip := func(b *browser, at string, allowed ...string) {
		t.Helper()
		before := r.events(d)
		for _, p := range gets {
			if !slices.Contains(allowed, p) {
				b.get(r.link(d)+p).want(http.StatusOK, at).hides(secretSubject, secretFile)
			}
		}
		for _, p := range posts {
			if !slices.Contains(allowed, p) {
				b.post(r.link(d)+p, nil).want(http.StatusOK, at).hides(secretSubject, secretFile)
			}
		}
		if after := r.events(d); !slices.Equal(before, after) {
			t.Errorf("at %q: events %v became %v", at, before, after)
		}
	}
	b := r.browser()
	skip(b, strings.TrimPrefix(r.link(d), r.server.URL))
	b.get(r.link(d)).submit("/codes", nil)
	skip(b, "/codes", "/codes", "/check")
	b.submit("/check", url.Values{"email_code": {r.code(d, notify.Email)}, "sms_code": {r.code(d, notify.SMS)}})
	skip(b, "/identify", "/identify", "/mismatch")
	b.get(r.link(d)+"/identify").answered(identitytest.Choice{Person: "lotte"}).submit("/finish", nil)
	skip(b, "/decide", "/decide", "/accept", "/refuse")
	b.get(r.link(d)+"/decide").submit("/accept", nil).want(http.StatusOK, "/read")
	for _, p := range []string{"/codes", "/identify", "/decide", "/refuse"} {
		b.get(r.link(d)+p).want(http.StatusOK, "/read")
	}
	b.post(r.link(d)+"/refuse", nil).want(http.StatusOK, "/read")
	if got := r.again(d); got.State != delivery.Consigned {
		t.Errorf("state %s", got.State)
	}
}

func TestForeignSession(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine, theirs := r.message(), r.message()
	b := r.browser().accepted(mine)
	base := must(url.Parse(r.server.URL + "/c/"))(t)
	session := b.client.Jar.Cookies(base)
	if len(session) == 0 {
		t.Fatal("no session cookie")
	}
	// The session of one message, under the name that the other's would have.
	b.get(r.link(theirs)).submit("/codes", nil)
	var name string
	for _, c := range b.client.Jar.Cookies(base) {
		if !slices.ContainsFunc(session, func(s *http.Cookie) bool { return s.Name == c.Name }) {
			name = c.Name
		}
	}
	for _, value := range []string{session[0].Value, "", "x", strings.Repeat("A", 43)} {
		thief := r.browser()
		thief.client.Jar.SetCookies(base, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
		for _, p := range []string{"/read", "/done", "/decide", "/dossier"} {
			thief.get(r.link(theirs)+p).want(http.StatusOK, strings.TrimPrefix(r.link(theirs), r.server.URL)).hides(secretSubject, secretFile)
		}
		thief.post(r.link(theirs)+"/documents/1", nil).hides("%PDF")
	}
	r.browser().get(r.link(mine)+"/read").hides(secretSubject, secretFile)
	// Both go on side by side in one browser.
	b.get(r.link(mine)+"/read").want(http.StatusOK, "/read")
	b.get(r.link(theirs)+"/codes").want(http.StatusOK, "/codes")
}

func TestOtherSitesCannotAct(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().identified(d)
	for _, path := range []string{"/accept", "/refuse", "/codes"} {
		for _, h := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
			q := must(http.NewRequestWithContext(t.Context(), http.MethodPost, r.link(d)+path, nil))(t)
			q.Header.Set(h[0], h[1])
			if b.send(q); b.status != http.StatusForbidden {
				t.Errorf("%s with %v: %d", path, h, b.status)
			}
		}
	}
	if got := r.again(d); got.State != delivery.Notified {
		t.Errorf("state %s", got.State)
	}
}

// Of any number of presses one goes through, and all see the same outcome.
func TestManyPressesOneAcceptance(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().identified(d)
	action, _ := b.form("/accept")
	statuses := press(b, 16, func(i int) string {
		if i == 7 {
			return strings.Replace(action, "/accept", "/refuse", 1)
		}
		return action
	}, nil)
	for _, s := range statuses {
		if s != http.StatusOK {
			t.Errorf("statuses %v", statuses)
			break
		}
	}
	n := map[evidence.Name]int{}
	for _, name := range r.events(d) {
		n[name]++
	}
	if n[evidence.ConsignmentAcceptance]+n[evidence.ConsignmentRejection] != 1 || n[evidence.ContentConsignment] > 1 {
		t.Errorf("events %v", n)
	}
}

func TestManyPressesOneIdentification(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().coded(d).answered(identitytest.Choice{Person: "lotte"})
	action, fields := b.form("/finish")
	press(b, 16, func(int) string { return action }, fields)
	n := 0
	for _, name := range r.events(d) {
		if name == evidence.RecipientIdentification {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d identifications", n)
	}
	b.get(r.link(d)+"/decide").want(http.StatusOK, "/decide")
	// The same answer once more, in a session of its own.
	c := r.browser().coded(d)
	c.post(action, fields).want(http.StatusBadRequest, "/finish")
	c.get(r.link(d)+"/decide").want(http.StatusOK, "/identify")
}

// press sends a form n times at once.
func press(b *browser, n int, action func(i int) string, fields url.Values) []int {
	statuses := make([]int, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			q, err := http.NewRequest(http.MethodPost, action(i), strings.NewReader(fields.Encode()))
			if err != nil {
				return
			}
			q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if resp, err := b.client.Do(q); err == nil {
				statuses[i] = resp.StatusCode
				resp.Body.Close()
			}
		})
	}
	all.Wait()
	return statuses
}

// The proof of an errand is taken in the session that asked for it, and once.
func TestForeignErrand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().coded(d).answered(identitytest.Choice{Person: "lotte"})
	action, fields := b.form("/finish")
	thief := r.browser()
	site := must(url.Parse(r.server.URL))(t)
	var stolen []*http.Cookie
	for _, c := range b.client.Jar.Cookies(site) {
		if strings.HasPrefix(c.Name, "bode_errand_") {
			stolen = append(stolen, c)
		}
	}
	// The errand without the session that asked: an attacker who got that far has
	// the victim's proof used up, and nothing else.
	thief.client.Jar.SetCookies(site, stolen)
	thief.post(action, fields).want(http.StatusConflict, "/finish")
	if slices.Contains(r.events(d), evidence.RecipientIdentification) {
		t.Error("somebody was identified")
	}
	thief.get(r.link(d) + "/decide").hides(secretSubject)
	b.get(r.link(d)+"/decide").want(http.StatusOK, "/identify")
	// A session of the same message in another browser is another session too.
	other := r.browser().coded(d)
	b.get(r.link(d) + "/identify").answered(identitytest.Choice{Person: "lotte"})
	action, fields = b.form("/finish")
	for _, c := range b.client.Jar.Cookies(site) {
		if strings.HasPrefix(c.Name, "bode_errand_") {
			other.client.Jar.SetCookies(site, []*http.Cookie{c})
		}
	}
	other.post(action, fields).want(http.StatusConflict, "/finish")
	if slices.Contains(r.events(d), evidence.RecipientIdentification) {
		t.Error("somebody was identified")
	}
}

func TestProviderIsDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().coded(d)
	r.must(r.provider.Close())
	b.submit("/identify", nil).submit("/begin", nil).want(http.StatusServiceUnavailable, "/begin").shows("itsme is nu niet bereikbaar")
}

// Somebody else learns only that it is not for them.
func TestMismatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(func(s *delivery.Submission) { s.Recipients[0].BirthDate = "1985-07-30" })
	for i, c := range []identitytest.Choice{{Person: "karim"}, {As: identitytest.Person{Given: "Lotte", Family: "Peeters", BirthDate: "1985-07-31"}}} {
		b := r.browser().coded(d).answered(c).submit("/finish", nil).want(http.StatusForbidden, "/mismatch").shows("Dit bericht is voor iemand anders")
		b.hides("Lotte", "Peeters", "1985", secretSubject, "lotte@")
		b.get(r.link(d)+"/decide").want(http.StatusOK, "/identify")
		b.post(r.link(d)+"/accept", nil).want(http.StatusOK, "/identify")
		n := 0
		for _, e := range must(r.deliveries.Events(t.Context(), r.account, d.ID))(t) {
			if e.Name == evidence.RecipientIdentification {
				n++
				if !slices.Contains(e.Details, evidence.Detail{Key: "identification", Value: "mismatch"}) || strings.Contains(fmt.Sprint(e.Details), "Karim") {
					t.Errorf("details %v", e.Details)
				}
			}
		}
		if n != i+1 {
			t.Errorf("%d mismatches recorded, want %d", n, i+1)
		}
	}
}

func TestSessionEndsOnTheWay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().identified(d)
	action, _ := b.form("/accept")
	r.pass(delivery.SessionLife + time.Minute)
	b.post(action, nil).want(http.StatusOK, strings.TrimPrefix(r.link(d), r.server.URL))
	if got := r.again(d); got.State != delivery.Notified {
		t.Errorf("state %s", got.State)
	}
	// With new codes the way is open again.
	b.identified(d).want(http.StatusOK, "/decide")
}
