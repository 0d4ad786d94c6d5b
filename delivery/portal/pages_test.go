package portal_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/notify"
)

// Every page in every language, whole.
func TestPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(r.account)[0]
	r.attempt(d, notify.Email, notify.Sent)
	r.attempt(d, notify.SMS, notify.Permanent)
	b := r.lotte()
	b.post(r.server.URL+"/portal/keys", url.Values{"key_name": {"one"}, "key_mode": {"test"}}).want(http.StatusCreated, "/keys")
	paths := []string{"/", "/privacy", "/notice", "/verify", "/portal", "/portal?test=1", "/portal/messages", "/portal/messages?test=1", "/portal/messages?status=waiting&recipient=jan", "/portal/messages?status=returned", "/portal/notifications", "/portal/new", "/portal/drafts", "/portal/drafts?state=waiting", "/portal/release", "/portal/account", "/portal/keys", "/portal/keys/clients", "/portal/keys/certificates", "/portal/keys/trial", "/portal/log",
		"/portal/messages/" + string(d.Message.ID), "/portal/messages/" + string(d.Message.ID) + "/cancel", "/portal/deliveries/" + string(d.ID)}
	for _, lang := range web.Languages() {
		for _, path := range paths {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
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
}

// Another account's things are not found, whatever is asked of them.
func TestForeign(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other, _ := r.company("karim", "Andere nv")
	d := r.message(other)[0]
	events, err := r.deliveries.Events(t.Context(), other, d.ID)
	r.must(err)
	before := r.count(`SELECT count(*) FROM erds_event`)
	b := r.lotte()
	for _, path := range []string{
		"/portal/messages/" + string(d.Message.ID), "/portal/messages/" + string(d.Message.ID) + "/cancel", "/portal/messages?older=x",
		"/portal/deliveries/" + string(d.ID), "/portal/deliveries/" + string(d.ID) + "/dossier", "/portal/deliveries/" + string(d.ID) + "/letter",
		"/portal/evidence/" + events[0].ID + ".pdf", "/portal/evidence/" + events[0].ID + ".xml", "/portal/evidence/" + events[0].ID + ".exe",
		"/portal/evidence/x.pdf", "/portal/messages/x", "/portal/deliveries/x", "/portal/keys/x", "/portal/messages?newer=" + string(d.Message.ID) + ".-1", "/portal/account?before=x",
		"/portal/messages/" + string(d.Message.ID) + "?after=-1", "/portal/nothing", "/nothing",
	} {
		if b.to(path); b.status != http.StatusNotFound || strings.Contains(b.body, "Opzegging") {
			t.Errorf("%s: %d", path, b.status)
		}
	}
	b.post(r.server.URL+"/portal/messages/"+string(d.Message.ID)+"/cancel", nil).want(http.StatusNotFound, "/cancel")
	b.post(r.server.URL+"/portal/keys/"+events[0].ID+"/revoke", nil).want(http.StatusNotFound, "/revoke")
	b.post(r.server.URL+"/portal/account/switch", url.Values{"account": {other}}).want(http.StatusNotFound, "/switch")
	if after := r.count(`SELECT count(*) FROM erds_event`); after != before {
		t.Errorf("%d events became %d", before, after)
	}
}

// What may change something is refused to strangers, to other sites, and to
// those without the role.
func TestRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(r.account)[0]
	posts := []string{"/portal/new", "/portal/send", "/portal/messages/" + string(d.Message.ID) + "/cancel", "/portal/keys",
		"/portal/keys/" + string(d.ID) + "/revoke", "/portal/account/switch"}
	before := r.count(`SELECT count(*) FROM erds_event`) + r.count(`SELECT count(*) FROM api_key`)
	stranger := r.browser()
	for _, path := range posts {
		if stranger.post(r.server.URL+path, nil); stranger.status != http.StatusUnauthorized {
			t.Errorf("stranger at %s: %d", path, stranger.status)
		}
	}
	b := r.lotte()
	for _, path := range append(posts, "/portal/sign-in", "/portal/sign-out", "/notice", "/verify") {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+path, strings.NewReader("subject=x"))
		r.must(err)
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		q.Header.Set("Origin", "https://evil.example")
		q.Header.Set("Sec-Fetch-Site", "cross-site")
		if b.send(q); b.status != http.StatusForbidden {
			t.Errorf("from another site to %s: %d", path, b.status)
		}
	}
	for _, path := range []string{"/portal/messages/" + string(d.Message.ID), "/portal", "/privacy"} {
		if b.post(r.server.URL+path, nil); b.status != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, b.status)
		}
	}
	_, err := r.people.CreatePerson(t.Context(), identitySystem, r.account, "reader", r.newPerson("els"))
	r.must(err)
	els := r.signedIn("els", "")
	for _, path := range posts[:5] {
		if els.post(r.server.URL+path, url.Values{"do": {"check"}}); els.status != http.StatusForbidden {
			t.Errorf("reader at %s: %d", path, els.status)
		}
	}
	els.to("/portal").want(http.StatusOK, "/portal").hides("/portal/new")
	els.to("/portal/new").want(http.StatusForbidden, "/new")
	_, err = r.people.CreatePerson(t.Context(), identitySystem, r.account, "administrator", r.newPerson("jan"))
	r.must(err)
	jan := r.signedIn("jan", "") // an administrator with one factor
	for _, path := range posts[:4] {
		if jan.post(r.server.URL+path, url.Values{"do": {"check"}}); jan.status != http.StatusForbidden {
			t.Errorf("one factor at %s: %d", path, jan.status)
		}
	}
	jan.to("/portal/new").shows("second factor")
	if after := r.count(`SELECT count(*) FROM erds_event`) + r.count(`SELECT count(*) FROM api_key`); after != before {
		t.Errorf("%d things became %d", before, after)
	}
}

