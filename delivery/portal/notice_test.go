package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
)

// Who wonders about a notice learns where we sent it, in a form that only tells
// who knows the address already.
func TestNoticeSaysWhereItWasSent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(r.account)[0]
	b := r.browser().get(r.server.URL + "/notice?lang=en")
	b.submit("/notice", url.Values{"code": {d.NoticeCode}}).want(http.StatusOK, "/notice").hides("We sent it to")
	r.attempt(d, notify.Email, notify.Sent)
	r.attempt(d, notify.SMS, notify.Permanent)
	b.get(r.server.URL+"/notice").submit("/notice", url.Values{"code": {d.NoticeCode}}).want(http.StatusOK, "/notice").
		shows("We sent it to", "E-mail to a***@example.be").hides("an@example.be", "Text message to", d.Recipient.Mobile, "Janssens", "Opzegging")
}

func TestUnknownNoticeGetsAdvice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for lang, address := range map[string]string{"nl": "verdacht@safeonweb.be", "fr": "suspect@safeonweb.be", "en": "suspicious@safeonweb.be"} {
		r.browser().get(r.server.URL+"/notice?lang="+lang).hides(address).
			submit("/notice", url.Values{"code": {"7K2PM-4TQ9X"}}).want(http.StatusNotFound, "/notice").shows(address).hides("/c/")
	}
}

// Guessing ends soon, right codes end nothing, and who asked too often still gets
// the form.
func TestNoticeCodesCannotBeGuessed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(r.account)[0]
	r.attempt(d, notify.Email, notify.Sent)
	b := r.browser().get(r.server.URL + "/notice?lang=en")
	check := func(code string, status int) *browser {
		t.Helper()
		return b.post(r.server.URL+"/notice", url.Values{"code": {code}}).want(status, "/notice")
	}
	for range 20 {
		check(d.NoticeCode, http.StatusOK)
	}
	wrong := 0
	for range 30 {
		b.post(r.server.URL+"/notice", url.Values{"code": {"00000-00000"}})
		if b.status == http.StatusTooManyRequests {
			break
		}
		wrong++
	}
	if wrong < 3 || wrong > 12 {
		t.Errorf("refused after %d wrong codes", wrong)
	}
	check("00000-00001", http.StatusTooManyRequests).shows("Too many wrong codes", "Check code").hides("We do not know this code")
	if s := b.header.Get("Retry-After"); s == "" || strings.HasPrefix(s, "0") {
		t.Errorf("Retry-After %q", s)
	}
	check(d.NoticeCode, http.StatusTooManyRequests).hides("genuine</h1>")
	r.pass(2 * time.Minute)
	check(d.NoticeCode, http.StatusOK)
}
