package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// Choices are what the recipient chose about how to be reached.
type Choices struct {
	PaperAt *time.Time `json:"paper_at,omitempty"` // asked for the message on paper
}

// Paper reports that the recipient asked for paper.
func (c Choices) Paper() bool { return c.PaperAt != nil }

// LetterBegun is as what a letter was begun; it does not change however long it
// takes to hand it over.
type LetterBegun struct {
	Reason  string    `json:"reason"`   // of Delivery.PostReason
	EndedAt time.Time `json:"ended_at"` // when the electronic way ended
}

// Values of the detail "choice" of a RecipientChoice.
const (
	choicePaper    = "paper"
	choiceNoOnline = "no_online"
)

// Refusals knows who does not want to be written to electronically any more.
type Refusals interface {
	// Refuse notes in tx that nothing is to be announced at an address any more.
	Refuse(ctx context.Context, tx pgx.Tx, ch notify.Channel, address string, at time.Time) error
}

// MayAskPaper reports that d could go on paper now, if its recipient asked.
func (d Delivery) MayAskPaper(at time.Time) bool {
	return d.Open(at) && d.Delegate == nil && !d.Choices.Paper() && d.Message.Policy.Fallback == FallbackPost && d.Recipient.Address != nil
}

// AskPaper decides that the recipient, who entered both codes, wants the message
// on paper instead: it goes by post at once, to the address that the sender gave.
// It is no refusal, and until the letter has arrived the message can still be
// collected online. Errors: ErrNotOpen.
func (d Delivery) AskPaper(by identity.Actor, at time.Time) (Move, error) {
	if !d.MayAskPaper(at) {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d, Job: PostJob}
	m.After.Choices.PaperAt = &at
	m.Event = d.event(evidence.RecipientChoice, at, append([]evidence.Detail{{Key: "choice", Value: choicePaper}}, seen(by)...)...)
	m.Notices = []notify.Notice{d.tell(notify.PaperAsked, notify.Email)}
	return m, nil
}

// RefuseOnline decides that the recipient, who entered both codes, wants nothing
// announced electronically any more, at the addresses of d. What becomes of this
// message does not change. Errors: ErrNotOpen.
func (d Delivery) RefuseOnline(by identity.Actor, at time.Time) (Move, error) {
	if d.State != Notified && !d.Collected() || d.Delegate != nil {
		return Move{}, ErrNotOpen
	}
	m := Move{After: d}
	m.Event = d.event(evidence.RecipientChoice, at, append([]evidence.Detail{
		{Key: "choice", Value: choiceNoOnline},
		{Key: "address", Value: mask(d.Recipient.Email) + ", " + mask(d.Recipient.Mobile)},
	}, seen(by)...)...)
	m.Notices = []notify.Notice{d.tell(notify.OnlineRefused, notify.Email)}
	return m, nil
}

// PostOffered reports that there is a partner for paper.
func (s *Service) PostOffered() bool { return s.Post != nil }

// MayRefuseOnline reports that electronic delivery can be refused for the future.
func (s *Service) MayRefuseOnline() bool { return s.Refusals != nil }

// AskPaper lets the recipient of a session choose paper. A second call finds what
// the first one did. Errors: ErrUnidentified without both codes, ErrNotOpen.
func (s *Service) AskPaper(ctx context.Context, c Collecting, by identity.Actor) error {
	if !c.Codes() || c.Delegate != "" {
		return ErrUnidentified
	}
	if s.Post == nil {
		return ErrNotOpen
	}
	_, err := s.move(ctx, c.Delivery, func(d Delivery, at time.Time) (Move, error) {
		m, err := d.AskPaper(by, at)
		return withCodes(m, c), err
	})
	if errors.Is(err, ErrNotOpen) {
		if d, e := s.load(ctx, c.Delivery); e == nil && d.Choices.Paper() {
			return nil
		}
	}
	return err
}

// RefuseOnline lets the recipient of a session refuse electronic delivery for the
// future. Errors: ErrUnidentified without both codes, ErrNotOpen.
func (s *Service) RefuseOnline(ctx context.Context, c Collecting, by identity.Actor) error {
	if !c.Codes() || c.Delegate != "" {
		return ErrUnidentified
	}
	if s.Refusals == nil {
		return ErrNotOpen
	}
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		after, err := s.moveTx(ctx, tx, c.Delivery, func(d Delivery, at time.Time) (Move, error) {
			m, err := d.RefuseOnline(by, at)
			return withCodes(m, c), err
		})
		if err != nil || after.Message.Test { // a rehearsal leaves nothing behind that would hold up a live message
			return err
		}
		for ch, addr := range map[notify.Channel]string{notify.Email: after.Recipient.Email, notify.SMS: after.Recipient.Mobile} {
			if err := s.Refusals.Refuse(ctx, tx, ch, addr, s.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// withCodes adds to the event of m when the codes of a session were entered:
// that is how the recipient was known.
func withCodes(m Move, c Collecting) Move {
	for _, x := range []struct {
		key string
		at  time.Time
	}{{"email_code_at", c.EmailAt}, {"sms_code_at", c.SMSAt}} {
		if !x.at.IsZero() && m.Event.Name != "" {
			m.Event.Details = append(m.Event.Details, evidence.Detail{Key: x.key, Value: x.at.Format(time.RFC3339)})
		}
	}
	return m
}
