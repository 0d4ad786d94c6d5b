package identity

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Inbox is where an account holder finds what is addressed to somebody: to the
// holder, or to a principal for whom the holder may receive (R11, R26).
type Inbox struct {
	Mandate          string   // the holder's mandate to receive; empty for the holder's own inbox
	Principal        string   // name of the principal; empty for the holder's own inbox
	Classes          []string // of messages that the mandate is for; empty: all
	Emails           []string // proven, in lower case, own one first
	Mobiles          []string // proven, own one first
	EnterpriseNumber string   // of a company, which has no addresses here: what is addressed to it names it
	Language         string   // of the person
	Who              Proof    // the person as identified; zero for a company
}

// Holds reports whether messages of a class are in i.
func (i Inbox) Holds(class string) bool {
	return len(i.Classes) == 0 || slices.Contains(i.Classes, class)
}

// Inboxes lists the inboxes of an identified account holder, the own one first.
// An address counts once it was proven, a principal once identified. Who holds
// birth date and national number: it is to be compared with, not to be shown.
//
// Errors: ErrForbidden for who is not a person or never identified; ErrSealed.
func (s *Service) Inboxes(ctx context.Context, by Actor) ([]Inbox, error) {
	if !by.isPerson(by.Subject) || by.Record == "" {
		return nil, ErrForbidden
	}
	rows, err := s.pool.Query(ctx, selectInboxes, by.Subject, s.now())
	if err != nil {
		return nil, fmt.Errorf("identity: inboxes: %w", err)
	}
	type row struct {
		Inbox
		kind   Kind
		record *string
		sealed []byte
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (x row, err error) {
		err = r.Scan(&x.Mandate, &x.Principal, &x.Classes, &x.Emails, &x.Mobiles, &x.EnterpriseNumber, &x.Language, &x.kind, &x.record, &x.sealed)
		return x, err
	})
	if err != nil {
		return nil, fmt.Errorf("identity: inboxes: %w", err)
	}
	var out []Inbox
	for _, x := range all {
		if x.kind == Private {
			if x.record == nil {
				continue // nobody knows yet who that is
			}
			p, err := s.unseal(*x.record, x.sealed)
			if err != nil {
				return nil, err
			}
			x.Who = Proof{Given: p.Given, Family: p.Family, BirthDate: p.BirthDate, NationalNumber: p.NationalNumber}
		}
		out = append(out, x.Inbox)
	}
	return out, nil
}

// The own inbox, and one for each mandate in force: of a private principal with
// the addresses that its person proved, of a company by its number alone.
const selectInboxes = `
WITH reach AS (
    SELECT '' AS mandate, '' AS principal, '{}'::text[] AS classes, p.id AS person, '' AS number, 'private' AS kind, NULL::timestamptz AS at
      FROM person p WHERE p.id = $1
    UNION ALL
    SELECT m.id::text, ` + principalName + `, m.classes, y.person_id, CASE WHEN a.kind = 'company' THEN coalesce(a.enterprise_number, '') ELSE '' END, a.kind, m.granted_at
      FROM mandate m
      JOIN account a ON a.id = m.account_id AND a.closed_at IS NULL AND a.suspended_at IS NULL
      LEFT JOIN membership y ON y.account_id = a.id AND a.kind = 'private'
     WHERE m.person_id = $1 AND 'receive' = ANY (m.powers) AND m.revoked_at IS NULL AND m.valid_from <= $2 AND (m.valid_until IS NULL OR m.valid_until > $2)
       AND (a.kind = 'company' OR y.person_id <> $1)
)
SELECT r.mandate, r.principal, r.classes,
       coalesce(array(SELECT c.value FROM contact c WHERE c.person_id = r.person AND c.kind = 'email' ORDER BY c.value <> lower(p.email), c.proven_at, c.id), '{}'),
       coalesce(array(SELECT c.value FROM contact c WHERE c.person_id = r.person AND c.kind = 'sms' ORDER BY c.value <> p.mobile, c.proven_at, c.id), '{}'),
       r.number, coalesce(p.language, ''), r.kind, i.id::text, i.sealed
  FROM reach r LEFT JOIN person p ON p.id = r.person LEFT JOIN identification i ON i.id = p.identification_id
 ORDER BY r.at NULLS FIRST, r.mandate`
