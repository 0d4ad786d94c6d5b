package notify

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// SuppressedReply begins the Reply of what was not sent because of what became of
// earlier notices to the same address.
const SuppressedReply = "(not sent) suppressed: "

// Guard is t, asked only for addresses that may be written to. For any other the
// result is Permanent and nothing is dialled. When it cannot be known the result
// is Technical.
func (s *Suppressions) Guard(t Transport) Transport { return guard{s, t} }

type guard struct {
	suppressions *Suppressions
	next         Transport
}

func (g guard) Deliver(ctx context.Context, m Message) (Result, string) {
	found, err := g.suppressions.Of(ctx, m.Notice.Channel, m.Notice.To)
	if err != nil {
		return Result{Outcome: Technical, Reply: "(not sent) suppressions cannot be read"}, ""
	}
	i := slices.IndexFunc(found, func(x Suppression) bool { return !m.Notice.Kind.overrides(x.Reason) })
	if i < 0 {
		return g.next.Deliver(ctx, m)
	}
	trace := map[string]string{"suppressed": string(found[i].Reason), "since": found[i].Since.Format(time.RFC3339)}
	if !found[i].Until.IsZero() {
		trace["until"] = found[i].Until.Format(time.RFC3339)
	}
	text, _ := json.Marshal(trace) // strings only
	return Result{Outcome: Permanent, Reply: SuppressedReply + string(found[i].Reason), Trace: text}, ""
}

// overrides reports whether a notice of kind k is sent although there is a
// reason not to. A dead address is never written to, and nothing is announced to
// somebody who refused that. What belongs to a registered
// delivery, what somebody just asked for, and what warns of a thief goes out
// whatever its addressee thinks of us.
func (k Kind) overrides(w Why) bool {
	switch {
	case w == BadAddress:
		return false
	case w == Asked && (k == Announcement || k == Reminder || k == DelegateNamed):
		return false // that is what was asked
	case !k.ofAccount(), k.isCode():
		return true
	}
	return slices.Contains([]Kind{PasswordReset, RecoveryStarted, RecoveryDone, SignInChanged, ContactChanged}, k)
}
