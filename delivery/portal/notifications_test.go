package portal_test

import (
	"net/http"
	"net/url"
	"testing"
)

// Somebody chooses what to be told, turns it off again, and nothing else changes
// it.
func TestNotifications(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte().to("/portal/notifications").shows("E-mails about messages").hides("Stop all these e-mails")
	rows := func() int { return r.count(`SELECT count(*) FROM sender_preference WHERE person_id = $1`, r.person) }
	b.submit("/notifications", url.Values{"tell_collected": {"daily"}, "tell_refused": {"at_once"}}).want(http.StatusOK, "/portal/notifications").shows("Your choice is saved", "Stop all")
	if n := r.count(`SELECT count(*) FROM sender_preference WHERE how = '{"collected": "daily", "refused": "at_once"}'`); n != 1 {
		t.Error("the choice was not kept")
	}
	b.to("/portal/notifications?do=none&saved=1")
	if rows() != 1 {
		t.Error("a link turned it off")
	}
	for _, odd := range []url.Values{{"tell_soon": {"at_once"}}, {"tell_collected": {"hourly"}}} {
		b.post(r.server.URL+"/portal/notifications", odd).want(http.StatusBadRequest, "/notifications")
	}
	r.browser().post(r.server.URL+"/portal/notifications", url.Values{"do": {"none"}}).want(http.StatusUnauthorized, "/notifications")
	if rows() != 1 {
		t.Error("a refused request changed it")
	}
	b.to("/portal/notifications").post(r.server.URL+"/portal/notifications", url.Values{"do": {"none"}}).want(http.StatusOK, "/portal/notifications").hides("Stop all")
	if rows() != 0 {
		t.Error("it was not turned off")
	}
}
