package collect_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// TestStartSaysWhen: the start page says until when one can choose and on which
// day it then goes by post, as the sender's date has it.
func TestStartSaysWhen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	zone, err := time.LoadLocation("Europe/Brussels")
	r.must(err)
	months := strings.Fields("januari februari maart april mei juni juli augustus september oktober november december")
	said := func(d delivery.Date) string { return fmt.Sprintf("%d %s %d", d.Day, months[d.Month-1], d.Year) }
	for _, by := range []string{"", delivery.DateOf(r.now(), zone).AddDays(12).String()} {
		d := r.message(func(s *delivery.Submission) { s.Policy.ServeBy = by })
		plan, err := r.deliveries.PlanFor(t.Context(), d)
		r.must(err)
		posted, ok := plan.Step(delivery.PlanPosted)
		if !ok || by != "" && !d.RespondBy.Before(delivery.Window(d.NotifiedAt, delivery.DefaultCollectDays, zone)) {
			t.Fatalf("to be served by %q the window ends %s", by, d.RespondBy)
		}
		b := r.browser().get(r.link(d)).want(http.StatusOK, "").shows("De brief gaat dan met de post op", said(delivery.DateOf(posted.At, zone)),
			said(delivery.DateOf(d.RespondBy, zone).AddDays(-1)))
		if by != "" && strings.Contains(b.text(), by) {
			t.Error("the sender's date is the sender's own")
		}
	}
	none := r.message(func(s *delivery.Submission) {
		s.Policy.Fallback, s.Policy.PostAtOnce = delivery.FallbackNone, false
	})
	r.browser().get(r.link(none)).want(http.StatusOK, "").hides("met de post op")
}
