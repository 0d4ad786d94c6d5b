package portal_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// letters is where notes to account holders end in tests, and who makes codes.
type letters struct {
	mu    sync.Mutex
	notes []identity.Note
	codes map[string]letterCode // by challenge
}

type letterCode struct {
	subject, channel, code string
	tries                  int
}

func (l *letters) Tell(_ context.Context, _ pgx.Tx, notes ...identity.Note) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes = append(l.notes, notes...)
	return nil
}

func (l *letters) Issue(_ context.Context, _ pgx.Tx, subject, channel string, _ time.Time) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Collect(maps.Keys(l.codes)) {
		if c := l.codes[id]; c.subject == subject && c.channel == channel {
			delete(l.codes, id)
		}
	}
	id := uuid.NewString()
	l.codes[id] = letterCode{subject, channel, fmt.Sprintf("%06d", uuid.New().ID()%1000000), 0}
	return id, nil
}

func (l *letters) Code(context.Context, string) (string, time.Time, error) {
	return "", time.Time{}, identity.ErrStale
}

func (l *letters) Check(_ context.Context, subject, channel, code string, _ time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, c := range l.codes {
		if c.subject != subject || c.channel != channel {
			continue
		}
		if c.tries++; c.tries > 5 {
			return identity.ErrTooManyCodes
		}
		l.codes[id] = c
		if c.code != code {
			return identity.ErrCode
		}
		delete(l.codes, id)
		return nil
	}
	return identity.ErrCode
}

// to is the last note to an address.
func (l *letters) to(t *testing.T, address string) identity.Note {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range slices.Backward(l.notes) {
		if n.To == address {
			return n
		}
	}
	t.Fatalf("nothing for %s", address)
	return identity.Note{}
}

func (l *letters) code(t *testing.T, address string) string {
	n := l.to(t, address)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.codes[n.Ref].code
}

// one is the one value of a query.
func (r *rig) one(sql string, args ...any) (s string) {
	r.t.Helper()
	r.must(r.pool.QueryRow(r.t.Context(), sql, args...).Scan(&s))
	return s
}

func filled() url.Values {
	return url.Values{"given": {"Noor"}, "family": {"Janssens"}, "email": {"Noor@post.example"}, "mobile": {"0471 00 00 01"}, "language": {"fr"},
		"line1": {"Kerkstraat 1"}, "postcode": {"3000"}, "city": {"Leuven"}, "country": {"BE"}, "own_password": {password}, "own_password_repeat": {password},
		"terms": {"on"}, "online": {"on"}}
}

// R1, R4: somebody opens an account, without a script.
func TestSignUpPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	post := r.post
	b := r.browser()
	b.to("/portal/sign-up").submit("/sign-up", filled()).want(http.StatusOK, "/codes")
	if !strings.Contains(b.body, "noor@post.example") {
		t.Errorf("codes page:\n%s", b.text())
	}
	mail, sms := post.code(t, "noor@post.example"), post.code(t, "+32471000001")
	b.submit("/codes", url.Values{}).want(http.StatusUnprocessableEntity, "/codes")
	b.submit("/codes", url.Values{"email_code": {mail[:3] + " " + mail[3:]}, "sms_code": {"1"}}).want(http.StatusUnprocessableEntity, "/codes")
	if strings.Contains(b.body, `name="email_code"`) || !strings.Contains(b.body, `name="sms_code"`) {
		t.Errorf("half proven:\n%s", b.text())
	}
	b.submit("/codes", url.Values{"sms_code": {sms}}).want(http.StatusOK, "/sign-in")
	b.to("/portal/sign-up/codes").want(http.StatusOK, "/portal/sign-up")
	b.to("/portal/sign-in").submit("/sign-in", url.Values{"login": {"noor@post.example"}, "password": {password}}).want(http.StatusOK, "")
	b.to("/portal/data").want(http.StatusOK, "/data")
	b.shows("noor@post.example", "+32471000001", "Kerkstraat 1")
	if !strings.Contains(b.body, "/texts/terms/2026-11") {
		t.Errorf("my data lacks the text agreed to:\n%s", b.text())
	}
}

