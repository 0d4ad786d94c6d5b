package identity

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// draftLife is how long a mandate waits for its signature.
const draftLife = time.Hour

// NewMandate is what somebody who administers an account wants to grant.
type NewMandate struct {
	Grantee       string // of a company, the id of a member; otherwise the login of whoever is to be the delegate
	GranteeFamily string // of that delegate: a login alone tells nobody's name
	Powers        []Power
	Classes       []string   // of messages, [a-z0-9-]{1,40}; empty: all
	From          time.Time  // zero: at once
	Until         *time.Time // nil: until withdrawn
}

// MandateDraft is a mandate with the text that is to be signed.
type MandateDraft struct {
	ID        string // of the mandate to be
	Account   string
	Principal string // legal name, or the person's
	Kind      Kind   // of the principal
	Person    string // the grantee
	Given     string // of the grantee, as proven
	Family    string
	NewMandate
	Text    string
	Expires time.Time
}

// granteeLimit bounds how often somebody may name a delegate by login.
func granteeLimit() limit { return limit{"grantee", 10, time.Hour} }

var messageClass = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

func (n *NewMandate) check(kind Kind, at time.Time) (bad FieldErrors) {
	slices.Sort(n.Powers)
	n.Powers = slices.Compact(n.Powers)
	known := []Power{PowerSend, PowerReceive, PowerAdminister}
	if kind == Private {
		known = known[1:2] // a delegate collects; nobody sends as another human being
	}
	if len(n.Powers) == 0 {
		bad = append(bad, FieldError{"powers", "missing"})
	}
	if slices.ContainsFunc(n.Powers, func(p Power) bool { return !slices.Contains(known, p) }) {
		bad = append(bad, FieldError{"powers", "malformed"})
	}
	slices.Sort(n.Classes)
	n.Classes = slices.Compact(n.Classes)
	if len(n.Classes) > 20 || slices.ContainsFunc(n.Classes, func(c string) bool { return !messageClass.MatchString(c) }) {
		bad = append(bad, FieldError{"classes", "malformed"})
	}
	if n.From.Before(at) {
		n.From = at
	}
	n.From = n.From.UTC().Truncate(time.Microsecond)
	if n.From.After(at.AddDate(1, 0, 0)) {
		bad = append(bad, FieldError{"from", "too_late"})
	}
	if n.Until != nil && !n.Until.After(n.From) {
		bad = append(bad, FieldError{"until", "too_early"})
	}
	if strings.TrimSpace(n.Grantee) == "" {
		bad = append(bad, FieldError{"grantee", "missing"})
	}
	return bad
}

// DraftMandate prepares a mandate of the actor's account. text writes what is to
// be signed, from everything else of the draft; it is kept for an hour. The
// grantee has to be identified, because a mandate names a human being.
//
// Errors: ErrForbidden, ErrUnidentified, ErrNoMandate, ErrSuspended, ErrClosed,
// FieldErrors, *Locked, those of text.
func (s *Service) DraftMandate(ctx context.Context, by Actor, n NewMandate, text func(MandateDraft) (string, error)) (d MandateDraft, err error) {
	if !by.isPerson(by.Subject) || !isID(by.Account) {
		return MandateDraft{}, ErrForbidden
	}
	if by.Record == "" || !by.Level.AtLeast(LevelSubstantial) {
		return MandateDraft{}, ErrUnidentified
	}
	if d, err = s.newDraft(ctx, by); err != nil {
		return MandateDraft{}, err
	}
	at := s.now()
	if err := n.check(d.Kind, at).orNil(); err != nil {
		return MandateDraft{}, err
	}
	if d.NewMandate, d.Expires = n, at.Add(draftLife); d.Kind == Private {
		err = s.delegateByLogin(ctx, by, &d, at)
	} else {
		err = s.delegateByMembership(ctx, &d)
	}
	if err != nil {
		return MandateDraft{}, err
	}
	if d.Person == by.Subject {
		return MandateDraft{}, FieldErrors{{"grantee", "self"}}
	}
	if d.Text, err = text(d); err != nil {
		return MandateDraft{}, err
	}
	return d, pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return s.insertDraft(ctx, tx, by, d, at) })
}

