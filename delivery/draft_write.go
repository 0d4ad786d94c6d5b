package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// Every draft is of an account, and of nobody else: those of others are not
// found. Who of the account may write and read is for the faces to know.

const sqlInsertDraft = `
INSERT INTO draft (id, account_id, test, state, version, author_kind, author_id, sealed, object, key_id, wrapped_key, size, sha256, documents,
       created_at, changed_at)
SELECT $1, $2, $3, 'open', 1, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13
 WHERE (SELECT count(*) FROM draft WHERE account_id = $2) < $14`

// CreateDraft keeps what somebody of an account has written so far; it may be
// wrong or not complete. The same Once gives the first draft again, with replayed
// set. Errors: FieldErrors for documents that are not there and for more than can
// be kept, ErrTooManyDrafts, ErrKeyReused; ErrNotFound for a repetition after the
// draft is gone.
func (s *Service) CreateDraft(ctx context.Context, by identity.Actor, test bool, c DraftContent, once Once) (d Draft, replayed bool, err error) {
	if faults := c.check(); len(faults) > 0 {
		return Draft{}, false, faults
	}
	if by.Account == "" || by.Kind != identity.ActorPerson && by.Kind != identity.ActorKey {
		return Draft{}, false, ErrUnidentified
	}
	at := s.Now().UTC().Truncate(time.Microsecond)
	d = Draft{ID: ID(evidence.NewID()), Account: by.Account, Test: test, State: DraftOpen, Author: author(by), Content: c, CreatedAt: at, ChangedAt: at,
		version: 1}
	sealed, st, err := s.sealDraft(d)
	if err != nil {
		return Draft{}, false, err
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if once.Key != "" {
			ref, err := sameOnce(tx.QueryRow(ctx, sqlClaimKey, d.Account, once.Key, "draft", once.Digest, string(d.ID), at), "draft", once)
			if err != nil {
				return err
			}
			if ref != d.ID {
				return replay{ref}
			}
		}
		if err := s.keepDocuments(ctx, tx, d, at); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sqlInsertDraft, string(d.ID), d.Account, d.Test, d.Author.Kind, d.Author.ID, sealed, st.Name, st.KeyID, st.Key, st.Size,
			st.SHA256, documentsOf(d), at, MaxDrafts)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrTooManyDrafts
		}
		return err
	})
	var earlier replay
	if errors.As(err, &earlier) {
		d, err = s.Draft(ctx, by.Account, earlier.ref)
		return d, true, err
	}
	return d, false, err
}

func author(by identity.Actor) Author {
	a := Author{Kind: by.Kind, ID: by.Subject, Name: by.Name}
	if by.Kind == identity.ActorPerson {
		a.Name = by.Given + " " + by.Family
	}
	return a
}

// Draft returns a draft of an account. Errors: ErrNotFound, ErrTampered.
func (s *Service) Draft(ctx context.Context, account string, id ID) (Draft, error) {
	if !isID(string(id)) {
		return Draft{}, ErrNotFound
	}
	return s.scanDraft(s.Pool.QueryRow(ctx, sqlDraft+` WHERE id = $1 AND account_id = $2`, string(id), account))
}

// DraftFilter restricts a list of drafts. The zero value asks for all.
type DraftFilter struct {
	Test  *bool
	State DraftState
}

// Drafts returns the drafts of an account, newest first, at most limit of them,
// begun before the one given (empty: from the newest).
func (s *Service) Drafts(ctx context.Context, account string, f DraftFilter, before ID, limit int) ([]Draft, error) {
	if before == "" {
		before = ID(uuid.Max.String())
	}
	rows, err := s.Pool.Query(ctx, sqlDraft+` WHERE account_id = $1 AND id < $2 AND ($3::boolean IS NULL OR test = $3) AND ($4 = '' OR state = $4)
 ORDER BY id DESC LIMIT $5`, account, string(before), f.Test, string(f.State), min(max(limit, 1), MaxPage+1))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (Draft, error) { return s.scanDraft(r) })
}

// DraftCounts says how many drafts of an account are in each state.
func (s *Service) DraftCounts(ctx context.Context, account string) (map[DraftState]int, error) {
	rows, err := s.Pool.Query(ctx, `SELECT state, count(*) FROM draft WHERE account_id = $1 GROUP BY state`, account)
	if err != nil {
		return nil, err
	}
	out := map[DraftState]int{}
	var state DraftState
	var n int
	_, err = pgx.ForEachRow(rows, []any{&state, &n}, func() error { out[state] = n; return nil })
	return out, err
}

// ReplaceDraft keeps what somebody wrote over an open draft, whose author becomes
// whoever wrote. Errors: ErrNotFound, FieldErrors; ErrNotOpen for one that waits,
// is scheduled or being sent; ErrDraftChanged when somebody else was faster.
func (s *Service) ReplaceDraft(ctx context.Context, by identity.Actor, id ID, c DraftContent) (Draft, error) {
	if faults := c.check(); len(faults) > 0 {
		return Draft{}, faults
	}
	return s.changeDraft(ctx, by.Account, id, func(ctx context.Context, tx pgx.Tx, d *Draft) error {
		if d.State != DraftOpen {
			return ErrNotOpen
		}
		d.Content, d.Author, d.Fault, d.Reason = c, author(by), "", ""
		return s.keepDocuments(ctx, tx, *d, d.ChangedAt)
	})
}

// DeleteDraft removes a draft that nobody is sending. Errors: ErrNotFound,
// ErrNotOpen.
func (s *Service) DeleteDraft(ctx context.Context, account string, id ID) error {
	d, err := s.Draft(ctx, account, id)
	if err != nil && !errors.Is(err, ErrTampered) {
		return err // one that cannot be opened can still be thrown away
	}
	tag, err := s.Pool.Exec(ctx, `DELETE FROM draft WHERE id = $1 AND account_id = $2 AND state <> 'sending'`, string(id), account)
	if err == nil && tag.RowsAffected() == 0 {
		if err = ErrNotFound; d.State == DraftSending {
			err = ErrNotOpen
		}
	}
	return err
}

// changeDraft reads, changes and writes a draft in one transaction in which
// nobody else can.
func (s *Service) changeDraft(ctx context.Context, account string, id ID, change func(context.Context, pgx.Tx, *Draft) error) (d Draft, err error) {
	if !isID(string(id)) {
		return Draft{}, ErrNotFound
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if d, err = s.scanDraft(tx.QueryRow(ctx, sqlDraft+` WHERE id = $1 AND account_id = $2 FOR UPDATE`, string(id), account)); err != nil {
			return err
		}
		d.ChangedAt = s.Now().UTC().Truncate(time.Microsecond)
		if err := change(ctx, tx, &d); err != nil {
			return err
		}
		if err := s.updateDraft(ctx, tx, d); err != nil {
			return err
		}
		d.version++
		return nil
	})
	return d, err
}

// sweepDrafts removes drafts that nobody touched for 90 days, and those of
// accounts that were closed.
func (s *Service) sweepDrafts(ctx context.Context) error {
	_, err := s.Pool.Exec(ctx, `DELETE FROM draft WHERE state IN ('open', 'waiting') AND changed_at < $1`, s.Now().Add(-draftsKept))
	if err == nil {
		_, err = s.Pool.Exec(ctx, `DELETE FROM draft d USING account a WHERE a.id = d.account_id AND a.closed_at IS NOT NULL AND d.state <> 'sending'`)
	}
	return err
}
