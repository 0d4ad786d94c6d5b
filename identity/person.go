package identity

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/text/unicode/norm"
)

// NewPerson is what somebody who can sign in gives (R1).
type NewPerson struct {
	Given    string
	Family   string
	Login    string // case does not matter
	Email    string
	Mobile   string // E.164
	Language string // nl, fr, de, en
	Password string // 12 to 128 characters, not a common one
}

var mobile = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// check says what is wrong and tidies what is not.
func (p *NewPerson) check(h *hasher) (bad FieldErrors) {
	p.Given, p.Family = clean(strings.TrimSpace(p.Given), 200), clean(strings.TrimSpace(p.Family), 200)
	p.Login, p.Email, p.Mobile = foldLogin(p.Login), strings.TrimSpace(p.Email), strings.ReplaceAll(p.Mobile, " ", "")
	for _, f := range []FieldError{{"given", p.Given}, {"family", p.Family}, {"login", p.Login}} {
		if f.Code == "" {
			bad = append(bad, FieldError{f.Field, "missing"})
		}
	}
	bad = append(bad, contactErrors(p.Email, p.Mobile, p.Language)...)
	if h != nil {
		user, _, _ := strings.Cut(p.Email, "@")
		bad = append(bad, h.check(p.Password, p.Login, user, p.Given, p.Family)...)
	}
	return bad
}

func contactErrors(email, number, language string) (bad FieldErrors) {
	if !isEmail(email) {
		bad = append(bad, FieldError{"email", "malformed"})
	}
	if !mobile.MatchString(number) {
		bad = append(bad, FieldError{"mobile", "malformed"})
	}
	if !isLanguage(language) {
		bad = append(bad, FieldError{"language", "malformed"})
	}
	return bad
}

func isLanguage(s string) bool { return s == "nl" || s == "fr" || s == "de" || s == "en" }

func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= 254
}

// foldLogin is the one form of a login, or "" when it cannot be one.
func foldLogin(s string) string {
	if len(s) > 4*254 {
		return ""
	}
	f := strings.ToLower(strings.TrimSpace(norm.NFKC.String(s)))
	if f != clean(f, 254) || strings.ContainsAny(f, " \t") {
		return ""
	}
	return f
}

// CreatePerson adds somebody new to an account in the given role. Only an
// administrator of the account may, and the system. A private account has
// exactly one person.
//
// Errors: ErrForbidden, ErrNotFound, ErrClosed, FieldErrors, ErrLoginTaken, ErrBusy.
func (s *Service) CreatePerson(ctx context.Context, by Actor, account string, role Role, p NewPerson) (id string, err error) {
	bad := p.check(s.hasher)
	if !role.valid() {
		bad = append(bad, FieldError{"role", "malformed"})
	}
	if err := bad.orNil(); err != nil {
		return "", err
	}
	if err := s.administers(ctx, s.pool, by, account); err != nil {
		return "", err // before the expensive part; again below, under the lock
	}
	hash, err := s.hasher.hash(ctx, p.Password)
	if err != nil {
		return "", err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		kind, err := s.lockAccount(ctx, tx, by, account)
		if err != nil {
			return err
		}
		if kind == Private {
			return fmt.Errorf("%w: a private account has one person", ErrForbidden)
		}
		at := s.now()
		if id, err = s.insertPerson(ctx, tx, p, hash, at); err != nil {
			return err
		}
		if err := insertMember(ctx, tx, account, id, role, by.Subject, at); err != nil {
			return err
		}
		return s.logBy(ctx, tx, by, account, at, "person_added")
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

func (s *Service) insertPerson(ctx context.Context, tx pgx.Tx, p NewPerson, hash string, at time.Time) (string, error) {
	id, err := newID()
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, insertPerson, id, p.Given, p.Family, p.Login, p.Email, p.Mobile, p.Language, hash, at)
	if violates(err, "person_login") {
		return "", ErrLoginTaken
	}
	if violates(err, "person_login_folded") {
		return "", FieldErrors{{"login", "malformed"}}
	}
	if err != nil {
		return "", fmt.Errorf("identity: create person: %w", err)
	}
	return id, nil
}

const insertPerson = `
INSERT INTO person (id, given, family, login, email, mobile, language, password_hash, password_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`

// Update is what a person may correct (R8). Nil leaves a field as it is. Addresses
// are corrected by proving the new one: see [Service.AskContact].
type Update struct {
	Given, Family, Language *string
}

// UpdatePerson corrects what is held about a person. Only the person may. A name
// that was proven by an identification stays as proven.
//
// Errors: ErrForbidden, ErrNotFound, FieldErrors.
func (s *Service) UpdatePerson(ctx context.Context, by Actor, person string, u Update) error {
	if !by.isPerson(person) {
		return ErrForbidden
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var p NewPerson
		var proven bool
		err := tx.QueryRow(ctx, `SELECT given, family, login, email, mobile, language, identification_id IS NOT NULL FROM person WHERE id = $1 FOR UPDATE`, person).
			Scan(&p.Given, &p.Family, &p.Login, &p.Email, &p.Mobile, &p.Language, &proven)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("identity: update person: %w", err)
		}
		if proven && (u.Given != nil && *u.Given != p.Given || u.Family != nil && *u.Family != p.Family) {
			return fmt.Errorf("%w: the name is proven", ErrForbidden)
		}
		for field, value := range map[*string]*string{&p.Given: u.Given, &p.Family: u.Family, &p.Language: u.Language} {
			if value != nil {
				*field = *value
			}
		}
		if err := p.check(nil).orNil(); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE person SET given = $2, family = $3, language = $4 WHERE id = $1`, person, p.Given, p.Family, p.Language)
		if err != nil {
			return fmt.Errorf("identity: update person: %w", err)
		}
		return s.logBy(ctx, tx, by, by.Account, s.now(), "person_corrected")
	})
}

// AccountUpdate is what an administrator may correct of an account (R8). Nil
// leaves a field as it is. What a company is called and numbered stands in its
// application.
type AccountUpdate struct {
	Email   *string   // of a company
	Address *[]string // of a private account, as printed on an envelope
}

// UpdateAccount corrects what is held about the actor's account. Errors:
// ErrForbidden, ErrNotFound, ErrClosed, FieldErrors.
func (s *Service) UpdateAccount(ctx context.Context, by Actor, u AccountUpdate) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		kind, err := s.lockAccount(ctx, tx, by, by.Account)
		if err != nil {
			return err
		}
		if u.Email != nil && (kind == Private || *u.Email != "" && !isEmail(*u.Email)) {
			return FieldErrors{{"email", "malformed"}}
		}
		if u.Address != nil {
			a := NewAccount{Kind: Private, Country: "BE", Address: *u.Address}
			if bad := a.check(); kind == Company || len(bad) > 0 {
				return FieldErrors{{"address", "malformed"}}
			}
		}
		tag, err := tx.Exec(ctx, `UPDATE account SET email = coalesce($2, email), address = coalesce($3, address) WHERE id = $1`, by.Account, u.Email, u.Address)
		if err := oneRow(tag.RowsAffected(), err); err != nil {
			return err
		}
		return s.logBy(ctx, tx, by, by.Account, s.now(), "account_corrected")
	})
}

// isPerson reports whether a is that very person, signed in.
func (a Actor) isPerson(id string) bool { return a.Kind == ActorPerson && a.Subject == id && isID(id) }
