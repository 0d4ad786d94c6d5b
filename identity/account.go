package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Kind is what kind of account it is (R1).
type Kind string

const (
	Private Kind = "private" // of one person
	Company Kind = "company" // of an organisation, with its people
)

// Role is what a person may do in an account (R3). The zero value may nothing.
type Role string

const (
	Administrator Role = "administrator" // people, keys, and all a sender may
	Sender        Role = "sender"        // submits, and all a reader may
	Reader        Role = "reader"        // sees deliveries and evidence
	Billing       Role = "billing"       // sees the account, and nothing of its messages
)

// AtLeast reports whether r may all that want may. Billing stands beside the
// others: it may what only it may. Every role may what the zero Role asks.
func (r Role) AtLeast(want Role) bool {
	if r == Billing || want == Billing {
		return r == want || r == Billing && want == ""
	}
	return r.rank() >= want.rank() && r.rank() > 0
}

func (r Role) valid() bool { return r == Billing || r.rank() > 0 }

func (r Role) rank() int {
	switch r {
	case Reader:
		return 1
	case Sender:
		return 2
	case Administrator:
		return 3
	}
	return 0
}

// NewAccount is what opening an account takes.
type NewAccount struct {
	Kind             Kind
	Name             string   // legal name; company only
	Email            string   // of the company, shown to correspondents; company only
	EnterpriseNumber string   // company; mandatory in BE
	VATNumber        string   // company; may be empty
	Country          string   // ISO 3166-1 alpha-2
	Address          []string // as printed on an envelope; private only
}

func (a *NewAccount) check() (bad FieldErrors) {
	a.Name, a.Email = clean(strings.TrimSpace(a.Name), 200), strings.TrimSpace(a.Email)
	if len(a.Country) != 2 || strings.Trim(a.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		bad = append(bad, FieldError{"country", "malformed"})
	}
	switch a.Kind {
	case Private:
		if a.Name != "" || a.Email != "" || a.EnterpriseNumber != "" || a.VATNumber != "" {
			bad = append(bad, FieldError{"kind", "malformed"})
		}
		for i := range a.Address {
			a.Address[i] = clean(strings.TrimSpace(a.Address[i]), 200)
		}
		if len(a.Address) > 8 {
			bad = append(bad, FieldError{"address", "too_long"})
		}
	case Company:
		if a.Name == "" {
			bad = append(bad, FieldError{"name", "missing"})
		}
		if a.Email != "" && !isEmail(a.Email) {
			bad = append(bad, FieldError{"email", "malformed"})
		}
		if len(a.Address) > 0 {
			bad = append(bad, FieldError{"address", "malformed"})
		}
		if a.EnterpriseNumber != "" || a.Country == "BE" {
			d := EnterpriseDigits(a.EnterpriseNumber)
			if !ValidEnterpriseNumber(d) {
				bad = append(bad, FieldError{"enterprise_number", "malformed"})
			}
			a.EnterpriseNumber = d
		}
		if a.VATNumber != clean(a.VATNumber, 20) {
			bad = append(bad, FieldError{"vat_number", "malformed"})
		}
	default:
		bad = append(bad, FieldError{"kind", "malformed"})
	}
	return bad
}

// CreateAccount opens an account together with its first administrator and what
// that person agreed to (R4): an account without an administrator does not
// exist. The person is not identified yet; see [Service.BindIdentification].
//
// Errors: FieldErrors, ErrLoginTaken, ErrBusy.
func (s *Service) CreateAccount(ctx context.Context, a NewAccount, first NewPerson, agreed ...Consent) (account, person string, err error) {
	bad := append(a.check(), first.check(s.hasher)...)
	if err := bad.orNil(); err != nil {
		return "", "", err
	}
	hash, err := s.hasher.hash(ctx, first.Password)
	if err != nil {
		return "", "", err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		account, person, err = s.openAccount(ctx, tx, a, first, hash, agreed, Access{At: s.now()})
		return err
	})
	if err != nil {
		return "", "", err
	}
	return account, person, nil
}