func TestSignUpPagesRefuse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	post := r.post
	b := r.browser()
	for name, spoil := range map[string]func(url.Values){
		"nothing agreed":      func(v url.Values) { v.Set("terms", "") },
		"another text":        func(v url.Values) { v.Set("terms_version", "2020-01") },
		"another privacy":     func(v url.Values) { v.Set("privacy_version", "") },
		"passwords differ":    func(v url.Values) { v.Set("own_password_repeat", "x") },
		"short password":      func(v url.Values) { v.Set("own_password", "kort"); v.Set("own_password_repeat", "kort") },
		"no name":             func(v url.Values) { v.Set("given", "") },
		"control in name":     func(v url.Values) { v.Set("given", "No\x00or") },
		"address":             func(v url.Values) { v.Set("email", "noor") },
		"mobile":              func(v url.Values) { v.Set("mobile", "twelve") },
		"country":             func(v url.Values) { v.Set("country", "XXX") },
		"language":            func(v url.Values) { v.Set("language", "xx") },
		"script in the name ": func(v url.Values) { v.Set("family", "<script>alert(1)</script>"); v.Set("email", "") },
	} {
		v := filled()
		spoil(v)
		b.to("/portal/sign-up").submit("/sign-up", v)
		if b.status != http.StatusUnprocessableEntity || !strings.Contains(b.body, `class="fault"`) {
			t.Errorf("%s: %d\n%s", name, b.status, b.text())
		}
		if strings.Contains(b.body, "<script>alert") || strings.Contains(b.body, password) {
			t.Errorf("%s: the page gives back what it should not", name)
		}
	}
	if slices.ContainsFunc(post.notes, func(n identity.Note) bool { return n.Kind == identity.NoteContactCode }) {
		t.Error("codes for what was refused")
	}
	b.to("/portal/sign-up/codes").want(http.StatusOK, "/portal/sign-up")
	// Online without the version that was shown is not agreed to.
	v := filled()
	v.Set("online_version", "2020-01")
	b.to("/portal/sign-up").submit("/sign-up", v).want(http.StatusOK, "/codes")
	b.submit("/codes", url.Values{"email_code": {post.code(t, "noor@post.example")}, "sms_code": {post.code(t, "+32471000001")}})
	if n := r.count(`SELECT count(*) FROM contact WHERE online_at IS NOT NULL`); n != 0 {
		t.Error("agreed to a text that was not shown")
	}
}

// The same status and the same body whether the address has an account or not.
func TestPagesTellNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	post := r.post
	page := func(path, form string, v url.Values, hide string) string {
		b := r.browser()
		b.to(path).submit(form, v)
		return fmt.Sprintf("%d %s %s", b.status, b.at.Path, strings.ReplaceAll(b.body, hide, "X"))
	}
	fresh, taken := filled(), filled()
	taken.Set("email", "lotte@firma.example")
	if a, b := page("/portal/sign-up", "/sign-up", fresh, "noor@post.example"), page("/portal/sign-up", "/sign-up", taken, "lotte@firma.example"); a != b {
		t.Errorf("sign-up: fresh\n%s\ntaken\n%s", a, b)
	}
	if n := post.to(t, "lotte@firma.example"); n.Kind != identity.NoteAccountExists {
		t.Errorf("told %+v", n)
	}
	if a, b := page("/portal/reset", "/reset", url.Values{"login": {"lotte"}}, "-"), page("/portal/reset", "/reset", url.Values{"login": {"nobody"}}, "-"); a != b {
		t.Errorf("reset: known\n%s\nunknown\n%s", a, b)
	}
}

func TestResetPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	post := r.post
	b := r.browser()
	b.to("/portal/reset").submit("/reset", url.Values{"login": {" "}}).want(http.StatusUnprocessableEntity, "/reset")
	b.submit("/reset", url.Values{"login": {"lotte"}}).want(http.StatusOK, "/reset")
	f, err := r.people.NoteFacts(t.Context(), post.to(t, "lotte@firma.example"))
	r.must(err)
	for _, bad := range []string{"/portal/reset/x", "/portal/reset/" + strings.Repeat("A", 43)} {
		b.to(bad).want(http.StatusGone, bad)
		b.post(r.server.URL+bad, url.Values{"own_password": {"negen natte nonnen"}, "own_password_repeat": {"negen natte nonnen"}}).want(http.StatusGone, bad)
	}
	for range 3 { // a scanner opens it again and again
		b.to(f.Path).want(http.StatusOK, f.Path)
	}
	b.submit(f.Path, url.Values{"own_password": {"negen natte nonnen"}, "own_password_repeat": {"x"}}).want(http.StatusUnprocessableEntity, f.Path)
	b.submit(f.Path, url.Values{"own_password": {"kort"}, "own_password_repeat": {"kort"}}).want(http.StatusUnprocessableEntity, f.Path)
	b.submit(f.Path, url.Values{"own_password": {"negen natte nonnen"}, "own_password_repeat": {"negen natte nonnen"}}).want(http.StatusOK, "/sign-in")
	b.to(f.Path).want(http.StatusGone, f.Path)
	b.to("/portal/sign-in").submit("/sign-in", url.Values{"login": {"lotte"}, "password": {"negen natte nonnen"}}).want(http.StatusUnprocessableEntity, "") // the factor stays
	b.submit("/sign-in", url.Values{"login": {"lotte"}, "password": {"negen natte nonnen"}, "code": {r.code(r.secret)}}).want(http.StatusOK, "/portal")
	r.ahead.Add(int64(time.Minute))
	for range 20 {
		b.to("/portal/reset").submit("/reset", url.Values{"login": {"lotte"}})
	}
	if b.status != http.StatusTooManyRequests {
		t.Errorf("asking on and on: %d", b.status)
	}
}

// R8: seen, corrected, taken along, restricted.
func TestDataPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte()
	b.to("/portal/data").submit("/data/person", url.Values{"language": {"de"}}).want(http.StatusOK, "/data")
	b.submit("/data/person", url.Values{"language": {"xx"}}).want(http.StatusUnprocessableEntity, "/data/person")
	b.post(r.server.URL+"/portal/data/person", url.Values{"given": {"Karel"}}).want(http.StatusForbidden, "/data/person") // the name is proven
	if _, err := r.pool.Exec(t.Context(), `UPDATE person SET identification_id = NULL`); err != nil {
		t.Fatal(err)
	}
	b.to("/portal/data").submit("/data/person", url.Values{"given": {"Lotta"}, "family": {"Peeters"}, "language": {"de"}}).want(http.StatusOK, "/data")
	b.submit("/data/person", url.Values{"given": {""}}).want(http.StatusUnprocessableEntity, "/data/person")
	b.to("/portal/data").submit("/data/account", url.Values{"company_email": {"post@firma.example"}}).want(http.StatusOK, "/data")
	b.submit("/data/account", url.Values{"company_email": {"post"}}).want(http.StatusUnprocessableEntity, "/data/account")
	b.post(r.server.URL+"/portal/data/export", url.Values{"format": {"json"}}).want(http.StatusOK, "/export")
	var held identity.Holding
	if err := json.Unmarshal([]byte(b.body), &held); err != nil || held.Person.Given != "Lotta" || held.Person.Language != "de" || len(held.Accesses) == 0 {
		t.Errorf("export: %v, %+v", err, held.Person)
	}
	b.post(r.server.URL+"/portal/data/export", url.Values{"format": {"csv"}}).want(http.StatusOK, "/export")
	if lines, err := csv.NewReader(bytes.NewReader([]byte(b.body))).ReadAll(); err != nil || len(lines) < 10 || lines[0][0] != "record" {
		t.Errorf("export: %v, %d lines", err, len(lines))
	}
	b.post(r.server.URL+"/portal/data/export", url.Values{"format": {"exe"}}).want(http.StatusBadRequest, "/export")
	if n := r.count(`SELECT count(*) FROM access_log WHERE action = 'data_exported'`); n != 3 {
		t.Errorf("%d exports in the log", n)
	}
	r.prove(r.person)
	b.to("/portal/data").submit("/data/restrict", url.Values{}).want(http.StatusOK, "/data")
	b.to("/portal/new").want(http.StatusForbidden, "/new")
	b.to("/portal/data").submit("/data/restrict", url.Values{}).want(http.StatusOK, "/data")
	b.to("/portal/new").want(http.StatusOK, "/new")
	if strings.Contains(b.to("/portal/data").body, "argon2") {
		t.Error("the page shows a hash")
	}
	r.browser().to("/portal/data").want(http.StatusOK, "/sign-in")
	r.browser().post(r.server.URL+"/portal/data/export", url.Values{"format": {"json"}}).want(http.StatusUnauthorized, "/export")
}

func TestContactPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	post := r.post
	b := r.lotte()
	b.to("/portal/contacts").post(r.server.URL+"/portal/contacts", url.Values{"kind": {"email"}, "email": {"x"}}).want(http.StatusUnprocessableEntity, "/contacts")
	b.post(r.server.URL+"/portal/contacts", url.Values{"kind": {"sms"}, "mobile": {"0472 00 00 02"}}).want(http.StatusOK, "/contacts")
	b.submit("/confirm", url.Values{"code": {"000"}}).want(http.StatusUnprocessableEntity, "/confirm")
	b.submit("/confirm", url.Values{"code": {post.code(t, "+32472000002")}}).want(http.StatusOK, "/contacts")
	b.shows("+32472000002")
	online := func() int { return r.count(`SELECT count(*) FROM contact WHERE online_at IS NOT NULL`) }
	b.submit("/online", url.Values{"version": {"2020-01"}}).want(http.StatusBadRequest, "/online")
	b.to("/portal/contacts").submit("/online", url.Values{}).want(http.StatusOK, "/contacts")
	if online() != 1 {
		t.Error("not agreed")
	}
	b.submit("/online", url.Values{}).want(http.StatusOK, "/contacts")
	if online() != 0 {
		t.Error("not withdrawn")
	}
	r.pass(6 * time.Minute) // no longer fresh
	b.submit("/remove", url.Values{}).want(http.StatusUnauthorized, "/remove")
	if n := r.count(`SELECT count(*) FROM contact`); n != 1 {
		t.Errorf("%d contacts: one was removed without the factors", n)
	}
	r.browser().post(r.server.URL+"/portal/contacts", url.Values{"kind": {"sms"}, "mobile": {"+32472000002"}}).want(http.StatusUnauthorized, "/contacts")
}

// R7, R36: the pages to leave, and to end other sessions.
func TestLeavePages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b, other := r.lotte(), r.lotte()
	if b.to("/portal/sessions"); strings.Count(b.body, "<tr>") != 3 {
		t.Errorf("sessions:\n%s", b.text())
	}
	b.submit("/others", url.Values{}).want(http.StatusOK, "/sessions")
	other.to("/portal").want(http.StatusOK, "/sign-in")
	b.to("/portal/leave")
	if strings.Contains(b.body, `value="leave"`) || !strings.Contains(b.body, `value="close"`) {
		t.Errorf("the only administrator:\n%s", b.text())
	}
	b.post(r.server.URL+"/portal/leave", url.Values{"what": {"leave"}, "sure": {"on"}}).want(http.StatusConflict, "/leave")
	b.to("/portal/leave").submit("/leave", url.Values{"sure": {""}}).want(http.StatusUnprocessableEntity, "/leave")
	if n := r.count(`SELECT count(*) FROM account WHERE closed_at IS NOT NULL`); n != 0 {
		t.Error("closed by half a press")
	}
	// Withdrawing from the terms explains what it means first.
	r.must(r.people.AgreeTo(t.Context(), identity.Actor{Kind: identity.ActorPerson, Subject: r.person, Account: r.account}, identity.Consent{Text: "terms", Version: "2026-11", Language: "nl"}))
	b.to("/portal/data").submit("/data/consents/"+r.one(`SELECT id::text FROM consent`), url.Values{}).want(http.StatusOK, "/leave")
	if n := r.count(`SELECT count(*) FROM consent WHERE withdrawn_at IS NOT NULL`); n != 0 {
		t.Error("withdrawn without a word")
	}
	b.submit("/leave", url.Values{"sure": {"on"}}).want(http.StatusOK, "/leave")
	if n := r.count(`SELECT count(*) FROM account WHERE closed_at IS NOT NULL`); n != 1 {
		t.Error("not closed")
	}
	if n := r.post.to(t, "lotte@firma.example"); n.Kind != identity.NoteAccountClosed {
		t.Errorf("told %+v", n)
	}
	b.to("/portal").want(http.StatusOK, "/sign-in")
}

