package delivery

import "time"

// Status is where a delivery is, as coarsely as a list is narrowed: the states
// of a life in a few words. The zero value is none of them.
type Status string

// The statuses, and the states that each stands for.
const (
	StatusWaiting   Status = "waiting"           // submitted, notified: the recipient has not decided
	StatusCollected Status = "collected"         // accepted, consigned, handed_over
	StatusRefused   Status = "refused"           // rejected
	StatusExpired   Status = "expired"           // nobody decided in time
	StatusOnPaper   Status = "on_paper"          // posting, posted: a letter is on its way
	StatusByPost    Status = "delivered_by_post" //
	StatusReturned  Status = "returned"          //
	StatusCancelled Status = "cancelled"         //
	StatusSoon      Status = "soon"              // waiting, and the window ends within [SoonWithin]
	StatusUnreached Status = "unreached"         // every electronic channel failed, and nothing else has begun
)

// SoonWithin is how long before the end of its window a delivery is about to
// expire.
const SoonWithin = 48 * time.Hour

// Statuses lists every status, in the order of a life, and then the two that are
// parts of others.
var Statuses = []Status{StatusWaiting, StatusCollected, StatusRefused, StatusExpired, StatusOnPaper, StatusByPost, StatusReturned,
	StatusCancelled, StatusSoon, StatusUnreached}

// States are the states that a status stands for; nil for what is no status.
func (s Status) States() []State {
	switch s {
	case StatusWaiting:
		return []State{Submitted, Notified}
	case StatusCollected:
		return []State{Accepted, Consigned, HandedOver}
	case StatusRefused:
		return []State{Rejected}
	case StatusExpired:
		return []State{Expired}
	case StatusOnPaper:
		return []State{Posting, Posted}
	case StatusByPost:
		return []State{DeliveredByPost}
	case StatusReturned:
		return []State{Returned}
	case StatusCancelled:
		return []State{Cancelled}
	case StatusSoon:
		return []State{Notified}
	case StatusUnreached:
		return []State{Submitted, Notified, Expired}
	}
	return nil
}

// Status is the coarse status that a state belongs to.
func (s State) Status() Status {
	for _, c := range Statuses {
		for _, x := range c.States() {
			if x == s {
				return c
			}
		}
	}
	return ""
}
