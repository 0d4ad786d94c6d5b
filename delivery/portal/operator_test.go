package portal_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// works is the work of a service as a test says it is.
type works struct{ done []string }

func (*works) Troubled(context.Context, int64, int) ([]portal.Job, error) {
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	return []portal.Job{{ID: 7, Kind: "notify", State: "discarded", Attempt: 25, Most: 25, Since: at, Next: at, FailedAt: &at, Error: "550 <b>no</b>"}}, nil
}

func (w *works) Retry(_ context.Context, _ pgx.Tx, id int64) error  { return w.note("retry", id) }
func (w *works) Cancel(_ context.Context, _ pgx.Tx, id int64) error { return w.note("cancel", id) }

func (w *works) note(what string, id int64) error {
	if id != 7 {
		return web.ErrNotFound
	}
	w.done = append(w.done, what)
	return nil
}

func (*works) Doubts(context.Context, int) ([]notify.Doubt, error) {
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	return []notify.Doubt{{Notice: "n", Kind: "announcement", Channel: notify.SMS, Tries: 2, Since: at, Next: at, Running: true}}, nil
}

// newDesk is a rig whose first person is an operator.
func newDesk(t testing.TB) (*rig, *works) {
	w := &works{}
	r := newRig(t, func(c *portal.Config) {
		s, err := notify.NewSuppressions(notify.SuppressionsConfig{Pool: c.Deliveries.Pool, Key: make([]byte, 32)})
		if err != nil {
			t.Fatal(err)
		}
		c.Jobs, c.Doubts, c.Suppressions = w, w, s
	})
	r.must(r.people.AddOperator(t.Context(), identitySystem, r.person, "test"))
	return r, w
}

// operatorPaths are the pages of operators about the work of the service.
func operatorPaths() []string {
	out := []string{"/operator/retention", "/operator/overview", "/operator/jobs", "/operator/letters", "/operator/notices", "/operator/suppressed", "/operator/holds", "/operator/acts"}
	for _, r := range identity.Registers() {
		out = append(out, "/operator/registers/"+string(r), "/operator/registers/"+string(r)+"/new")
	}
	return out
}

// TestOperatorPages: whole in every language, and there for operators only.
func TestOperatorPages(t *testing.T) {
	t.Parallel()
	r, _ := newDesk(t)
	b := r.lotte()
	for _, lang := range web.Languages() {
		for _, path := range append(operatorPaths(), "/privacy/request", "/privacy/request?done=1", "/operator/accounts/"+r.account) {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			b.to(path + sep + "lang=" + lang)
			if b.status != http.StatusOK || !strings.Contains(b.body, `<html lang="`+lang+`">`) || !strings.Contains(b.body, "</html>") {
				t.Errorf("%s in %s: %d\n%s", path, lang, b.status, b.text())
			}
		}
	}
	_, _, err := r.people.CreateAccount(t.Context(), identity.NewAccount{Kind: identity.Private, Country: "BE"}, r.newPerson("nobody"))
	r.must(err)
	other := r.signedIn("nobody", "")
	for _, path := range operatorPaths() {
		if other.to(path); other.status != http.StatusNotFound {
			t.Errorf("somebody else at %s: %d", path, other.status)
		}
	}
	for _, path := range []string{"/operator/jobs/7/retry", "/operator/holds", "/operator/suppressed", "/operator/registers/incident", "/operator/accounts/" + r.account + "/daily"} {
		if other.post(r.server.URL+path, url.Values{"reason": {"x"}}); other.status != http.StatusNotFound {
			t.Errorf("somebody else posts to %s: %d", path, other.status)
		}
	}
	if n := r.count(`SELECT count(*) FROM operator_act WHERE act <> 'operator_added'`); n != 0 {
		t.Errorf("%d acts", n)
	}
}

