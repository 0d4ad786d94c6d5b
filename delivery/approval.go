package delivery

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// Release: who may not send, or of whose messages the account wants a second
// person to have seen each, prepares and hands over; a colleague who is
// identified and may send looks at exactly what would be sent, and releases it or
// gives it back. In evidence the one who released is who submitted (R2, R26).

const sqlSecondPerson = `SELECT coalesce((SELECT second_person FROM release_rule WHERE account_id = $1), false)`

// SecondPerson reports whether an account asks for a second person.
func (s *Service) SecondPerson(ctx context.Context, account string) (on bool, err error) {
	err = s.Pool.QueryRow(ctx, sqlSecondPerson, account).Scan(&on)
	return on, err
}

// SetSecondPerson says whether every live message of an account needs a second
// person. Errors: identity.ErrNoMandate for who may not administer the account.
func (s *Service) SetSecondPerson(ctx context.Context, by identity.Actor, on bool) error {
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if by.Kind != identity.ActorPerson {
			return ErrUnidentified
		}
		if _, err := s.Identities.Authorise(ctx, tx, by, identity.PowerAdminister, "", s.Now()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO release_rule (account_id, second_person) VALUES ($1, $2)
			ON CONFLICT (account_id) DO UPDATE SET second_person = excluded.second_person`, by.Account, on)
		return err
	})
}

// asksSecond reports whether a draft needs a second person: a test one never does.
func (s *Service) asksSecond(ctx context.Context, tx pgx.Tx, d Draft) (on bool, err error) {
	if d.Test {
		return false, nil
	}
	err = tx.QueryRow(ctx, sqlSecondPerson, d.Account).Scan(&on)
	return on, err
}

// MaySend finds out whether somebody could submit a message of a class now.
// Errors: as of Authorise.
func (s *Service) MaySend(ctx context.Context, by identity.Actor, class string) error {
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		_, err := s.Identities.Authorise(ctx, tx, by, identity.PowerSend, class, s.Now())
		return err
	})
}

// identified reports that it is certain who acts: REQ of R2 for senders.
func identified(by identity.Actor) bool {
	return by.Kind == identity.ActorPerson && by.Record != "" && by.Level.AtLeast(identity.LevelSubstantial)
}

// ReleaseDraft submits a draft that waits, in the name of who releases it, or
// schedules it where it has a later time. digest is Draft.Digest of what was
// looked at.
//
// Errors: ErrNotFound; ErrNotOpen for one that does not wait; ErrUnidentified;
// ErrDraftChanged when it is not what was looked at; ErrSecondPerson for its
// author, where the account asks for another; as of Submit. After an error it
// waits as before.
func (s *Service) ReleaseDraft(ctx context.Context, by identity.Actor, id ID, digest string) (Sent, error) {
	if !identified(by) {
		return Sent{}, ErrUnidentified
	}
	d, err := s.changeDraft(ctx, by.Account, id, func(ctx context.Context, tx pgx.Tx, d *Draft) error {
		if d.State != DraftWaiting {
			return ErrNotOpen
		}
		if digest == "" || d.Digest() != digest {
			return ErrDraftChanged
		}
		second, err := s.asksSecond(ctx, tx, *d)
		if err != nil {
			return err
		}
		if second && d.Author.Kind == identity.ActorPerson && d.Author.ID == by.Subject {
			return ErrSecondPerson
		}
		now, err := s.draftTime(ctx, *d)
		if err != nil {
			return err
		}
		at := d.SendAt
		if !at.After(now) { // it waited too long: it goes now
			at = now
		}
		sub := d.Content.Submission.normal()
		if faults := s.check(&sub, at); len(faults) > 0 {
			return faults
		}
		if err := s.promise(ctx, tx, d, by); err != nil {
			return err
		}
		if d.State == DraftScheduled && d.byAnother() {
			return s.tellAuthor(ctx, tx, *d, notify.DraftReleased)
		}
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return s.sentBefore(ctx, by.Account, id)
	}
	if err != nil || d.State != DraftSending {
		return Sent{Draft: d}, err
	}
	return s.sendClaimed(ctx, d, DraftWaiting)
}

// GiveBackDraft returns a draft that waits to its author, with a reason. Errors:
// ErrNotFound, ErrNotOpen, ErrUnidentified; FieldErrors for the reason; as of
// Authorise.
func (s *Service) GiveBackDraft(ctx context.Context, by identity.Actor, id ID, reason string) (Draft, error) {
	if !identified(by) {
		return Draft{}, ErrUnidentified
	}
	var c checker
	reason = strings.TrimSpace(strings.ReplaceAll(reason, "\r\n", "\n"))
	c.text("/reason", reason, 1, MaxReason, true)
	if len(c.faults) > 0 {
		return Draft{}, c.faults
	}
	return s.changeDraft(ctx, by.Account, id, func(ctx context.Context, tx pgx.Tx, d *Draft) error {
		if d.State != DraftWaiting {
			return ErrNotOpen
		}
		if _, err := s.Identities.Authorise(ctx, tx, by, identity.PowerSend, d.Content.Submission.normal().Policy.Class, s.Now()); err != nil {
			return err
		}
		d.reopen(FaultGivenBack)
		d.Reason = reason
		return s.tellAuthor(ctx, tx, *d, notify.DraftGivenBack)
	})
}
