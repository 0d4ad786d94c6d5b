package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// Sending is how a draft is to go.
type Sending struct {
	At       time.Time // when it is to be submitted; zero: now
	HandOver bool      // a colleague is to release it, whether or not the account asks for that
}

// Sent is what became of a draft: the message, when it was submitted, or the
// draft as it waits.
type Sent struct {
	Message    Message // zero while it waits
	Deliveries []Delivery
	Draft      Draft
	Replayed   bool // it had been submitted before
}

// claimTime is how long somebody may take to submit a draft before somebody else
// tries as well.
const claimTime = time.Minute

// SendDraft submits an open draft, or has it wait: until its time, or for a
// colleague's release where the account asks for a second person or the sender
// does. A draft that was submitted gives its message again.
//
// Errors: ErrNotFound, ErrNotOpen; FieldErrors, with /send_at for a time that has
// passed or is more than a year ahead; as of Submit.
func (s *Service) SendDraft(ctx context.Context, by identity.Actor, id ID, how Sending) (Sent, error) {
	d, err := s.changeDraft(ctx, by.Account, id, func(ctx context.Context, tx pgx.Tx, d *Draft) error {
		if d.State != DraftOpen {
			return ErrNotOpen
		}
		if err := s.sendable(ctx, tx, *d, how.At); err != nil {
			return err
		}
		d.SendAt, d.Fault, d.Reason = how.At.UTC().Truncate(time.Microsecond), "", ""
		if how.At.IsZero() {
			d.SendAt = time.Time{}
		}
		second, err := s.asksSecond(ctx, tx, *d)
		if err != nil {
			return err
		}
		if second || how.HandOver {
			d.State, d.HandedAt = DraftWaiting, d.ChangedAt
			return s.tellReleasers(ctx, tx, *d, dailyAsk)
		}
		return s.promise(ctx, tx, d, by)
	})
	if errors.Is(err, ErrNotFound) {
		return s.sentBefore(ctx, by.Account, id)
	}
	if err != nil || d.State != DraftSending {
		return Sent{Draft: d}, err
	}
	return s.sendClaimed(ctx, d, DraftOpen)
}

// promise notes in whose name a draft goes, and that it goes now or at its time.
// Errors: as of Authorise.
func (s *Service) promise(ctx context.Context, tx pgx.Tx, d *Draft, by identity.Actor) error {
	if _, err := s.Identities.Authorise(ctx, tx, by, identity.PowerSend, d.Content.Submission.normal().Policy.Class, s.Now()); err != nil {
		return err
	}
	d.By, d.HandedAt = by, time.Time{}
	now, err := s.draftTime(ctx, *d)
	if err != nil {
		return err
	}
	if d.SendAt.After(now) {
		d.State = DraftScheduled
		return nil
	}
	d.State, d.claimedAt = DraftSending, d.ChangedAt
	return nil
}

// sendable finds what is wrong with a draft that is to go at a time. Errors:
// FieldErrors.
func (s *Service) sendable(ctx context.Context, tx pgx.Tx, d Draft, at time.Time) error {
	now, err := s.draftTime(ctx, d)
	if err != nil {
		return err
	}
	var c checker
	switch {
	case at.IsZero():
		at = now
	case !at.After(now):
		c.fault("/send_at", "not_future")
	case at.Sub(now) > MaxScheduled:
		c.fault("/send_at", "too_far")
	}
	sub := d.Content.Submission.normal()
	if faults := append(c.faults, s.check(&sub, at)...); len(faults) > 0 {
		return faults
	}
	return s.keepDocuments(ctx, tx, d, d.ChangedAt)
}

// draftTime is the time for a draft: test ones obey the test clock.
func (s *Service) draftTime(ctx context.Context, d Draft) (time.Time, error) {
	if !d.Test {
		return s.Now(), nil
	}
	ahead, err := s.ahead(ctx, d.Account)
	return s.Now().Add(ahead), err
}

// TakeBackDraft makes a draft that waits or is scheduled one to write on again.
// Errors: ErrNotFound, ErrNotOpen.
func (s *Service) TakeBackDraft(ctx context.Context, account string, id ID) (Draft, error) {
	return s.changeDraft(ctx, account, id, func(_ context.Context, _ pgx.Tx, d *Draft) error {
		if d.State != DraftScheduled && d.State != DraftWaiting {
			return ErrNotOpen
		}
		d.reopen("")
		return nil
	})
}

// reopen lets somebody go on writing.
func (d *Draft) reopen(fault string) {
	d.State, d.Fault, d.Reason = DraftOpen, fault, ""
	d.By, d.SendAt, d.claimedAt, d.HandedAt = identity.Actor{}, time.Time{}, time.Time{}, time.Time{}
}

