package identity

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
)

// Holding is everything held about a person (R8), for the person.
type Holding struct {
	Person         Held             `json:"person"`
	Memberships    []HeldMembership `json:"memberships"`
	Consents       []Consent        `json:"consents"`
	Sessions       []HeldSession    `json:"sessions"`
	Accesses       []Access         `json:"accesses"`
	Identification *HeldProof       `json:"identification,omitempty"`
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

// HeldSession is a session that is kept.
type HeldSession struct {
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
	IP        string    `json:"ip"`
	UserAgent string    `json:"user_agent"`
}

// HeldProof is the identification the person is bound to.
type HeldProof struct {
	Record         string    `json:"record"`
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
func (s *Service) Holding(ctx context.Context, by Actor) (h Holding, err error) {
	if !by.isPerson(by.Subject) {
		return h, ErrNotFound
	}
	opts := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.pool, opts, func(tx pgx.Tx) error {
		var record, sealed = "", []byte(nil)
		err := tx.QueryRow(ctx, `
SELECT p.id, p.given, p.family, p.login, p.email, p.mobile, p.language, p.password_at, p.totp_secret IS NOT NULL,
       p.restricted_at, p.created_at, coalesce(i.id::text, ''), i.sealed
  FROM person p LEFT JOIN identification i ON i.id = p.identification_id WHERE p.id = $1`, by.Subject).
			Scan(&h.Person.ID, &h.Person.Given, &h.Person.Family, &h.Person.Login, &h.Person.Email, &h.Person.Mobile, &h.Person.Language,
				&h.Person.PasswordAt, &h.Person.SecondFactor, &h.Person.RestrictedAt, &h.Person.CreatedAt, &record, &sealed)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("identity: holding: %w", err)
		}
		if record != "" {
			if h.Identification, err = s.heldProof(record, sealed); err != nil {
				return err
			}
		}
		if h.Memberships, err = collect[HeldMembership](ctx, tx, `
SELECT a.id, a.kind, a.name, m.role, m.created_at, coalesce(a.address, '{}')
  FROM membership m JOIN account a ON a.id = m.account_id WHERE m.person_id = $1 ORDER BY m.created_at`, by.Subject); err != nil {
			return err
		}
		if h.Consents, err = collect[Consent](ctx, tx, `
SELECT id, text, version, language, given_at, withdrawn_at FROM consent WHERE person_id = $1 ORDER BY id`, by.Subject); err != nil {
			return err
		}
		if h.Sessions, err = collect[HeldSession](ctx, tx, `
SELECT created_at, seen_at, ip, user_agent FROM session WHERE person_id = $1 ORDER BY created_at`, by.Subject); err != nil {
			return err
		}
		h.Accesses, err = collect[Access](ctx, tx, `
SELECT id, coalesce(account_id::text, ''), coalesce(person_id::text, ''), coalesce(key_id::text, ''), at, action, ip, language, user_agent
  FROM access_log WHERE person_id = $1 ORDER BY id`, by.Subject)
		return err
	})
	return h, err
}

func (s *Service) heldProof(record string, sealed []byte) (*HeldProof, error) {
	p, err := s.unseal(record, sealed)
	if err != nil {
		return nil, err
	}
	return &HeldProof{Record: record, Method: p.Method, Provider: p.Provider, Given: p.Given, Family: p.Family,
		BirthDate: p.BirthDate, NationalNumber: p.NationalNumber, Level: p.Level, At: p.At}, nil
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

// WriteCSV writes the holding as lines of record, number, field and value, which
// every spreadsheet opens. Values that a spreadsheet would run as a formula are
// written with an apostrophe before them.
func (h Holding) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	line := func(record string, n int, pairs ...string) {
		for i := 0; i+1 < len(pairs); i += 2 {
			c.Write([]string{record, fmt.Sprint(n + 1), pairs[i], harmless(pairs[i+1])})
		}
	}
	date := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	p := h.Person
	c.Write([]string{"record", "number", "field", "value"})
	line("person", 0, "id", p.ID, "given", p.Given, "family", p.Family, "login", p.Login, "email", p.Email, "mobile", p.Mobile,
		"language", p.Language, "password_at", date(p.PasswordAt), "second_factor", fmt.Sprint(p.SecondFactor), "created_at", date(p.CreatedAt))
	if p.RestrictedAt != nil {
		line("person", 0, "restricted_at", date(*p.RestrictedAt))
	}
	for i, m := range h.Memberships {
		line("membership", i, "account", m.Account, "kind", string(m.Kind), "name", m.Name, "role", string(m.Role), "since", date(m.Since))
		for _, a := range m.Address {
			line("membership", i, "address", a)
		}
	}
	for i, x := range h.Consents {
		line("consent", i, "text", x.Text, "version", x.Version, "language", x.Language, "given_at", date(x.GivenAt))
		if x.WithdrawnAt != nil {
			line("consent", i, "withdrawn_at", date(*x.WithdrawnAt))
		}
	}
	for i, x := range h.Sessions {
		line("session", i, "created_at", date(x.CreatedAt), "seen_at", date(x.SeenAt), "ip", x.IP, "user_agent", x.UserAgent)
	}
	for i, a := range h.Accesses {
		line("access", i, "at", date(a.At), "action", a.Action, "account", a.Account, "ip", a.IP, "language", a.Language, "user_agent", a.UserAgent)
	}
	if i := h.Identification; i != nil {
		line("identification", 0, "record", i.Record, "method", i.Method, "provider", i.Provider, "given", i.Given, "family", i.Family,
			"birth_date", i.BirthDate, "national_number", i.NationalNumber, "level", string(i.Level), "at", date(i.At))
	}
	c.Flush()
	return c.Error()
}

func harmless(s string) string {
	if s != "" && (s[0] == '=' || s[0] == '+' || s[0] == '-' || s[0] == '@' || s[0] == '\t' || s[0] == '\r') {
		return "'" + s
	}
	return s
}