// openAccount is CreateAccount in a transaction, with the password hashed; log
// says when and from where.
func (s *Service) openAccount(ctx context.Context, tx pgx.Tx, a NewAccount, first NewPerson, hash string, agreed []Consent, log Access) (account, person string, err error) {
	if account, err = newID(); err != nil {
		return "", "", err
	}
	at := log.At
	_, err = tx.Exec(ctx, insertAccount, account, a.Kind, a.Name, a.Email, orNull(a.EnterpriseNumber),
		orNull(a.VATNumber), a.Country, a.Address, at)
	if err != nil {
		return "", "", fmt.Errorf("identity: create account: %w", err)
	}
	if person, err = s.insertPerson(ctx, tx, first, hash, at); err != nil {
		return "", "", err
	}
	if err := insertMember(ctx, tx, account, person, Administrator, person, at); err != nil {
		return "", "", err
	}
	for _, c := range agreed {
		if err := insertConsent(ctx, tx, account, person, c, at); err != nil {
			return "", "", err
		}
	}
	if a.Kind == Company {
		if err := firstMandate(ctx, tx, account, person, first, at); err != nil {
			return "", "", err
		}
	}
	log.Account, log.Person, log.Action, log.Language = account, person, "account_opened", first.Language
	return account, person, s.log1(ctx, tx, log)
}

// firstMandate gives the first administrator of a company every power. Who opens
// the account vouches for that: an operator, or an application that was approved.
func firstMandate(ctx context.Context, tx pgx.Tx, account, person string, p NewPerson, at time.Time) error {
	id, err := newID()
	if err != nil {
		return err
	}
	return insertMandate(ctx, tx, Mandate{ID: id, Account: account, Person: person, Given: p.Given, Family: p.Family,
		Powers: []Power{PowerSend, PowerReceive, PowerAdminister}, From: at, GrantedBy: System.Subject, GrantedAt: at, ProofKind: ProofOperator}, nil)
}

const insertAccount = `
INSERT INTO account (id, kind, name, email, enterprise_number, vat_number, country, address, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

// AccountProfile is what evidence says of an account as a party. Of a company it
// holds nothing of its people; of a private account it is its person (R5).
type AccountProfile struct {
	ID               string
	Kind             Kind
	Name             string // company
	Given            string // private
	Family           string // private
	EnterpriseNumber string // ten digits; empty when there is none
	VATNumber        string
	Country          string
	Email            string
	Mobile           string // private
	Address          []string
	Language         string // of the first administrator
	CreatedAt        time.Time
	ClosedAt         *time.Time
	SuspendedAt      *time.Time // reads, and does nothing else
	ProvenBy         string     // how it was proven that a company is who it says: ProofFounder, ProofOperator; empty for a private account
	ProvenAt         *time.Time
}

// Profile returns the account, closed or not. Errors: ErrNotFound.
func (s *Service) Profile(ctx context.Context, account string) (AccountProfile, error) {
	if !isID(account) {
		return AccountProfile{}, ErrNotFound
	}
	rows, err := s.pool.Query(ctx, selectProfile, account)
	if err != nil {
		return AccountProfile{}, fmt.Errorf("identity: profile: %w", err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[AccountProfile])
	if errors.Is(err, pgx.ErrNoRows) {
		return AccountProfile{}, ErrNotFound
	}
	if err != nil {
		return AccountProfile{}, fmt.Errorf("identity: profile: %w", err)
	}
	return p, nil
}

// The first administrator speaks for a private account; of a company only that
// person's language is used.
const selectProfile = `SELECT ` + profileColumns + ` FROM account a` + profilePerson + ` WHERE a.id = $1`

const profileColumns = `a.id, a.kind, a.name,
       CASE WHEN a.kind = 'private' THEN coalesce(p.given, '') ELSE '' END,
       CASE WHEN a.kind = 'private' THEN coalesce(p.family, '') ELSE '' END,
       coalesce(a.enterprise_number, ''), coalesce(a.vat_number, ''), a.country,
       CASE WHEN a.kind = 'private' THEN coalesce(p.email, '') ELSE a.email END,
       CASE WHEN a.kind = 'private' THEN coalesce(p.mobile, '') ELSE '' END,
       coalesce(a.address, '{}'), coalesce(p.language, ''), a.created_at, a.closed_at, a.suspended_at,
       coalesce(o.proof_kind, ''), o.granted_at`

const profilePerson = `
  LEFT JOIN LATERAL (
       SELECT p.given, p.family, p.email, p.mobile, p.language
         FROM membership m JOIN person p ON p.id = m.person_id
        WHERE m.account_id = a.id AND m.role = 'administrator'
        ORDER BY m.created_at, m.person_id LIMIT 1) p ON true
  LEFT JOIN LATERAL (
       SELECT m.proof_kind, m.granted_at FROM mandate m
        WHERE a.kind = 'company' AND m.account_id = a.id AND m.proof_kind IN ('founder', 'operator')
        ORDER BY m.granted_at, m.id LIMIT 1) o ON true`
