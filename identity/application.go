package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ApplicationState is where an application stands.
type ApplicationState string

const (
	ApplicationFiled    ApplicationState = "filed"    // the applicant brings the signed form
	ApplicationSigned   ApplicationState = "signed"   // an operator decides: the form has a qualified signature
	ApplicationChecking ApplicationState = "checking" // two operators decide: nobody but they can tell who signed
	ApplicationApproved ApplicationState = "approved" // the account is open
	ApplicationRefused  ApplicationState = "refused"  //
)

// NewApplication is what an identified person files for a company.
type NewApplication struct {
	Name             string // legal name
	Country          string // ISO 3166-1 alpha-2
	EnterpriseNumber string // mandatory in BE
	VATNumber        string // mandatory elsewhere
	Email            string // of the company, shown to correspondents
	Capacity         string // of the applicant in the company, as the applicant says
	Language         string // of the form and of what the applicant is told
	Terms            string // version of the terms agreed to
}

// Application is a request for a company account.
type Application struct {
	ID     string
	Person string // the applicant; empty once that person is gone
	Given  string // of the applicant, as proven
	Family string
	Level  Level
	Record string // identification
	NewApplication
	State       ApplicationState
	Form        string // id of the form that is decided on; empty before there is one
	ConfirmedBy string // the first of two operators; empty before
	ConfirmedAt *time.Time
	DecidedBy   string
	DecidedAt   *time.Time
	Reason      string // of a refusal, or why the form is asked for again
	Account     string // opened by it; empty before
	FiledAt     time.Time
}

// Errors of applications.
var (
	ErrUnidentified = errors.New("identity: actor is not identified well enough")
	ErrTooMany      = errors.New("identity: too many at once")
	ErrMoved        = errors.New("identity: application is no longer where the actor saw it") // look again
)

// openApplications is how many applications a person may have undecided.
const openApplications = 5

// check says what is wrong and tidies what is not.
func (n *NewApplication) check() (bad FieldErrors) {
	a := NewAccount{Kind: Company, Name: n.Name, Email: n.Email, EnterpriseNumber: n.EnterpriseNumber, Country: n.Country}
	bad = a.check()
	n.Name, n.Email, n.EnterpriseNumber = a.Name, a.Email, a.EnterpriseNumber
	if n.Email == "" {
		bad = append(bad, FieldError{"email", "missing"})
	}
	if n.Capacity = clean(strings.TrimSpace(n.Capacity), 200); n.Capacity == "" {
		bad = append(bad, FieldError{"capacity", "missing"})
	}
	if !isLanguage(n.Language) {
		bad = append(bad, FieldError{"language", "malformed"})
	}
	if n.Terms = clean(n.Terms, 100); n.Terms == "" {
		bad = append(bad, FieldError{"terms", "missing"})
	}
	given := strings.TrimSpace(n.VATNumber)
	n.VATNumber = VATNumber(n.Country, given)
	switch {
	case given == "" && n.Country != "BE":
		bad = append(bad, FieldError{"vat_number", "missing"})
	case given != "" && n.VATNumber == "":
		bad = append(bad, FieldError{"vat_number", "malformed"})
	case given != "" && n.Country == "BE" && n.VATNumber != "BE"+n.EnterpriseNumber:
		bad = append(bad, FieldError{"vat_number", "differs"})
	}
	return bad
}

// FileApplication asks for a company account (R1, R34). The actor has to be
// identified at "substantial" or above. form makes the approval form that a legal
// representative is to sign; it is called before anything is written and its
// bytes are kept, so that what comes back can be compared.
//
// Errors: ErrForbidden, ErrUnidentified, FieldErrors, ErrTooMany, those of form.
func (s *Service) FileApplication(ctx context.Context, by Actor, n NewApplication, form func(Application) ([]byte, error)) (a Application, err error) {
	if !by.isPerson(by.Subject) {
		return Application{}, ErrForbidden
	}
	if !isID(by.Record) || !by.Level.AtLeast(LevelSubstantial) {
		return Application{}, ErrUnidentified
	}
	if err := n.check().orNil(); err != nil {
		return Application{}, err
	}
	a = Application{Person: by.Subject, Given: by.Given, Family: by.Family, Level: by.Level, Record: by.Record, NewApplication: n,
		State: ApplicationFiled, FiledAt: s.now()}
	if a.ID, err = newID(); err != nil {
		return Application{}, err
	}
	blank, err := form(a)
	if err != nil {
		return Application{}, err
	}
	if blank, err = s.box.Seal(blank, blankPlace(a.ID)); err != nil {
		return Application{}, err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return s.file(ctx, tx, by, a, blank) })
	if err != nil {
		return Application{}, err
	}
	return a, nil
}

func (s *Service) file(ctx context.Context, tx pgx.Tx, by Actor, a Application, blank []byte) error {
	var to string
	err := tx.QueryRow(ctx, `SELECT email FROM person WHERE id = $1 AND restricted_at IS NULL FOR UPDATE`, a.Person).Scan(&to)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrForbidden
	}
	if err != nil {
		return fmt.Errorf("identity: file application: %w", err)
	}
	var open int
	err = tx.QueryRow(ctx, `SELECT count(*) FROM application WHERE person_id = $1 AND state IN ('filed', 'signed', 'checking')`, a.Person).Scan(&open)
	if err != nil {
		return fmt.Errorf("identity: file application: %w", err)
	}
	if open >= openApplications {
		return ErrTooMany
	}
	_, err = tx.Exec(ctx, `
INSERT INTO application (id, person_id, record, given, family, level, language, capacity, name, country, enterprise_number, vat_number, email, terms, state, blank, filed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		a.ID, a.Person, a.Record, a.Given, a.Family, a.Level, a.Language, a.Capacity, a.Name, a.Country, orNull(a.EnterpriseNumber),
		orNull(a.VATNumber), a.Email, a.Terms, a.State, blank, a.FiledAt)
	if err != nil {
		return fmt.Errorf("identity: file application: %w", err)
	}
	if err := s.logBy(ctx, tx, by, by.Account, a.FiledAt, "application_filed"); err != nil {
		return err
	}
	return s.tell(ctx, tx, Note{Kind: NoteApplicationReceived, Channel: "email", To: to, Language: a.Language, Ref: a.ID})
}

func blankPlace(id string) []byte { return []byte("application:" + id + ":blank") }
