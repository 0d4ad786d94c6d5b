package portal

import (
	"slices"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// reached is how far the announcement came on one channel, as far as others say:
// a key of the words after "reach.". Nothing of it says that anybody read it.
func reached(d delivery.Delivery, ch notify.Channel, events []delivery.Recorded) string {
	at := d.Email
	if ch == notify.SMS {
		at = d.SMS
	}
	if at != delivery.ReachSent {
		if at == delivery.ReachFailed {
			return "failed"
		}
		return "open"
	}
	best := "sent"
	for _, e := range events {
		if e.Name == evidence.NotificationDelivered && slices.Contains(e.Details, evidence.Detail{Key: "channel", Value: string(ch)}) {
			for _, x := range e.Details {
				if x.Key == "rung" && (x.Value == "N2" && best == "sent" || x.Value == "N3") {
					best = x.Value
				}
			}
		}
	}
	return best
}