// Whoever has only a password must be able to leave, soon after signing in.
func TestLeaveWithPassword(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.people.CreatePerson(t.Context(), identity.System, r.account, identity.Billing, r.newPerson("els"))
	r.must(err)
	b := r.browser()
	b.to("/portal/sign-in").submit("/sign-in", url.Values{"login": {"els"}, "password": {password}})
	b.to("/portal/leave")
	if strings.Contains(b.body, `value="close"`) {
		t.Error("may close the company's account")
	}
	b.post(r.server.URL+"/portal/leave", url.Values{"what": {"close"}, "sure": {"on"}}).want(http.StatusForbidden, "/leave")
	r.pass(6 * time.Minute)
	b.post(r.server.URL+"/portal/leave", url.Values{"what": {"leave"}, "sure": {"on"}}).want(http.StatusUnauthorized, "/leave")
	b.submit("/sign-out", url.Values{}).to("/portal/sign-in").submit("/sign-in", url.Values{"login": {"els"}, "password": {password}})
	b.post(r.server.URL+"/portal/leave", url.Values{"what": {"leave"}, "sure": {"on"}}).want(http.StatusOK, "/leave")
	if n := r.count(`SELECT count(*) FROM person WHERE login = 'els'`); n != 0 {
		t.Error("the data stayed")
	}
}

// Every page of people in every language, whole.
func TestPeoplePages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.prove(r.person)
	b := r.lotte()
	r.must(r.people.ProveContact(t.Context(), identity.System, r.person, "email", "lotte@firma.example"))
	b.post(r.server.URL+"/portal/contacts", url.Values{"kind": {"sms"}, "mobile": {"0472 00 00 02"}}).want(http.StatusOK, "/contacts")
	paths := []string{"/texts/terms", "/texts/privacy/2026-11", "/texts/online", "/portal/sign-up", "/portal/reset", "/portal/reset?sent=1",
		"/portal/data", "/portal/contacts", "/portal/sessions", "/portal/leave", "/portal/account"}
	for _, lang := range web.Languages() {
		for _, path := range paths {
			sep := map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]
			b.to(path + sep + "lang=" + lang)
			if b.status != http.StatusOK || !strings.Contains(b.body, `<html lang="`+lang+`">`) || !strings.Contains(b.body, "</html>") {
				t.Errorf("%s in %s: %d\n%s", path, lang, b.status, b.text())
			}
			for _, bad := range []string{" style=", " onclick=", "<style", "javascript:", "<no value>", "%!"} {
				if strings.Contains(b.body, bad) {
					t.Errorf("%s in %s holds %q", path, lang, bad)
				}
			}
		}
	}
	for _, path := range []string{"/texts/x", "/texts/terms/2020-01", "/texts/terms/..", "/texts/terms/%2e%2e%2fprivacy%2f2026-11", "/texts/.."} {
		if b.to(path); b.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, b.status)
		}
	}
}