// TestOperatorJobs: each act has a reason, and is written down with it.
func TestOperatorJobs(t *testing.T) {
	t.Parallel()
	r, w := newDesk(t)
	b := r.lotte()
	b.to("/operator/jobs").shows("notify", "25 / 25", "550 <b>no</b>")
	b.submit("/operator/jobs/7/retry", nil).want(http.StatusUnprocessableEntity, "/retry")
	b.post(r.server.URL+"/operator/jobs/8/cancel", url.Values{"reason": {"x"}}).want(http.StatusNotFound, "/cancel")
	b.post(r.server.URL+"/operator/jobs/x/cancel", url.Values{"reason": {"x"}}).want(http.StatusNotFound, "/cancel")
	if len(w.done) != 0 || r.count(`SELECT count(*) FROM operator_act WHERE act LIKE 'job_%'`) != 0 {
		t.Errorf("done without a reason, or without a job: %v", w.done)
	}
	b.post(r.server.URL+"/operator/jobs/7/retry", url.Values{"reason": {"Relay was down."}}).want(http.StatusOK, "/operator/jobs")
	b.post(r.server.URL+"/operator/jobs/7/cancel", url.Values{"reason": {"Sent by hand."}}).want(http.StatusOK, "/operator/jobs")
	if strings.Join(w.done, " ") != "retry cancel" || r.count(`SELECT count(*) FROM operator_act WHERE subject = 'job 7' AND operator = $1 AND reason <> ''`, r.person) != 2 {
		t.Errorf("did %v", w.done)
	}
	b.to("/operator/acts").shows("Job tried again", "Relay was down.", "job 7")
}

// TestOperatorHolds (R27): placed and lifted with a reason, and ended by itself.
func TestOperatorHolds(t *testing.T) {
	t.Parallel()
	r, _ := newDesk(t)
	m := r.message(r.account)[0].Message
	b := r.lotte()
	hold := func(f url.Values) *browser { return b.post(r.server.URL+"/operator/holds", f) }
	for name, f := range map[string]url.Values{
		"no reason": {"hold_number": {m.Number}}, "no such message": {"hold_number": {"AAAA-AAAA-AAAA"}, "reason": {"x"}}, "nothing": {},
		"ends before": {"hold_number": {m.Number}, "reason": {"x"}, "hold_ends": {"2020-01-01"}}, "no day": {"hold_number": {m.Number}, "reason": {"x"}, "hold_ends": {"soon"}},
	} {
		if hold(f); b.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, b.status)
		}
	}
	end := r.now().AddDate(0, 1, 0).Format(time.DateOnly)
	hold(url.Values{"hold_number": {strings.ToLower(m.Number)}, "reason": {"Rolnummer 26/1234"}, "hold_ends": {end}}).want(http.StatusOK, "/operator/holds").shows(m.Number, "26/1234")
	hold(url.Values{"hold_number": {m.Number}, "reason": {"again"}}).want(http.StatusUnprocessableEntity, "/holds").shows("under a hold already")
	b.post(r.server.URL+"/operator/holds/"+string(m.ID)+"/lift", nil).want(http.StatusUnprocessableEntity, "/lift")
	b.post(r.server.URL+"/operator/holds/"+string(m.ID)+"/lift", url.Values{"lift_reason": {"Uitspraak."}}).want(http.StatusOK, "/operator/holds").shows("Nothing is held")
	hold(url.Values{"hold_number": {m.Number}, "reason": {"Beroep"}, "hold_ends": {end}}).want(http.StatusOK, "/operator/holds")
	if n, err := r.deliveries.EndHolds(t.Context()); n != 0 || err != nil {
		t.Errorf("ended early: %d %v", n, err)
	}
	r.pass(40 * 24 * time.Hour)
	if n, err := r.deliveries.EndHolds(t.Context()); n != 1 || err != nil {
		t.Errorf("not ended: %d %v", n, err)
	}
	if n := r.count(`SELECT count(*) FROM message WHERE held`); n != 0 {
		t.Error("still held")
	}
	if n := r.count(`SELECT count(*) FROM operator_act WHERE act IN ('hold_placed', 'hold_lifted')`); n != 3 {
		t.Errorf("%d acts, want 3", n)
	}
}