// No GET writes: neither a delivery nor an event, neither a key nor a document.
func TestGetWritesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(r.account)[0]
	b := r.lotte()
	state := func() string {
		var s string
		r.must(r.pool.QueryRow(t.Context(), `SELECT concat_ws(' ', (SELECT count(*) FROM erds_event), (SELECT count(*) FROM document), (SELECT count(*) FROM api_key),
			(SELECT count(*) FROM notice), (SELECT string_agg(d::text, ',' ORDER BY id) FROM delivery d))`).Scan(&s))
		return s
	}
	before := state()
	for _, path := range []string{"/", "/notice?code=" + d.NoticeCode, "/verify", "/portal", "/portal/new?do=check&subject=x", "/portal/send?subject=x", "/portal/account",
		"/portal/keys?key_name=x&key_mode=test", "/portal/messages/" + string(d.Message.ID), "/portal/messages/" + string(d.Message.ID) + "/cancel",
		"/portal/deliveries/" + string(d.ID), "/portal/deliveries/" + string(d.ID) + "/dossier"} {
		b.to(path)
		for _, method := range []string{http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete, http.MethodPatch} {
			q, err := http.NewRequestWithContext(t.Context(), method, r.server.URL+path, nil)
			r.must(err)
			b.send(q)
		}
	}
	if after := state(); after != before {
		t.Errorf("%s\nbecame\n%s", before, after)
	}
}

// Text that others made stands on pages as text.
func TestHostileText(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const evil = `<img src=x onerror=alert(1)>"'&{{.}}`
	d := r.message(r.account, func(s *delivery.Submission) {
		s.Subject, s.Reference = evil, evil
		s.Recipients[0].Given, s.Recipients[0].Family = evil, `</title><script>`
	})[0]
	r.attempt(d, notify.Email, notify.Permanent)
	b := r.lotte()
	for _, path := range []string{"/portal/messages", "/portal/messages/" + string(d.Message.ID), "/portal/messages/" + string(d.Message.ID) + "/cancel", "/portal/deliveries/" + string(d.ID)} {
		b.to(path).want(http.StatusOK, path).hides("<img src=x", "</title><script>", "<b>Ok</b>").shows(evil)
	}
	b.to("/portal/new")
	b.submit("/portal/new", url.Values{"do": {"add"}, "subject": {evil}, "body": {"</textarea><script>alert(1)</script>"}, "r0-given": {evil}}).
		want(http.StatusOK, "/new").hides("<img src=x", "<script>alert")
	r.browser().get(r.server.URL + "/portal/sign-in?next=" + url.QueryEscape("https://evil.example/portal")).hides(`value="https:`)
	for _, next := range []string{"//evil.example/portal", `/\evil.example`, "/portal/../../evil", "javascript:alert(1)", "/portalx", "/c/x"} {
		r.browser().get(r.server.URL + "/portal/sign-in?next=" + url.QueryEscape(next)).hides(fmt.Sprintf(`value="%s"`, next))
	}
}
