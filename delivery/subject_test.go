package delivery_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// TestHeldOf (R22): what is held of one person, as addressee, as somebody named, as
// sender; nothing of those who share an address, and nothing of anybody else.
func TestHeldOf(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d, _, g := r.named() // An named Jo
	brother := r.submit(1, func(s *delivery.Submission) {
		s.Recipients[0].Given, s.Recipients[0].Email, s.Recipients[0].Mobile = "Zeger", d.Recipient.Email, d.Recipient.Mobile
	})
	held := func(given, family, birth string, emails ...string) delivery.Held {
		t.Helper()
		h, err := r.HeldOf(r.ctx(), delivery.Subject{Proof: identity.Proof{Given: given, Family: family, BirthDate: birth}, Emails: emails})
		r.must(err)
		return h
	}
	h := held("An", "Janssens", "", strings.ToUpper(d.Recipient.Email))
	if len(h.Received) != 1 || h.Received[0].ID != d.ID || h.Left != 1 || len(h.Delegate)+len(h.Sent) != 0 || len(h.Received[0].Delegates) != 1 {
		t.Fatalf("%+v", h)
	}
	if x := h.Received[0]; x.Sender != "Immo Zilverlinde bv" || len(x.Events) < 3 || x.Record == "" || x.Subject != "" {
		t.Errorf("%+v", x)
	}
	raw, err := json.Marshal(h)
	r.must(err)
	for _, never := range []string{"Zeger", brother.Number, g.Email, g.Mobile, "Maes", "Lotte", "wij zeggen op"} {
		if strings.Contains(string(raw), never) {
			t.Errorf("says %q: %s", never, raw)
		}
	}
	if h = held("Jo", "Maes", "", g.Email); len(h.Delegate) != 1 || len(h.Received) != 0 || h.Delegate[0].Number != d.Message.Number {
		t.Errorf("as delegate: %+v", h)
	}
	if raw, err = json.Marshal(h); err != nil || strings.Contains(string(raw), "Janssens") {
		t.Errorf("a delegate learns of the recipient: %s", raw)
	}
	for name, h := range map[string]delivery.Held{
		"another name":        held("Piet", "Janssens", "", d.Recipient.Email),
		"no name":             held("", "", "", d.Recipient.Email),
		"another address":     held("An", "Janssens", "", "an@elsewhere.example"),
		"no address":          held("An", "Janssens", ""),
		"an address of style": held("An", "Janssens", "", "%"),
	} {
		if len(h.Received)+len(h.Delegate)+len(h.Sent) != 0 {
			t.Errorf("%s: %+v", name, h)
		}
	}
	born := r.submit(1, func(s *delivery.Submission) {
		s.Recipients[0].BirthDate, s.Recipients[0].Email = "1990-02-03", "born@example.be"
	})
	if h = held("An", "Janssens", "1991-02-03", "born@example.be"); len(h.Received) != 0 || h.Left != 1 {
		t.Errorf("somebody born another day: %+v", h)
	}
	if h = held("An", "Janssens", "1990-02-03", "born@example.be"); len(h.Received) != 1 || h.Received[0].Number != born.Number {
		t.Errorf("the one who was born then: %+v", h)
	}
	h, err = r.HeldOf(r.ctx(), delivery.Subject{Proof: identity.Proof{Given: "Lotte", Family: "Peeters"}, Person: r.account})
	if err != nil || len(h.Sent) != 0 { // no member of the account any more, or not yet
		t.Errorf("%+v %v", h, err)
	}
	r.exec(`INSERT INTO membership (account_id, person_id, role, created_at, created_by) VALUES ($1, $1, 'administrator', $2, 'x')`, r.account, r.clock.now())
	if h, err = r.HeldOf(r.ctx(), delivery.Subject{Proof: identity.Proof{Given: "Lotte", Family: "Peeters"}, Person: r.account}); err != nil || len(h.Sent) != 3 {
		t.Errorf("sent: %+v %v", h.Sent, err)
	}
}