// sendClaimed submits a draft that was claimed.
//
//  1. submit it under a key that is the draft's own: whoever comes here again, in
//     whichever process, finds the same message
//  2. delete it, and tell its author
//
// A crash, or an error that says nothing about the draft, leaves it claimed: a
// minute later the sweep does the same once more. What is wrong with it brings it
// back to where it was.
func (s *Service) sendClaimed(ctx context.Context, d Draft, back DraftState) (Sent, error) {
	accounts, err := s.accounts()
	if err != nil {
		return Sent{Draft: d}, err
	}
	profile, err := accounts.Profile(ctx, d.Account)
	if err != nil {
		return Sent{Draft: d}, err
	}
	once, err := d.once()
	if err != nil {
		return Sent{Draft: d}, err
	}
	by := Submitter{By: d.By, Sender: SenderParty(profile), Test: d.Test, released: d.byAnother()}
	m, list, replayed, err := s.SubmitAll(ctx, by, d.Content.Submission, once)
	if fault := draftFault(err); fault != "" {
		return Sent{Draft: d}, errors.Join(err, s.comeBack(ctx, d, back, fault))
	}
	if full, ok := errors.AsType[*DailyCap](err); ok {
		return Sent{Draft: d}, errors.Join(err, s.postpone(ctx, d, back, full.Until))
	}
	if err != nil {
		return Sent{Draft: d}, err
	}
	if err := s.dropSent(ctx, d); err != nil {
		s.Log.WarnContext(ctx, "sent draft not removed yet", "draft", string(d.ID), "err", err)
	}
	return Sent{Message: m, Deliveries: list, Draft: d, Replayed: replayed}, nil
}

// byAnother reports that somebody else than the author answers for d: it was
// released.
func (d Draft) byAnother() bool {
	return d.By.Kind == identity.ActorPerson && (d.Author.Kind != identity.ActorPerson || d.Author.ID != d.By.Subject)
}

// dropSent removes a draft that became a message.
func (s *Service) dropSent(ctx context.Context, d Draft) error {
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM draft WHERE id = $1 AND account_id = $2 AND state = 'sending'`, string(d.ID), d.Account)
		if err != nil || tag.RowsAffected() == 0 || !d.byAnother() {
			return err // or somebody else did, and told
		}
		return s.tellAuthor(ctx, tx, d, notify.DraftReleased)
	})
}

// postpone has a draft that nobody watches go when its account may send again, and
// tells its author; another is back where it was.
func (s *Service) postpone(ctx context.Context, claimed Draft, back DraftState, until time.Time) error {
	if back != DraftScheduled {
		return s.comeBack(ctx, claimed, back, "")
	}
	_, err := s.changeDraft(ctx, claimed.Account, claimed.ID, func(ctx context.Context, tx pgx.Tx, d *Draft) error {
		if d.State != DraftSending || d.version != claimed.version {
			return ErrNotOpen
		}
		now, err := s.draftTime(ctx, *d)
		if err != nil {
			return err
		}
		d.State, d.Fault, d.claimedAt = DraftScheduled, FaultDailyCap, time.Time{}
		d.SendAt = now.Add(until.Sub(s.Now())).UTC().Truncate(time.Microsecond)
		return s.tellAuthor(ctx, tx, *d, notify.DraftPostponed)
	})
	if errors.Is(err, ErrNotOpen) || errors.Is(err, ErrNotFound) {
		return nil // somebody else took it up meanwhile
	}
	return err
}

// comeBack gives a claimed draft back to people. One that nobody watches goes to
// its author, who is told.
func (s *Service) comeBack(ctx context.Context, claimed Draft, back DraftState, fault string) error {
	_, err := s.changeDraft(ctx, claimed.Account, claimed.ID, func(ctx context.Context, tx pgx.Tx, d *Draft) error {
		if d.State != DraftSending || d.version != claimed.version {
			return ErrNotOpen
		}
		switch back {
		case DraftWaiting:
			at := d.SendAt
			d.reopen("")
			d.State, d.HandedAt, d.SendAt = DraftWaiting, d.ChangedAt, at
			return nil
		case DraftOpen:
			d.reopen("")
			return nil
		}
		d.reopen(fault)
		return s.tellAuthor(ctx, tx, *d, notify.DraftFailed)
	})
	if errors.Is(err, ErrNotOpen) || errors.Is(err, ErrNotFound) {
		return nil // somebody else took it up meanwhile
	}
	return err
}

// draftFault says what is wrong with a draft that could not be submitted; empty
// when the error says nothing about it, or there is none.
func draftFault(err error) string {
	if faults, ok := errors.AsType[FieldErrors](err); ok {
		for _, f := range faults {
			if f.Code == "document_unknown" {
				return FaultDocument
			}
		}
		return FaultContent
	}
	for e, fault := range map[error]string{identity.ErrNoMandate: FaultMandate, identity.ErrForbidden: FaultMandate, ErrUnidentified: FaultMandate,
		identity.ErrSuspended: FaultSuspended, ErrSecondPerson: FaultSecond, ErrInsufficientCredit: FaultPayment, ErrKeyReused: FaultOther} {
		if errors.Is(err, e) {
			return fault
		}
	}
	return ""
}

const sqlSentDraft = `SELECT ref FROM idempotency WHERE account_id = $1 AND key = $2 AND kind = 'message'`

// sentBefore finds the message that a draft became. Errors: ErrNotFound.
func (s *Service) sentBefore(ctx context.Context, account string, id ID) (Sent, error) {
	var ref ID
	err := s.Pool.QueryRow(ctx, sqlSentDraft, account, draftKey(id)).Scan(&ref)
	if errors.Is(err, pgx.ErrNoRows) {
		return Sent{}, ErrNotFound
	}
	if err != nil {
		return Sent{}, err
	}
	m, err := s.Message(ctx, account, ref)
	return Sent{Message: m, Replayed: true}, err
}
