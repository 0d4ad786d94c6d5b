package delivery

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/notify"
)

// NoticeFacts gives what a notice is to say, at the moment it is rendered, or
// notify.ErrStale when it no longer makes sense. It implements notify.Source.
func (s *Service) NoticeFacts(ctx context.Context, n notify.Notice) (notify.Facts, error) {
	if n.Kind == notify.DailyReport {
		return s.dailyFacts(ctx, n)
	}
	if OfDraft(n.Kind) {
		return s.draftFacts(ctx, n)
	}
	d, ahead, err := scanDelivery(s.Pool.QueryRow(ctx, sqlDelivery+` WHERE d.id = $1`, n.Delivery))
	if errors.Is(err, ErrNotFound) {
		return notify.Facts{}, notify.ErrStale
	}
	if err != nil {
		return notify.Facts{}, err
	}
	return s.factsOf(ctx, n, d, ahead, nil)
}

// factsOf is NoticeFacts for a delivery that was read, whose clock is ahead. The
// nonce of its link is asked for when it is nil.
func (s *Service) factsOf(ctx context.Context, n notify.Notice, d Delivery, ahead time.Duration, nonce []byte) (f notify.Facts, err error) {
	f = notify.Facts{
		SenderName:    senderName(d.Message),
		SenderProven:  d.Message.Sender.Proof != nil,
		RecipientName: d.Recipient.Given + " " + d.Recipient.Family,
		Number:        d.Message.Number,
		Reference:     d.Message.Reference,
		NoticeCode:    d.NoticeCode,
		SubmittedAt:   d.Message.SubmittedAt,
		Deadline:      d.RespondBy,
		DecidedAt:     d.DecidedAt,
		Fallback:      string(d.Message.Policy.Fallback),
		Test:          d.Message.Test,
		ServiceName:   s.Config.Service,
		ServiceHost:   s.host,
	}
	switch n.Kind {
	case notify.Announcement, notify.Reminder:
		return s.waitingFacts(ctx, n, d, f, ahead, nonce)
	case notify.DelegateNamed, notify.DelegateConfirmed:
		return s.delegateFacts(ctx, n, d, f)
	case notify.Code:
		if n.To != d.Recipient.Email && n.To != d.Recipient.Mobile {
			f.RecipientName = "" // a delegate's code
		}
		var until time.Time
		if f.Code, until, err = s.Codes.Code(ctx, n.Ref); err == nil {
			f.CodeMinutes = max(1, int(until.Sub(s.Now()).Round(time.Minute)/time.Minute))
		}
	case notify.Accepted, notify.Rejected, notify.GoesByPost:
		if n.Ref != "" {
			return s.delegateFacts(ctx, n, d, f)
		}
		if n.Kind == notify.Accepted || d.Late() {
			f.Link, err = s.collectURL(ctx, d.ID)
		}
		f.KeptUntil = s.keptUntil(d)
	case notify.LetterPosted:
		return s.letterFacts(ctx, d, f)
	case notify.ContactNamed:
		f.What = n.Ref
	case notify.ContactProposed:
		f.What, f.Link = n.Ref, s.timelineURL(d.ID)
	case notify.Receipt:
		f.Outcome, f.Link, f.KeptUntil = outcome(d, State(n.Ref)), s.timelineURL(d.ID), s.keptUntil(d)
		if f.DecidedAt.IsZero() {
			f.DecidedAt = d.MovedAt
		}
	}
	return f, err
}

// waitingFacts completes what is said of a message that can be decided.
func (s *Service) waitingFacts(ctx context.Context, n notify.Notice, d Delivery, f notify.Facts, ahead time.Duration, nonce []byte) (notify.Facts, error) {
	if d.State != Submitted && d.State != Notified || n.Kind == notify.Reminder && d.State != Notified {
		return notify.Facts{}, notify.ErrStale
	}
	at := d.NotifiedAt
	if f.Deadline.IsZero() { // not notified yet: this notice is what opens the window
		at = s.Now().Add(ahead).UTC().Truncate(time.Microsecond)
		f.Deadline = d.Message.Policy.windowEnd(at, s.Zone)
	}
	f.Fallback, f.GoesByPostAt = s.byPost(d, at)
	var err error
	if nonce != nil {
		f.Link = s.linkOf(string(d.ID), nonce)
	} else {
		f.Link, err = s.collectURL(ctx, d.ID)
	}
	return f, err
}

// TrackingPlace stands for the number of a letter in Config.TrackingURL.
const TrackingPlace = "{tracking}"

// letterFacts completes what is said of a letter on its way.
func (s *Service) letterFacts(ctx context.Context, d Delivery, f notify.Facts) (notify.Facts, error) {
	if d.Post == nil {
		return notify.Facts{}, notify.ErrStale
	}
	p, err := s.PlanFor(ctx, d)
	if err != nil {
		return notify.Facts{}, err
	}
	if f.Tracking = d.Post.Tracking; f.Tracking != "" {
		f.TrackingURL = strings.ReplaceAll(s.TrackingURL, TrackingPlace, url.QueryEscape(f.Tracking))
	}
	if step, ok := p.Step(PlanServed); ok {
		f.ExpectedAt = step.At
	}
	return f, nil
}

