package portal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// A mandate withdrawn between checking and sending ends it; so does one for
// other classes, and a suspended account.
func TestNoMandate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte()
	b.multipart("/portal/new", typed("class", "HR "), file{"a.pdf", "application/pdf", "x"}).want(http.StatusOK, "/new").shows("Check your message", "Kind of message")
	_, form := b.form("/portal/send")
	if form.Get("class") != "HR " {
		t.Errorf("class %q", form.Get("class"))
	}
	send := func(says string) {
		t.Helper()
		b.post(r.server.URL+"/portal/send", form).want(http.StatusForbidden, "/send").shows(says)
		if n := r.count(`SELECT count(*) FROM message`); n != 0 {
			t.Fatalf("%d messages", n)
		}
	}
	r.exec(`UPDATE mandate SET revoked_at = $1, revoked_by = 'p'`, time.Now())
	send("no mandate for messages of this kind")
	r.exec(`INSERT INTO mandate (id, account_id, person_id, given, family, powers, classes, valid_from, granted_by, granted_at, proof_kind)
		SELECT gen_random_uuid(), account_id, person_id, given, family, powers, '{invoices}', valid_from, granted_by, granted_at, proof_kind FROM mandate`)
	send("no mandate for messages of this kind")
	r.exec(`INSERT INTO mandate (id, account_id, person_id, given, family, powers, classes, valid_from, granted_by, granted_at, proof_kind)
		SELECT gen_random_uuid(), account_id, person_id, given, family, '{send}', '{hr}', valid_from, granted_by, granted_at, proof_kind FROM mandate LIMIT 1`)
	b.post(r.server.URL+"/portal/send", form).shows("Ingebrekestelling", "Your message was accepted")
	if n := r.count(`SELECT count(*) FROM message WHERE policy ->> 'class' = 'hr' AND sent_by -> 'mandate' ->> 'given' = 'operator'`); n != 1 {
		t.Errorf("%d messages of class hr under a mandate", n)
	}
	r.exec(`UPDATE mandate SET revoked_at = $1, revoked_by = 'p' WHERE revoked_at IS NULL`, time.Now())
	var id string
	r.must(r.pool.QueryRow(t.Context(), `SELECT id FROM message`).Scan(&id))
	b.post(r.server.URL+"/portal/messages/"+id+"/cancel", nil).want(http.StatusForbidden, "/cancel").shows("no mandate")
	if n := r.count(`SELECT count(*) FROM delivery WHERE state = $1`, delivery.Cancelled); n != 0 {
		t.Error("withdrawn without a mandate")
	}
}

func TestClassRefused(t *testing.T) {
	t.Parallel()
	b := newRig(t).lotte()
	for _, class := range []string{"human resources", "é", strings.Repeat("a", 41)} {
		b.multipart("/portal/new", typed("class", class)).want(http.StatusUnprocessableEntity, "/new").shows("at most 40 letters without accents")
	}
}

func (r *rig) exec(sql string, args ...any) {
	r.t.Helper()
	_, err := r.pool.Exec(r.t.Context(), sql, args...)
	r.must(err)
}
