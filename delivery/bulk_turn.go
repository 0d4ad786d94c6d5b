package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// Digest names exactly what a batch would send as it was checked: its list, how
// it is read, the version of the template, the documents, and what was counted.
func (b Bulk) Digest() (string, error) {
	body, err := json.Marshal(struct {
		ID                          ID
		List                        string
		Setup                       BulkSetup
		Round, Rows, Faulty, Warned int
		Test                        bool
	}{b.ID, b.SHA256, b.Setup, b.round, b.Rows, b.Faulty, b.Warned, b.Test})
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), err
}

// ConfirmedAs reports whether somebody confirmed b as it was shown with digest.
func (b Bulk) ConfirmedAs(digest string) bool {
	return b.confirmed != nil && b.confirmed.Digest == digest
}

// ConfirmBulk lets a batch that was checked be sent, in the name of who
// confirms. digest is that of the batch as it was shown. Errors: ErrNotFound,
// ErrBulkState, ErrBulkChanged, FieldErrors when no row can be sent or a document
// is gone; ErrSecondPerson where the account asks for one and this is who
// prepared it; identity.ErrNoMandate for a person of a company who may not send
// such messages.
//
// EN 319 522-1 §6.2.1 A.1
func (s *Service) ConfirmBulk(ctx context.Context, by Submitter, id ID, digest string) error {
	return s.turnBulk(ctx, by, id, BulkChecked, func(b Bulk) error {
		shown, err := b.Digest()
		switch {
		case err != nil:
			return err
		case shown != digest:
			return ErrBulkChanged
		case b.Ready() == 0:
			return FieldErrors{{Pointer: "/file", Code: "no_rows"}}
		}
		return nil
	})
}

// ResumeBulk goes on with a batch that was paused, in the name of who resumes it.
// Errors: as ConfirmBulk.
func (s *Service) ResumeBulk(ctx context.Context, by Submitter, id ID) error {
	return s.turnBulk(ctx, by, id, BulkPaused, func(Bulk) error { return nil })
}

const sqlRunBulk = `
UPDATE bulk SET state = 'running', cause = '', confirmed = $3, changed_at = $4 WHERE id = $1 AND state = $2 AND round = $5`

// second reports whether somebody is another person than those who prepared b.
func (b Bulk) second(by identity.Actor) bool {
	return by.Kind == identity.ActorPerson && !slices.Contains(b.preparers[:], by.Subject)
}

// turnBulk lets a batch run whose state is from, once allow says so.
func (s *Service) turnBulk(ctx context.Context, by Submitter, id ID, from BulkState, allow func(Bulk) error) error {
	if by.By.Account == "" {
		return ErrUnidentified
	}
	b, err := s.Bulk(ctx, by.By.Account, id)
	if err != nil {
		return err
	}
	if b.State != from || b.Source != BulkCSV || b.Test != by.Test {
		return ErrBulkState
	}
	if err := allow(b); err != nil {
		return err
	}
	if asked, err := s.SecondPerson(ctx, b.Account); err != nil {
		return err
	} else if asked && !b.Test && !b.second(by.By) {
		return ErrSecondPerson
	}
	p, err := s.bulkPlan(ctx, b)
	if err != nil {
		return err
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	digest, err := b.Digest()
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if _, err := s.Identities.Authorise(ctx, tx, by.By, identity.PowerSend, p.template.Policy.Class, now); err != nil {
			return err
		}
		if err := s.keepShared(ctx, tx, b.Account, b.Setup.Documents, now.Add(SharedFor)); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sqlRunBulk, string(id), string(from), confirmation{by.By, by.Sender, digest, now}, now, b.round)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrBulkState
		}
		if err != nil {
			return err
		}
		return s.workOn(ctx, tx, id)
	})
}

// PauseBulk stops a batch until somebody resumes it. What is being sent at this
// moment is. Errors: ErrNotFound, ErrBulkState.
func (s *Service) PauseBulk(ctx context.Context, account string, id ID) error {
	if _, err := s.Bulk(ctx, account, id); err != nil {
		return err
	}
	tag, err := s.Pool.Exec(ctx, `UPDATE bulk SET state = 'paused', cause = '', changed_at = $3
		WHERE id = $1 AND account_id = $2 AND state = 'running' AND source = 'csv'`, string(id), account, s.Now().UTC())
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrBulkState
	}
	return err
}

// CancelBulk ends a batch: what was not sent yet is not. Messages that were sent
// stay; they are withdrawn one by one. Errors: ErrNotFound, ErrBulkState.
func (s *Service) CancelBulk(ctx context.Context, account string, id ID) error {
	b, err := s.Bulk(ctx, account, id)
	if err != nil {
		return err
	}
	if b.Source != BulkCSV || b.State.Ended() {
		return ErrBulkState
	}
	if b.State != BulkRunning && b.State != BulkPaused && b.State != BulkStopping { // nothing was sent
		if err := s.endBulk(ctx, b, b.State, BulkCancelled); err != nil {
			return err
		}
		return nil
	}
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE bulk SET state = 'stopping', changed_at = $3 WHERE id = $1 AND account_id = $2 AND state IN ('running', 'paused')`,
			string(id), account, s.Now().UTC())
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return s.workOn(ctx, tx, id)
	})
}