// byPost says whether a letter follows when nobody decides in the window that
// opened at the given time, and on which day it is posted.
func (s *Service) byPost(d Delivery, at time.Time) (fallback string, on time.Time) {
	p := s.plan(d, postal{}, at)
	for _, kind := range []PlanKind{PlanPosted, PlanHandOver} {
		if step, ok := p.Step(kind); ok {
			return string(FallbackPost), step.At
		}
	}
	return string(FallbackNone), time.Time{}
}

// keptUntil is the day on which content and evidence of d go, as it looks now.
func (s *Service) keptUntil(d Delivery) time.Time {
	step, _ := s.plan(d, postal{}, d.LastAt).Step(PlanRemoved)
	return step.At
}

// outcome is what a receipt says of a state: of an acceptance after the letter
// was begun, what that means for the letter.
func outcome(d Delivery, to State) string {
	switch {
	case to != Accepted || d.Post == nil:
		return string(to)
	case d.Post.Status == PostCancelled:
		return "letter_cancelled"
	}
	return "late"
}

// timelineURL is the absolute address of the sender's page of d.
func (s *Service) timelineURL(id ID) string { return s.BaseURL + "/portal/deliveries/" + string(id) }

// delegateFacts completes what is said to a delegate, or to the recipient about
// one; n.Ref is the delegate. Nobody is invited to what can no longer be decided.
func (s *Service) delegateFacts(ctx context.Context, n notify.Notice, d Delivery, f notify.Facts) (notify.Facts, error) {
	g, _, err := scanDelegate(s.Pool.QueryRow(ctx, sqlDelegate+` WHERE id = $1 AND delivery_id = $2`, n.Ref, string(d.ID)))
	if errors.Is(err, ErrNotFound) {
		return notify.Facts{}, notify.ErrStale
	}
	if err != nil {
		return notify.Facts{}, err
	}
	switch n.Kind {
	case notify.DelegateNamed:
		if d.State != Notified || !g.WithdrawnAt.IsZero() {
			return notify.Facts{}, notify.ErrStale
		}
		f.Link, err = s.delegateURL(ctx, g.ID)
	case notify.DelegateConfirmed:
		f.Who = g.Given + " " + g.Family
		f.Link, err = s.collectURL(ctx, d.ID)
	case notify.Accepted:
		f.RecipientName = g.Given + " " + g.Family
		f.Link, err = s.delegateURL(ctx, g.ID)
	case notify.Rejected:
		f.RecipientName = g.Given + " " + g.Family
	}
	return f, err
}

// NoticeAttempted records what became of an attempt, in the transaction that
// stores it. It implements notify.Sink.
func (s *Service) NoticeAttempted(ctx context.Context, tx pgx.Tx, n notify.Notice, a notify.Attempt) error {
	if n.Kind != notify.Announcement && n.Kind != notify.Reminder {
		return nil // told as a service; no ETSI event
	}
	_, err := s.moveTx(ctx, tx, ID(n.Delivery), func(d Delivery, at time.Time) (Move, error) {
		return d.Attempted(n, a, at, s.Zone)
	})
	if errors.Is(err, ErrNotFound) {
		return nil // removed meanwhile
	}
	return err
}

// collectURL is the absolute link to the recipient's start page.
func (s *Service) collectURL(ctx context.Context, id ID) (string, error) {
	return s.linkURL(ctx, s.Pool, sqlNonce, string(id))
}

// delegateURL is the absolute link to a delegate's start page.
func (s *Service) delegateURL(ctx context.Context, id string) (string, error) {
	return s.linkURL(ctx, s.Pool, sqlDelegateNonce, id)
}

const (
	sqlNonce         = `SELECT link_nonce FROM delivery WHERE id = $1`
	sqlDelegateNonce = `SELECT link_nonce FROM delegate WHERE id = $1`
)

// linkURL makes a link again, from q, a pool or a transaction.
func (s *Service) linkURL(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, sql, id string) (string, error) {
	var nonce []byte
	if err := q.QueryRow(ctx, sql, id).Scan(&nonce); err != nil {
		return "", err
	}
	return s.linkOf(id, nonce), nil
}

func (s *Service) linkOf(id string, nonce []byte) string {
	token, _ := s.link(ID(id), nonce)
	return s.BaseURL + "/c/" + token
}

// senderName is how a recipient knows the sender.
func senderName(m Message) string {
	if m.Sender.Name != "" {
		return m.Sender.Name
	}
	return m.Sender.Given + " " + m.Sender.Family
}

// load reads a delivery without locking it, whoever it belongs to.
func (s *Service) load(ctx context.Context, id ID) (Delivery, error) {
	d, _, err := scanDelivery(s.Pool.QueryRow(ctx, sqlDelivery+` WHERE d.id = $1`, string(id)))
	return d, err
}

// now is the time for d, outside of a move.
func (s *Service) now(ctx context.Context, d Delivery) (time.Time, error) {
	var aheadUS int64
	err := s.Pool.QueryRow(ctx, sqlTestClock, d.Message.Account, d.Message.Test).Scan(&aheadUS)
	return s.Now().Add(time.Duration(aheadUS) * time.Microsecond).UTC().Truncate(time.Microsecond), err
}
