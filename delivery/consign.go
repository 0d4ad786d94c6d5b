package delivery

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// Consign decides that the content is open to the person who accepted. It is
// not yet received. Errors: ErrNotOpen.
//
// EN 319 522-1 §6.2.5 D.1
func (d Delivery) Consign(at time.Time) (Move, error) {
	if d.State != Accepted {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d}
	m.After.State = Consigned
	m.Event = m.After.event(evidence.ContentConsignment, at)
	return m, nil
}

// Access records that one part was transferred whole to the recipient's device
// with its digest intact. Errors: ErrUnidentified, ErrNotOpen, ErrWithdrawn,
// ErrDecided for a delegate whom somebody forestalled, ErrNotFound for a part that
// does not exist.
//
// EN 319 522-1 §6.2.5 D.6
func (d Delivery) Access(part int, by identity.Actor, at time.Time) (Move, error) {
	if d.State != Consigned && d.State != HandedOver {
		return Move{}, ErrNotOpen
	}
	if !d.Message.Policy.allows(by) {
		return Move{}, ErrUnidentified
	}
	if err := d.mayAct(by); err != nil {
		return Move{}, err
	}
	if part < 0 || part >= len(d.Message.Parts) {
		return Move{}, ErrNotFound
	}
	m := Move{After: d}
	if !slices.Contains(d.Taken, part) {
		m.After.Taken = append(slices.Clone(d.Taken), part)
	}
	m.Event = m.After.as(by).event(evidence.ContentAccessTracking, at, append([]evidence.Detail{
		{Key: "part", Value: strconv.Itoa(part)},
		{Key: "file", Value: d.Message.Parts[part].Name},
		{Key: "sha256", Value: d.Message.Parts[part].SHA256},
	}, seen(by)...)...)
	m.Event.Parts = d.Message.Parts[part : part+1]
	return m, nil
}

// HandOver decides that the whole content is in the recipient's hands: the
// legal "received". Errors: ErrUnidentified, ErrNotOpen while a part was not
// transferred or when it happened already.
//
// EN 319 522-1 §6.2.6 E.1
func (d Delivery) HandOver(by identity.Actor, at time.Time) (Move, error) {
	if d.State != Consigned {
		return Move{}, ErrNotOpen
	}
	if !d.Message.Policy.allows(by) {
		return Move{}, ErrUnidentified
	}
	if err := d.mayAct(by); err != nil {
		return Move{}, err
	}
	if !d.takenWhole() {
		return Move{}, fmt.Errorf("%w: %d of %d parts transferred", ErrNotOpen, len(d.Taken), len(d.Message.Parts))
	}
	m := Move{After: d}
	m.After.State, m.After.HandedOverAt = HandedOver, at
	m.Event = m.After.as(by).event(evidence.ContentHandover, at, seen(by)...)
	m.Notices = d.receipt(HandedOver)
	return m, nil
}

func (d Delivery) takenWhole() bool {
	for i := range d.Message.Parts {
		if !slices.Contains(d.Taken, i) {
			return false
		}
	}
	return true
}

// FailHandOver records that content could not be handed over: a part no longer
// has its digest. Errors: ErrNotOpen.
//
// EN 319 522-1 §6.2.6 E.2
func (d Delivery) FailHandOver(part int, at time.Time) (Move, error) {
	if d.State != Consigned && d.State != HandedOver {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d}
	m.Event = m.After.event(evidence.ContentHandoverFailure, at,
		evidence.Detail{Key: "part", Value: strconv.Itoa(part)})
	m.Event.Reasons = []evidence.Reason{{Code: "digest_mismatch"}}
	return m, nil
}
