package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// bound makes a person of the portal one who was identified, with proven
// addresses.
func (r *rig) bound(person string, p identity.Proof, contacts ...string) {
	r.t.Helper()
	var record string
	r.must(pgx.BeginFunc(r.t.Context(), r.pool, func(tx pgx.Tx) error {
		kept, err := r.people.SaveIdentification(r.t.Context(), tx, p, identity.Occasion{Purpose: identity.SenderProofing, Person: person})
		record = kept.Record
		return err
	}))
	r.exec(`UPDATE person SET identification_id = $2, given = $3, family = $4 WHERE id = $1`, person, record, p.Given, p.Family)
	r.exec(`DELETE FROM contact WHERE person_id = $1`, person)
	for _, c := range contacts {
		kind := "email"
		if strings.HasPrefix(c, "+") {
			kind = "sms"
		}
		r.exec(`INSERT INTO contact (id, person_id, kind, value, proven_at) VALUES (gen_random_uuid(), $1, $2, $3, $4)`, person, kind, c, time.Now())
	}
}

func proven(given, family string) identity.Proof {
	return identity.Proof{Method: "itsme", Provider: "https://idp.example", Subject: given + family, Given: given, Family: family, BirthDate: "1985-07-30",
		Level: identity.LevelHigh, At: time.Now(), Token: []byte("token")}
}

// waiting is an item that was announced to An Janssens.
func (r *rig) waiting(change ...func(*delivery.Submission)) delivery.Delivery {
	r.t.Helper()
	d := r.message(r.account, change...)[0]
	r.attempt(d, notify.Email, notify.Sent)
	return d
}

// The inbox shows what is for the person and nothing of the content; opening
// leads to the page of the link, which still asks for everything.
func TestInbox(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`UPDATE person SET identification_id = NULL WHERE id = $1`, r.person)
	b := r.lotte()
	b.to("/portal/inbox").want(http.StatusOK, "/inbox").shows("First show who you are")
	d := r.waiting()
	to := d.Recipient
	r.bound(r.person, proven(to.Given, to.Family), strings.ToLower(to.Email), to.Mobile)
	b.to("/portal/inbox").shows("Immo Zilverlinde bv", d.Message.Number, "Waits for your choice", "Collect").hides(d.Message.Subject)
	before := r.count(`SELECT count(*) FROM erds_event`)
	b.submit("/inbox/"+string(d.ID), nil)
	if !strings.HasPrefix(b.at.Path, "/c/") {
		t.Errorf("opening leads to %s", b.at.Path)
	}
	if after := r.count(`SELECT count(*) FROM erds_event`) + r.count(`SELECT count(*) FROM delegate`); after != before {
		t.Errorf("looking and opening left %d traces", after-before)
	}
	b.to("/portal/inbox?before=x").want(http.StatusNotFound, "/inbox")
	b.to("/portal/inbox?before=" + uuid.Nil.String()).shows("There is nothing for you")
	// Somebody else at the same address sees and opens nothing.
	r.bound(r.person, proven("Karim", "Benali"), strings.ToLower(to.Email), to.Mobile)
	b.to("/portal/inbox").shows("There is nothing for you").hides(d.Message.Number)
	for _, id := range []string{string(d.ID), uuid.NewString(), "x"} {
		b.post(r.server.URL+"/portal/inbox/"+id, nil).want(http.StatusNotFound, "/"+id)
	}
}

// Who may receive for somebody opens an item with a link of their own, as long
// as the mandate holds and there are addresses for the codes.
func TestInboxForSomebody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.waiting()
	account, person := r.company("an", "Huis van An bv")
	r.exec(`UPDATE account SET kind = 'private', name = '', email = '', enterprise_number = NULL, vat_number = NULL WHERE id = $1`, account)
	r.bound(person, proven(d.Recipient.Given, d.Recipient.Family), strings.ToLower(d.Recipient.Email))
	r.bound(r.person, proven("Lotte", "Peeters"), "lotte@example.be")
	r.exec(`INSERT INTO mandate (id, account_id, person_id, given, family, powers, valid_from, granted_by, granted_at, proof_kind, proof_record, text_sha256)
		VALUES (gen_random_uuid(), $1, $2, 'Lotte', 'Peeters', '{receive}', $3, 'p', $3, 'approval', gen_random_uuid(), sha256(''))`, account, r.person, time.Now().Add(-time.Hour))
	b := r.lotte().to("/portal/inbox").shows("For", d.Recipient.Given+" "+d.Recipient.Family, d.Message.Number).hides(d.Message.Subject)
	_, form := b.form("/inbox/" + string(d.ID))
	b.submit("/inbox/"+string(d.ID), nil).want(http.StatusConflict, "/"+string(d.ID)).shows("confirmed e-mail address and mobile number of your own")
	r.bound(r.person, proven("Lotte", "Peeters"), "lotte@example.be", "+32470000077")
	b.to("/portal/inbox").submit("/inbox/"+string(d.ID), nil)
	if !strings.HasPrefix(b.at.Path, "/c/") || r.count(`SELECT count(*) FROM delegate WHERE email = 'lotte@example.be' AND person_id = $1`, r.person) != 1 {
		t.Errorf("opening leads to %s", b.at.Path)
	}
	b.post(r.server.URL+"/portal/inbox/"+string(d.ID), url.Values{"mandate": {uuid.NewString()}}).want(http.StatusNotFound, "/"+string(d.ID))
	r.exec(`UPDATE mandate SET revoked_at = $1, revoked_by = 'p' WHERE account_id = $2`, time.Now(), account)
	b.post(r.server.URL+"/portal/inbox/"+string(d.ID), form).want(http.StatusNotFound, "/"+string(d.ID))
	b.to("/portal/inbox").shows("There is nothing for you")
}
