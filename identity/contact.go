package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Contact is an address that a person proved to read (R1, R11).
type Contact struct {
	ID            string
	Kind          string // "email" or "sms"
	Value         string // e-mail in lower case, or E.164
	Own           bool   // the person's own one: notes and codes go there
	ProvenAt      time.Time
	OnlineAt      *time.Time // consent to electronic registered mail at this address; nil: none
	OnlineVersion string     // of the text agreed to
}

// maxContacts bounds the addresses of one person.
const maxContacts = 20

// Contacts lists the proven addresses of the actor, own ones first.
// Errors: ErrNotFound.
func (s *Service) Contacts(ctx context.Context, by Actor) ([]Contact, error) {
	if !by.isPerson(by.Subject) {
		return nil, ErrNotFound
	}
	rows, err := s.pool.Query(ctx, selectContacts, by.Subject)
	if err != nil {
		return nil, fmt.Errorf("identity: contacts: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Contact])
}

const selectContacts = `
SELECT c.id, c.kind, c.value, c.value = CASE c.kind WHEN 'email' THEN lower(p.email) ELSE p.mobile END AS own, c.proven_at, c.online_at, c.online_version
  FROM contact c JOIN person p ON p.id = c.person_id WHERE c.person_id = $1
 ORDER BY c.kind, own DESC, c.proven_at, c.id`

// ProveContact records an address as proven without a code: an operator has seen
// that the person reads it. Only the system may. Errors: ErrForbidden,
// ErrNotFound, FieldErrors.
func (s *Service) ProveContact(ctx context.Context, by Actor, person, kind, value string) error {
	if by.Kind != ActorSystem {
		return ErrForbidden
	}
	value, err := contactValue(kind, value)
	if err != nil {
		return err
	}
	if !isID(person) {
		return ErrNotFound
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := insertContact(ctx, tx, person, kind, value, s.now())
		if violates(err, "contact_person_id_fkey") {
			return ErrNotFound
		}
		return err
	})
}

// contactValue is the one form of an address. Errors: FieldErrors.
func contactValue(kind, value string) (string, error) {
	switch kind {
	case "email":
		value = strings.ToLower(strings.TrimSpace(value))
		if !isEmail(value) {
			return "", FieldErrors{{"email", "malformed"}}
		}
	case "sms":
		value = strings.ReplaceAll(value, " ", "")
		if !mobile.MatchString(value) {
			return "", FieldErrors{{"mobile", "malformed"}}
		}
	default:
		return "", FieldErrors{{"kind", "malformed"}}
	}
	return value, nil
}

// insertContact is idempotent: proving again makes the proof newer.
func insertContact(ctx context.Context, tx pgx.Tx, person, kind, value string, at time.Time) (id string, err error) {
	if id, err = newID(); err != nil {
		return "", err
	}
	err = tx.QueryRow(ctx, `
INSERT INTO contact (id, person_id, kind, value, proven_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (person_id, kind, value) DO UPDATE SET proven_at = excluded.proven_at RETURNING id`, id, person, kind, value, at).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("identity: prove contact: %w", err)
	}
	return id, nil
}

// RemoveContact forgets an address of the actor; consent given for it is
// withdrawn. The own addresses can be replaced, not removed. Errors: ErrNotFound,
// ErrForbidden for an own one.
func (s *Service) RemoveContact(ctx context.Context, by Actor, id string) error {
	return s.changeContact(ctx, by, id, "contact_removed", func(tx pgx.Tx, c Contact, at time.Time) error {
		if c.Own {
			return fmt.Errorf("%w: an own address", ErrForbidden)
		}
		return dropContact(ctx, tx, by.Subject, c, at)
	})
}

func dropContact(ctx context.Context, tx pgx.Tx, person string, c Contact, at time.Time) error {
	if c.OnlineAt != nil {
		if err := setOnline(ctx, tx, person, c, "", "", at); err != nil {
			return err
		}
	}
	tag, err := tx.Exec(ctx, `DELETE FROM contact WHERE id = $1 AND person_id = $2`, c.ID, person)
	return oneRow(tag.RowsAffected(), err)
}

// PreferOnline gives or withdraws consent to electronic registered mail at one
// address of the actor. version is that of the text agreed to; it is not needed to
// withdraw. Nobody can be forced to consent, and withdrawing holds for what is
// sent from then on. Errors: ErrNotFound, FieldErrors.
//
// Belgian Code of Economic Law art. XII.25 (R11).
func (s *Service) PreferOnline(ctx context.Context, by Actor, id string, on bool, version, language string) error {
	if on && clean(version, 100) == "" {
		return FieldErrors{{"consent", "missing"}}
	}
	action := map[bool]string{true: "online_agreed", false: "online_withdrawn"}[on]
	return s.changeContact(ctx, by, id, action, func(tx pgx.Tx, c Contact, at time.Time) error {
		if !on {
			version = ""
		}
		if on && c.OnlineAt != nil && c.OnlineVersion == version || !on && c.OnlineAt == nil {
			return ErrNotFound
		}
		return setOnline(ctx, tx, by.Subject, c, version, language, at)
	})
}

// setOnline writes the consent of an address, and its history. An empty version
// withdraws: the history then says what was withdrawn.
func setOnline(ctx context.Context, tx pgx.Tx, person string, c Contact, version, language string, at time.Time) error {
	given, what := &at, version
	if version == "" {
		given, what = nil, c.OnlineVersion
	}
	tag, err := tx.Exec(ctx, `UPDATE contact SET online_at = $3, online_version = $4 WHERE id = $1 AND person_id = $2`, c.ID, person, given, version)
	if err := oneRow(tag.RowsAffected(), err); err != nil {
		return err
	}
	id, err := newID()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO contact_consent (id, person_id, kind, value, version, language, given, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		id, person, c.Kind, c.Value, clean(what, 100), clean(language, 35), given != nil, at)
	if err != nil {
		return fmt.Errorf("identity: consent of contact: %w", err)
	}
	return nil
}

// changeContact holds the person's row locked, so that what is own stays so.
func (s *Service) changeContact(ctx context.Context, by Actor, id, action string, change func(pgx.Tx, Contact, time.Time) error) error {
	if !by.isPerson(by.Subject) || !isID(id) {
		return ErrNotFound
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var c Contact
		err := tx.QueryRow(ctx, `
SELECT c.id, c.kind, c.value, c.value = CASE c.kind WHEN 'email' THEN lower(p.email) ELSE p.mobile END, c.proven_at, c.online_at, c.online_version
  FROM contact c JOIN person p ON p.id = c.person_id WHERE c.id = $1 AND c.person_id = $2 FOR UPDATE`, id, by.Subject).
			Scan(&c.ID, &c.Kind, &c.Value, &c.Own, &c.ProvenAt, &c.OnlineAt, &c.OnlineVersion)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("identity: contact: %w", err)
		}
		at := s.now()
		if err := change(tx, c, at); err != nil {
			return err
		}
		return s.logBy(ctx, tx, by, by.Account, at, action)
	})
}