// newDraft is a draft that knows its principal.
func (s *Service) newDraft(ctx context.Context, by Actor) (d MandateDraft, err error) {
	p, err := s.Profile(ctx, by.Account)
	if err != nil {
		return d, err
	}
	if d.ID, err = newID(); err != nil {
		return d, err
	}
	d.Account, d.Kind, d.Principal = p.ID, p.Kind, p.Name
	if p.Kind == Private {
		d.Principal = p.Given + " " + p.Family
	}
	return d, nil
}

func (s *Service) delegateByMembership(ctx context.Context, d *MandateDraft) error {
	if !isID(d.Grantee) {
		return FieldErrors{{"grantee", "unknown"}}
	}
	return s.delegate(ctx, d, `
SELECT p.id, p.given, p.family, p.identification_id IS NOT NULL FROM membership m JOIN person p ON p.id = m.person_id
 WHERE m.account_id = $1 AND p.id = $2`, d.Account, d.Grantee)
}

// delegateByLogin finds whoever has that login and family name: both, so that
// trying logins tells no names, and not often.
func (s *Service) delegateByLogin(ctx context.Context, by Actor, d *MandateDraft, at time.Time) error {
	if err := s.try(ctx, at, s.countedBy(granteeLimit(), by.Subject)); err != nil {
		return err
	}
	ctx, family := Beyond(ctx), d.GranteeFamily // who gets the mandate may be of another account
	err := s.delegate(ctx, d, `SELECT id, given, family, identification_id IS NOT NULL FROM person WHERE login = $1 AND login <> ''`, foldLogin(d.Grantee))
	if err == nil && !sameName(d.Given, family, d.Given, d.Family, false) {
		err = FieldErrors{{"grantee", "unknown"}}
	}
	return err
}

func (s *Service) delegate(ctx context.Context, d *MandateDraft, sql string, args ...any) error {
	var identified bool
	err := s.pool.QueryRow(ctx, sql, args...).Scan(&d.Person, &d.Given, &d.Family, &identified)
	if errors.Is(err, pgx.ErrNoRows) {
		return FieldErrors{{"grantee", "unknown"}}
	}
	if err != nil {
		return fmt.Errorf("identity: draft mandate: %w", err)
	}
	if !identified && d.Kind == Private {
		return FieldErrors{{"grantee", "unknown"}} // a stranger's account is not ours to describe
	}
	if !identified {
		return FieldErrors{{"grantee", "unidentified"}}
	}
	return nil
}

func (s *Service) insertDraft(ctx context.Context, tx pgx.Tx, by Actor, d MandateDraft, at time.Time) error {
	if err := s.mayGrant(ctx, tx, by, d.Classes, at); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
INSERT INTO mandate_draft (id, account_id, granter_id, grantee_id, powers, classes, valid_from, valid_until, text, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		d.ID, d.Account, by.Subject, d.Person, d.Powers, notNil(d.Classes), d.From, d.Until, d.Text, at, d.Expires)
	if err != nil {
		return fmt.Errorf("identity: draft mandate: %w", err)
	}
	return nil
}

// mayGrant fails unless the actor may grant this, now: the person of a private
// account, or an administrator of a company whose own mandate to administer
// covers every class that is to be granted. It locks the account.
func (s *Service) mayGrant(ctx context.Context, tx pgx.Tx, by Actor, classes []string, at time.Time) error {
	kind, err := s.lockAccount(ctx, tx, by, by.Account)
	if err != nil || kind == Private {
		return err
	}
	if len(classes) == 0 {
		classes = []string{""} // every class: a mandate for some classes does not cover it
	}
	for _, class := range classes {
		if _, err := s.Authorise(ctx, tx, by, PowerAdminister, class, at); err != nil {
			return err
		}
	}
	return nil
}