// TestOperatorRegisters: every entry keeps its history, clocks run, and nobody
// writes over what somebody else wrote.
func TestOperatorRegisters(t *testing.T) {
	t.Parallel()
	r, _ := newDesk(t)
	b := r.lotte()
	path := r.server.URL + "/operator/registers/incident"
	known := r.now().UTC().Add(-20 * time.Hour).Format("2006-01-02T15:04")
	good := url.Values{"what": {"Sleutel <gelekt>"}, "known_at": {known}, "state": {"open"}, "reason": {"melding"}}
	for _, drop := range []string{"what", "known_at", "state", "reason"} {
		f := url.Values{}
		for k, v := range good {
			if k != drop {
				f[k] = v
			}
		}
		if b.post(path, f); b.status != http.StatusUnprocessableEntity {
			t.Errorf("without %s: %d", drop, b.status)
		}
	}
	b.post(path, good).want(http.StatusOK, "").shows("Sleutel <gelekt>", "hours left")
	entry := b.at.Path
	r.pass(5 * time.Hour)
	if b.to(entry); b.status != http.StatusOK { // the session may be stale by now
		b = r.lotte()
		b.to(entry)
	}
	id := entry[strings.LastIndexByte(entry, '/')+1:]
	next := url.Values{"id": {id}, "version": {"1"}, "what": {"Sleutel gelekt"}, "known_at": {known}, "state": {"reported"}, "reported_to": {"BIPT"}, "reported_at": {known}, "personal": {"no"}, "final_at": {known}, "reason": {"gemeld"}}
	b.post(path, next)
	if b.status == http.StatusUnauthorized {
		b = r.lotte()
		b.post(path, next)
	}
	b.want(http.StatusOK, id).shows("Version 2", "Version 1", "BIPT").hides("hours left", "hours late")
	if b.post(path, next); b.status != http.StatusConflict {
		t.Errorf("written over version 2: %d", b.status)
	}
	b.to("/operator/registers/incident/"+r.account).want(http.StatusNotFound, r.account)
	b.to("/operator/registers/nothing").want(http.StatusNotFound, "/nothing")
	if n := r.count(`SELECT count(*) FROM register_incident t WHERE t::text LIKE '%gelekt%'`); n != 0 {
		t.Error("fields stand open")
	}
	for _, sql := range []string{`UPDATE register_incident SET state = 'closed'`, `DELETE FROM register_incident`} {
		if _, err := r.pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s is possible", sql)
		}
	}
}

// TestPrivacyRequest (R22, R32): anybody may ask; the month runs; three months only
// when that was said within the first.
func TestPrivacyRequest(t *testing.T) {
	t.Parallel()
	r, _ := newDesk(t)
	b := r.browser()
	b.to("/privacy/request?lang=en").want(http.StatusOK, "/request")
	b.submit("/privacy/request", nil).want(http.StatusUnprocessableEntity, "/request")
	asked := url.Values{"kind": {"inspect"}, "name": {"An Janssens"}, "address": {"an@example.be"}, "asked": {"Alles wat u <over> mij hebt."}}
	b.to("/privacy/request").submit("/privacy/request", asked).want(http.StatusOK, "/request").shows("The month begins today")
	for range 10 {
		b.post(r.server.URL+"/privacy/request", asked)
	}
	if b.status != http.StatusTooManyRequests {
		t.Errorf("any number of requests: %d", b.status)
	}
	by := identity.Actor{Kind: identity.ActorPerson, Subject: r.person, Account: r.account}
	list, err := r.people.Entries(t.Context(), by, identity.Requests)
	r.must(err)
	if len(list) == 0 || list[0].By != "public" || list[0].Due == nil || list[0].Due.Sub(r.now()) < 27*24*time.Hour || list[0].Due.Sub(r.now()) > 31*24*time.Hour {
		t.Fatalf("%+v", list)
	}
	e := list[len(list)-1]
	e.State, e.Fields["extended_because"] = "extended", "Many documents; told by letter."
	r.pass(32 * 24 * time.Hour)
	if _, err := r.people.WriteEntry(t.Context(), by, identity.Requests, e, 1, "x"); err == nil {
		t.Error("extended after the first month")
	}
	r.pass(-5 * 24 * time.Hour)
	if _, err := r.people.WriteEntry(t.Context(), by, identity.Requests, e, 1, "x"); err != nil {
		t.Fatal(err)
	}
	history, err := r.people.EntryHistory(t.Context(), by, identity.Requests, e.ID)
	r.must(err)
	if due := history[0].Due; due == nil || due.Sub(history[1].At) < 88*24*time.Hour {
		t.Errorf("extended until %v", due)
	}
	stranger := identity.Actor{Kind: identity.ActorPerson, Subject: e.ID, Account: r.account}
	if _, err := r.people.Entries(t.Context(), stranger, identity.Requests); err == nil {
		t.Error("a stranger reads the register")
	}
}
