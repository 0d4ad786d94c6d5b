package delivery

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// sealedDraft is what stands in a row encrypted. The salt makes its digest say
// nothing about it.
type sealedDraft struct {
	Salt    string
	Content DraftContent
	Author  string          // name
	Reason  string          `json:",omitempty"`
	By      *identity.Actor `json:",omitempty"`
}

// seal encrypts what d holds under a new key. Errors: FieldErrors when it is too
// much to keep.
func (s *Service) sealDraft(d Draft) (sealed []byte, st Stored, err error) {
	in := sealedDraft{Salt: rand.Text(), Content: d.Content, Author: d.Author.Name, Reason: d.Reason}
	if d.By.Kind != "" {
		in.By = &d.By
	}
	plain, err := json.Marshal(in)
	if err != nil {
		return nil, Stored{}, err
	}
	if len(plain) > MaxDraft {
		return nil, Stored{}, FieldErrors{{Code: "draft_too_large", Args: map[string]string{"max": fmt.Sprint(MaxDraft)}}}
	}
	sealed, st, err = s.Box.SealSmall(objectName(d.Account, string(d.ID)), plain)
	if err != nil {
		err = fmt.Errorf("delivery: seal draft: %w", err)
	}
	return sealed, st, err
}

const sqlDraft = `SELECT id, account_id, test, state, version, author_kind, author_id, sealed, object, key_id, wrapped_key, size, sha256,
       send_at, claimed_at, handed_at, fault, created_at, changed_at FROM draft`

// scanDraft reads and opens one row. Errors: ErrNotFound, ErrTampered.
func (s *Service) scanDraft(row pgx.Row) (d Draft, err error) {
	var st Stored
	var sealed []byte
	var send, claimed, handed *time.Time
	err = row.Scan(&d.ID, &d.Account, &d.Test, &d.State, &d.version, &d.Author.Kind, &d.Author.ID, &sealed, &st.Name, &st.KeyID, &st.Key,
		&st.Size, &st.SHA256, &send, &claimed, &handed, &d.Fault, &d.CreatedAt, &d.ChangedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return d, ErrNotFound
	}
	if err != nil {
		return d, err
	}
	for from, to := range map[*time.Time]*time.Time{send: &d.SendAt, claimed: &d.claimedAt, handed: &d.HandedAt} {
		if from != nil {
			*to = from.UTC()
		}
	}
	d.CreatedAt, d.ChangedAt = d.CreatedAt.UTC(), d.ChangedAt.UTC()
	if st.Name != objectName(d.Account, string(d.ID)) {
		return d, fmt.Errorf("%w: draft %s", ErrTampered, d.ID)
	}
	plain, err := s.Box.OpenSmall(st, sealed)
	if err != nil {
		return d, fmt.Errorf("%w: draft %s: %w", ErrTampered, d.ID, err)
	}
	var in sealedDraft
	if err := json.Unmarshal(plain, &in); err != nil {
		return d, fmt.Errorf("%w: draft %s", ErrTampered, d.ID)
	}
	d.Content, d.Author.Name, d.Reason = in.Content, in.Author, in.Reason
	if in.By != nil {
		d.By = *in.By
	}
	return d, nil
}

const sqlUpdateDraft = `
UPDATE draft SET state = $4, version = version + 1, author_kind = $5, author_id = $6, sealed = $7, key_id = $8, wrapped_key = $9, size = $10,
       sha256 = $11, documents = $12, send_at = $13, claimed_at = $14, handed_at = $15, fault = $16, changed_at = $17
 WHERE id = $1 AND account_id = $2 AND version = $3`

// updateDraft writes d over the version that was read. Errors: ErrDraftChanged
// when somebody was faster.
func (s *Service) updateDraft(ctx context.Context, tx pgx.Tx, d Draft) error {
	sealed, st, err := s.sealDraft(d)
	if err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, sqlUpdateDraft, string(d.ID), d.Account, d.version, d.State, d.Author.Kind, d.Author.ID, sealed, st.KeyID, st.Key,
		st.Size, st.SHA256, documentsOf(d), orNil(d.SendAt), orNil(d.claimedAt), orNil(d.HandedAt), d.Fault, d.ChangedAt)
	if err != nil {
		return err
	}
	if tag.RowsAffected() != 1 {
		return ErrDraftChanged
	}
	return nil
}

func documentsOf(d Draft) []string {
	if d.Content.Submission.Documents == nil {
		return []string{}
	}
	return d.Content.Submission.Documents
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// The sweep of unused documents looks at their age again once it has locked
// them: who names one in a draft makes it young, so that it cannot go meanwhile.
const sqlKeepDocuments = `UPDATE document SET created_at = $3 WHERE id = ANY ($1::uuid[]) AND account_id = $2 AND message_id IS NULL
   AND created_at < $3::timestamptz - interval '6 hours'`

const sqlKnownDocuments = `SELECT count(*) FROM document WHERE id = ANY ($1::uuid[]) AND account_id = $2 AND message_id IS NULL`

// keepDocuments makes sure that the documents of a draft are the account's and
// stay. Errors: FieldErrors.
func (s *Service) keepDocuments(ctx context.Context, tx pgx.Tx, d Draft, at time.Time) error {
	ids := documentsOf(d)
	if len(ids) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, sqlKeepDocuments, ids, d.Account, at); err != nil {
		return err
	}
	var faults FieldErrors
	for i, id := range ids {
		var n int
		if err := tx.QueryRow(ctx, sqlKnownDocuments, []string{id}, d.Account).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			faults = append(faults, FieldError{Pointer: fmt.Sprintf("/documents/%d", i), Code: "document_unknown"})
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}
