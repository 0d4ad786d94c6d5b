package delivery_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// TestPartnerSaysYesAndDoesNothing: a partner that takes a letter and is never heard
// of again moves nothing: the delivery does not count as posted, nor as delivered,
// nobody is given the letter a second time, and operators are told after a day. A
// letter that was posted and of which nobody tells how it ended is named after
// three weeks; one that the partner never got, after an hour.
func TestPartnerSaysYesAndDoesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.expired()
	r.must(r.PostNow(r.ctx(), d.ID))
	silent := func(want ...string) {
		t.Helper()
		list, err := r.SilentLetters(r.ctx(), 10)
		r.must(err)
		if len(list) != len(want) {
			t.Fatalf("%d letters, want %q: %+v", len(list), want, list)
		}
		for i, l := range list {
			if l.What != want[i] {
				t.Errorf("%s is %q, want %q", l.Number, l.What, want[i])
			}
		}
	}
	for range 3 { // its reports are empty
		r.must(r.ReadPost(r.ctx()))
	}
	r.clock.pass(24*time.Hour - time.Second)
	silent()
	r.clock.pass(2 * time.Second)
	silent(delivery.SilenceUnseen)
	for range 2 { // whoever looks after it makes no second letter
		r.must(r.PostNow(r.ctx(), d.ID))
		_, err := r.Requeue(r.ctx(), 10)
		r.must(err)
	}
	if got := r.again(d); got.State != delivery.Posting || len(r.partner.letters) != 1 {
		t.Errorf("%s, %d letters", got.State, len(r.partner.letters))
	}

	item := r.again(d).Post.Item
	r.partner.say(delivery.PostReport{ID: "1", Item: item, Status: delivery.PostAccepted, At: r.clock.now()})
	r.must(r.ReadPost(r.ctx()))
	if got := r.again(d); got.State != delivery.Posted {
		t.Fatalf("state %s", got.State)
	}
	silent()
	r.clock.pass(21 * 24 * time.Hour)
	if got := r.again(d); got.State != delivery.Posted {
		t.Errorf("silence delivered it: %s", got.State)
	}
	r.clock.pass(time.Second)
	silent(delivery.SilencePosted)

	never := r.expired(func(s *delivery.Submission) { s.Recipients[0].Email = "b@example.be" })
	r.partner.fail = context.DeadlineExceeded
	if err := r.PostNow(r.ctx(), never.ID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	r.clock.pass(time.Hour + time.Second)
	silent(delivery.SilencePosted, delivery.SilenceBegun)
	r.partner.fail = nil
	r.must(r.PostNow(r.ctx(), never.ID))
	silent(delivery.SilencePosted)
	r.clean()
}
