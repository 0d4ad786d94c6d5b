package delivery_test

import (
	"slices"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

// TestLifeCollected is a delivery from submission to removal: collected online.
func TestLifeCollected(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	doc := r.upload("%PDF-1.7 content")
	d := r.notified(func(s *delivery.Submission) { s.Documents = []string{doc} })
	if d.State != delivery.Notified || d.Email != delivery.ReachSent || d.SMS != delivery.ReachSent {
		t.Fatalf("after the announcements: %s, e-mail %q, SMS %q", d.State, d.Email, d.SMS)
	}
	c := r.identified(d)
	if after, err := r.Accept(r.ctx(), c); err != nil || after.State != delivery.Consigned {
		t.Fatalf("accept: %s, %v", after.State, err)
	}
	if d = r.read(c, d.Message); d.State != delivery.HandedOver || !d.HandedOverAt.Equal(r.clock.now()) {
		t.Errorf("after the last part: %s at %s", d.State, d.HandedOverAt)
	}
	want := []evidence.Name{evidence.SubmissionAcceptance, evidence.NotificationForAcceptance, evidence.NotificationForAcceptance,
		evidence.NotificationAccessTracking, evidence.RecipientIdentification, evidence.ConsignmentAcceptance, evidence.ContentConsignment,
		evidence.ContentAccessTracking, evidence.ContentAccessTracking, evidence.ContentHandover}
	if got := r.names(d); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	r.clean()

	r.clock.pass(25 * 31 * 24 * time.Hour)
	if n, err := r.Retain(r.ctx(), 10); n != 1 || err != nil {
		t.Errorf("retain: %d, %v", n, err)
	}
	for _, table := range []string{"message", "delivery", "document", "erds_event", "evidence", "deadline", "collect_session",
		"notice", "code_challenge", "code_try", "identification"} {
		if n := r.count(`SELECT count(*) FROM ` + table); n != 0 {
			t.Errorf("%d rows of %s are left", n, table)
		}
	}
	if n := r.count(`SELECT deliveries FROM erasure WHERE message_id = $1`, d.Message.ID); n != 1 {
		t.Errorf("erasure says %d deliveries", n)
	}
	r.clean()
}

// TestLifePosted is a delivery that nobody collects.
func TestLifePosted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	r.clock.set(d.RespondBy)
	if n, err := r.Sweep(r.ctx(), 100); err != nil || n != 4 {
		t.Fatalf("sweep: %d, %v", n, err)
	}
	if d = r.again(d); d.State != delivery.Expired {
		t.Fatalf("after the window: %s", d.State)
	}
	r.must(r.PostNow(r.ctx(), d.ID))
	if d = r.again(d); d.State != delivery.Posting || d.Post == nil {
		t.Fatalf("after the hand-over to the partner: %s", d.State)
	}
	for _, x := range []struct {
		status delivery.PostStatus
		want   delivery.State
	}{{delivery.PostAccepted, delivery.Posted}, {delivery.PostDelivered, delivery.DeliveredByPost}} {
		r.partner.say(delivery.PostReport{ID: string(x.status), Item: d.Post.Item, Status: x.status, At: r.clock.now()})
		r.must(r.ReadPost(r.ctx()))
		if d = r.again(d); d.State != x.want || len(r.partner.reports) != 0 {
			t.Errorf("after %s: %s, %d reports left", x.status, d.State, len(r.partner.reports))
		}
	}
	r.clean()
	r.clock.pass(25 * 31 * 24 * time.Hour)
	if n, err := r.Retain(r.ctx(), 10); n != 1 || err != nil {
		t.Errorf("retain: %d, %v", n, err)
	}
	if n := r.count(`SELECT count(*) FROM letter`); n != 0 {
		t.Errorf("%d letters are left", n)
	}
}
