package portal

import (
	"slices"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

// How far an attempt came is the furthest that was reported of it, unless it came
// back.
func TestTries(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	event := func(name evidence.Name, pairs ...string) delivery.Recorded {
		at = at.Add(time.Minute)
		r := delivery.Recorded{Event: evidence.Event{Name: name, At: at}}
		for i := 0; i < len(pairs); i += 2 {
			r.Details = append(r.Details, evidence.Detail{Key: pairs[i], Value: pairs[i+1]})
		}
		return r
	}
	mail := []string{"notice", "announcement", "channel", "email", "attempt", "1", "address", "an@x.example"}
	with := func(more ...string) []string { return append(slices.Clone(mail), more...) }
	sms := []string{"notice", "announcement", "channel", "sms", "attempt", "1"}
	for name, c := range map[string]struct {
		events []delivery.Recorded
		want   []string
	}{
		"nothing yet":         {[]delivery.Recorded{event(evidence.SubmissionAcceptance)}, nil},
		"taken":               {[]delivery.Recorded{event(evidence.NotificationForAcceptance, with("result", "sent")...)}, []string{"email N1"}},
		"not taken":           {[]delivery.Recorded{event(evidence.NotificationForAcceptanceFailure, with("result", "permanent")...)}, []string{"email N0"}},
		"said to be put away": {[]delivery.Recorded{event(evidence.NotificationForAcceptance, with("result", "sent")...), event(evidence.NotificationDelivered, with("result", "delivered", "rung", "N3")...), event(evidence.NotificationDelivered, with("result", "relayed", "rung", "N2")...)}, []string{"email N3"}},
		"came back":           {[]delivery.Recorded{event(evidence.NotificationForAcceptance, with("result", "sent")...), event(evidence.NotificationForAcceptanceFailure, with("result", "failed")...)}, []string{"email N0"}},
		"two ways, two tries": {[]delivery.Recorded{event(evidence.NotificationForAcceptanceFailure, with("result", "temporary")...), event(evidence.NotificationForAcceptance, append(sms, "result", "sent")...),
			event(evidence.NotificationForAcceptance, "notice", "announcement", "channel", "email", "attempt", "2", "result", "sent")}, []string{"email N0", "sms N1", "email N1"}},
	} {
		list, used := tries(c.events)
		var got []string
		for _, x := range list {
			got = append(got, x.Channel+" "+x.Rung)
		}
		if !slices.Equal(got, c.want) || !used.IsZero() {
			t.Errorf("%s: %v, used %v, want %v", name, got, used, c.want)
		}
	}
	first := event(evidence.NotificationAccessTracking)
	if _, used := tries([]delivery.Recorded{first, event(evidence.NotificationAccessTracking)}); !used.Equal(first.At) {
		t.Errorf("the link was used at %v", used)
	}
}
