package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// contactDraftLife is how long somebody may take to prove an address.
const contactDraftLife = time.Hour

// ContactDraft is an address of a person that waits for its code.
type ContactDraft struct {
	Kind  string
	Value string
	Own   bool
}

// ContactDrafts lists the addresses of the actor that wait for their code.
// Errors: ErrNotFound.
func (s *Service) ContactDrafts(ctx context.Context, by Actor) ([]ContactDraft, error) {
	if !by.isPerson(by.Subject) {
		return nil, ErrNotFound
	}
	rows, err := s.pool.Query(ctx, `SELECT kind, value, own FROM contact_draft WHERE person_id = $1 AND expires_at > $2 ORDER BY kind`, by.Subject, s.now())
	if err != nil {
		return nil, fmt.Errorf("identity: contact drafts: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[ContactDraft])
}

// AskContact sends a code to an address that the actor wants to add, or, when own,
// to have instead of the own one. It becomes nothing before [Service.ConfirmContact].
// What waited of that kind before is dropped. Nothing is said about whose address
// it may be already.
//
// Errors: ErrNotFound, FieldErrors, *Locked, ErrTooManyCodes.
func (s *Service) AskContact(ctx context.Context, by Actor, kind, value string, own bool) error {
	value, err := contactValue(kind, value)
	if err != nil {
		return err
	}
	if !by.isPerson(by.Subject) || s.codes == nil {
		return ErrNotFound
	}
	if err := s.mayCode(ctx, by.IP, value); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var language string
		var n int
		err := tx.QueryRow(ctx, `SELECT p.language, (SELECT count(*) FROM contact c WHERE c.person_id = p.id) FROM person p WHERE p.id = $1 FOR UPDATE`,
			by.Subject).Scan(&language, &n)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("identity: ask contact: %w", err)
		}
		if n >= maxContacts && !own {
			return FieldErrors{{map[string]string{"email": "email", "sms": "mobile"}[kind], "too_many"}}
		}
		id, err := newID()
		if err != nil {
			return err
		}
		at := s.now()
		// One id for one address, so that asking again counts against the same limit.
		err = tx.QueryRow(ctx, `
INSERT INTO contact_draft AS d (id, person_id, kind, value, own, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (person_id, kind) DO UPDATE SET id = CASE WHEN d.value = excluded.value THEN d.id ELSE excluded.id END,
       value = excluded.value, own = excluded.own, created_at = excluded.created_at, expires_at = excluded.expires_at
RETURNING id`, id, by.Subject, kind, value, own, at, at.Add(contactDraftLife)).Scan(&id)
		if err != nil {
			return fmt.Errorf("identity: ask contact: %w", err)
		}
		challenge, err := s.codes.Issue(ctx, tx, id, kind, at)
		if err != nil {
			return err
		}
		return s.tell(ctx, tx, Note{Kind: NoteContactCode, Channel: kind, To: value, Language: language, Account: by.Account, Ref: challenge})
	})
}

// ConfirmContact takes the code that came to an address the actor asked for. An
// own address replaces the one before: that one is told, and forgotten, because
// it may be somebody else's soon. A login that was the old e-mail address becomes
// the new one.
//
// Errors: ErrNotFound when none waits, ErrCode, ErrTooManyCodes, ErrLoginTaken.
func (s *Service) ConfirmContact(ctx context.Context, by Actor, kind, code string) error {
	if !by.isPerson(by.Subject) || s.codes == nil {
		return ErrNotFound
	}
	var id string
	err := s.pool.QueryRow(ctx, `SELECT id FROM contact_draft WHERE person_id = $1 AND kind = $2 AND expires_at > $3`, by.Subject, kind, s.now()).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("identity: confirm contact: %w", err)
	}
	// The code is used up first: who dies here asks for another one.
	if err := s.codes.Check(ctx, id, kind, code, s.now()); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var value string
		var own bool
		err := tx.QueryRow(ctx, `DELETE FROM contact_draft WHERE id = $1 AND person_id = $2 RETURNING value, own`, id, by.Subject).Scan(&value, &own)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("identity: confirm contact: %w", err)
		}
		if err := forgetCodes(ctx, tx, id); err != nil {
			return err
		}
		at := s.now()
		if _, err := insertContact(ctx, tx, by.Subject, kind, value, at); err != nil {
			return err
		}
		if !own {
			return s.logBy(ctx, tx, by, by.Account, at, "contact_added")
		}
		return s.replaceOwn(ctx, tx, by, kind, value, at)
	})
}

// forgetCodes removes the codes of a subject that is done with.
func forgetCodes(ctx context.Context, tx pgx.Tx, subject string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM code_challenge WHERE subject_id = $1`, subject); err != nil {
		return fmt.Errorf("identity: forget codes: %w", err)
	}
	return nil
}

// replaceOwn makes a proven address the person's own one.
func (s *Service) replaceOwn(ctx context.Context, tx pgx.Tx, by Actor, kind, value string, at time.Time) error {
	var email, number, login, language string
	err := tx.QueryRow(ctx, `SELECT email, mobile, login, language FROM person WHERE id = $1 FOR UPDATE`, by.Subject).Scan(&email, &number, &login, &language)
	if err != nil {
		return fmt.Errorf("identity: replace contact: %w", err)
	}
	old, sql, args := number, `UPDATE person SET mobile = $2 WHERE id = $1`, []any{by.Subject, value}
	if kind == "email" {
		if old = email; login == foldLogin(email) {
			login = foldLogin(value)
		}
		sql, args = `UPDATE person SET email = $2, login = $3 WHERE id = $1`, append(args, login)
	}
	plain, err := contactValue(kind, old)
	if err == nil && plain == value {
		return s.logBy(ctx, tx, by, by.Account, at, "contact_added") // proven anew
	}
	if _, err := tx.Exec(ctx, sql, args...); violates(err, "person_login") {
		return ErrLoginTaken
	} else if err != nil {
		return fmt.Errorf("identity: replace contact: %w", err)
	}
	var c Contact
	err = tx.QueryRow(ctx, `SELECT id, online_at, online_version FROM contact WHERE person_id = $1 AND kind = $2 AND value = $3`,
		by.Subject, kind, plain).Scan(&c.ID, &c.OnlineAt, &c.OnlineVersion)
	if err == nil {
		c.Kind, c.Value = kind, plain
		err = dropContact(ctx, tx, by.Subject, c, at)
	}
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("identity: replace contact: %w", err)
	}
	if err := s.tell(ctx, tx, Note{Kind: NoteContactChanged, Channel: kind, To: old, Language: language, Account: by.Account, Ref: kind}); err != nil {
		return err
	}
	return s.logBy(ctx, tx, by, by.Account, at, "contact_changed")
}
