package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Holding is everything held about a person (R8), for the person.
type Holding struct {
	Person          Held             `json:"person"`
	Memberships     []HeldMembership `json:"memberships"`
	Contacts        []Contact        `json:"contacts"`
	Consents        []Consent        `json:"consents"`
	OnlineConsents  []HeldOnline     `json:"online_consents"` // to registered mail at an address: what was said, and when
	Mandates        []Mandate        `json:"mandates"`        // given to the person
	Passkeys        []HeldPasskey    `json:"passkeys"`
	Sessions        []HeldSession    `json:"sessions"`
	Accesses        []Access         `json:"accesses"`
	Identifications []HeldProof      `json:"identifications"` // newest first
}

// HeldOnline is what happened once to the consent of an address.
type HeldOnline struct {
	Kind     string    `json:"kind"`
	Value    string    `json:"value"`
	Version  string    `json:"version"`
	Language string    `json:"language"`
	Given    bool      `json:"given"` // false: withdrawn
	At       time.Time `json:"at"`
}

// Held is the person's own row. Secrets are only said to be there.
type Held struct {
	ID           string     `json:"id"`
	Given        string     `json:"given"`
	Family       string     `json:"family"`
	Login        string     `json:"login"`
	Email        string     `json:"email"`
	Mobile       string     `json:"mobile"`
	Language     string     `json:"language"`
	PasswordAt   time.Time  `json:"password_at"`
	SecondFactor bool       `json:"second_factor"`
	RestrictedAt *time.Time `json:"restricted_at,omitempty"`
	CreatedAt    time.Time  `json:"created_at"`
}

// HeldMembership is an account the person may act in.
type HeldMembership struct {
	Account string    `json:"account"`
	Kind    Kind      `json:"kind"`
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Since   time.Time `json:"since"`
	Address []string  `json:"address,omitempty"`
}

// HeldPasskey is a passkey of the person; its keys are the device's.
type HeldPasskey struct {
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	UsedAt    *time.Time `json:"used_at,omitempty"`
}

// HeldSession is a session that is kept.
type HeldSession struct {
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
	Method    string    `json:"method"`
	IP        string    `json:"ip"`
	Language  string    `json:"language"`
	UserAgent string    `json:"user_agent"`
	Here      bool      `json:"-"` // it is the one that asks
}

// Sessions lists the open sessions of the actor, latest first; token is of the one
// that asks. Errors: ErrNotFound.
func (s *Service) Sessions(ctx context.Context, by Actor, token string) ([]HeldSession, error) {
	if !by.isPerson(by.Subject) {
		return nil, ErrNotFound
	}
	hash, _ := tokenHash(token)
	rows, err := s.pool.Query(ctx, `
SELECT created_at, seen_at, method, ip, language, user_agent, token_hash IS NOT DISTINCT FROM $2 FROM session
 WHERE person_id = $1 AND revoked_at IS NULL AND expires_at > $3 AND absolute_expires_at > $3 ORDER BY created_at DESC`, by.Subject, hash, s.now())
	if err != nil {
		return nil, fmt.Errorf("identity: sessions: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[HeldSession])
}

// HeldProof is an identification of the person as an account holder.
type HeldProof struct {
	Record         string    `json:"record"`
	Bound          bool      `json:"bound"` // it says who the account holder is (R2)
	Method         string    `json:"method"`
	Provider       string    `json:"provider"`
	Given          string    `json:"given"`
	Family         string    `json:"family"`
	BirthDate      string    `json:"birth_date,omitempty"`
	NationalNumber string    `json:"national_number,omitempty"`
	Level          Level     `json:"level"`
	At             time.Time `json:"at"`
}

// Holding shows the actor everything held about the actor, as of one instant.
// Errors: ErrNotFound, ErrSealed.
//
// GDPR art. 15, 20 (R8).
func (s *Service) Holding(ctx context.Context, by Actor) (h Holding, err error) {
	if !by.isPerson(by.Subject) {
		return h, ErrNotFound
	}
	opts := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.pool, opts, func(tx pgx.Tx) error {
		var bound string
		err := tx.QueryRow(ctx, `
SELECT id, given, family, login, email, mobile, language, password_at, totp_secret IS NOT NULL,
       restricted_at, created_at, coalesce(identification_id::text, '') FROM person WHERE id = $1`, by.Subject).
			Scan(&h.Person.ID, &h.Person.Given, &h.Person.Family, &h.Person.Login, &h.Person.Email, &h.Person.Mobile, &h.Person.Language,
				&h.Person.PasswordAt, &h.Person.SecondFactor, &h.Person.RestrictedAt, &h.Person.CreatedAt, &bound)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("identity: holding: %w", err)
		}
		if h.Identifications, err = s.heldProofs(ctx, tx, by.Subject, bound); err != nil {
			return err
		}
		return h.collect(ctx, tx, by.Subject)
	})
	return h, err
}

// collect reads the rows of a person, table by table.
func (h *Holding) collect(ctx context.Context, tx pgx.Tx, person string) (err error) {
	if h.Memberships, err = collect[HeldMembership](ctx, tx, `
SELECT a.id, a.kind, a.name, m.role, m.created_at, coalesce(a.address, '{}')
  FROM membership m JOIN account a ON a.id = m.account_id WHERE m.person_id = $1 ORDER BY m.created_at`, person); err != nil {
		return err
	}
	if h.Contacts, err = collect[Contact](ctx, tx, selectContacts, person); err != nil {
		return err
	}
	if h.Consents, err = collect[Consent](ctx, tx, `
SELECT id, text, version, language, given_at, withdrawn_at FROM consent WHERE person_id = $1 ORDER BY id`, person); err != nil {
		return err
	}
	if h.OnlineConsents, err = collect[HeldOnline](ctx, tx, `
SELECT kind, value, version, language, given, at FROM contact_consent WHERE person_id = $1 ORDER BY at, id`, person); err != nil {
		return err
	}
	if h.Mandates, err = collect[Mandate](ctx, tx, `
SELECT `+mandateColumns+` FROM mandate WHERE person_id = $1 ORDER BY granted_at, id`, person); err != nil {
		return err
	}
	if h.Passkeys, err = collect[HeldPasskey](ctx, tx, `
SELECT name, created_at, used_at FROM webauthn_credential WHERE person_id = $1 ORDER BY created_at`, person); err != nil {
		return err
	}
	if h.Sessions, err = collect[HeldSession](ctx, tx, `
SELECT created_at, seen_at, method, ip, language, user_agent, false FROM session WHERE person_id = $1 ORDER BY created_at`, person); err != nil {
		return err
	}
	h.Accesses, err = collect[Access](ctx, tx, `
SELECT id, coalesce(account_id::text, ''), coalesce(person_id::text, ''), coalesce(key_id::text, ''), at, action, ip, language, user_agent, coalesce(about::text, '')
  FROM access_log WHERE person_id = $1 ORDER BY id`, person)
	return err
}

// heldProofs opens what the person proved, and the record that binds the person,
// which may have been made for a delivery.
func (s *Service) heldProofs(ctx context.Context, tx pgx.Tx, person, bound string) (all []HeldProof, err error) {
	type row struct {
		Record string
		Sealed []byte
	}
	rows, err := collect[row](ctx, tx, `SELECT id, sealed FROM identification WHERE person_id = $1 OR id = $2 ORDER BY id DESC`, person, orNull(bound))
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		p, err := s.unseal(r.Record, r.Sealed)
		if err != nil {
			return nil, err
		}
		all = append(all, heldProof(r.Record, r.Record == bound, p))
	}
	return all, nil
}

func collect[T any](ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return all, nil
}
