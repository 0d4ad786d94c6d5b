package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrOwnCase says that an operator may not decide this: it is about that very
// human, or that human decided the first half of it.
var ErrOwnCase = errors.New("identity: operator is a party to this")

// Operator is a person who decides on applications and suspends accounts.
type Operator struct {
	Person    string
	Given     string
	Family    string
	Login     string
	Since     time.Time
	GrantedBy string // who ran the command line
}

// AddOperator makes a person an operator. Only the system may; who names the
// human that decided it. Two logins of one human cannot both be operators, or
// four eyes would be two: the person has to be identified.
//
// Errors: ErrForbidden, ErrNotFound, FieldErrors, ErrUnidentified, ErrOwnCase when
// that human is an operator already.
func (s *Service) AddOperator(ctx context.Context, by Actor, person, who string) error {
	if by.Kind != ActorSystem {
		return ErrForbidden
	}
	if !isID(person) {
		return ErrNotFound
	}
	if who = clean(strings.TrimSpace(who), 200); who == "" {
		return FieldErrors{{"by", "missing"}}
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE operator IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return fmt.Errorf("identity: add operator: %w", err)
		}
		var record *string
		err := tx.QueryRow(ctx, `
SELECT i.id::text FROM person p LEFT JOIN identification i ON i.id = p.identification_id AND i.level IN ('substantial', 'high')
 WHERE p.id = $1`, person).Scan(&record)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("identity: add operator: %w", err)
		}
		if record == nil {
			return ErrUnidentified
		}
		var twice bool
		err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM operator o WHERE o.person_id = $1 OR `+sameHuman("o.person_id", "$2")+`)`, person, *record).Scan(&twice)
		if err != nil {
			return fmt.Errorf("identity: add operator: %w", err)
		}
		if twice {
			return ErrOwnCase
		}
		at := s.now()
		if _, err := tx.Exec(ctx, `INSERT INTO operator (person_id, since, granted_by) VALUES ($1, $2, $3)`, person, at, who); err != nil {
			return fmt.Errorf("identity: add operator: %w", err)
		}
		return insertAct(ctx, tx, Act{At: at, Operator: who, Act: "operator_added", Person: person})
	})
}

// sameHuman is SQL that holds when a person is bound to an identification of the
// same national number or provider's subject as a record.
func sameHuman(person, record string) string {
	return `EXISTS (SELECT FROM person p JOIN identification i ON i.id = p.identification_id JOIN identification j ON j.id = ` + record + `
         WHERE p.id = ` + person + ` AND (i.national_digest = j.national_digest OR i.subject_digest = j.subject_digest))`
}

// RemoveOperator ends that, from the person's next request on. Only the system
// may. Errors: ErrForbidden, ErrNotFound, FieldErrors.
func (s *Service) RemoveOperator(ctx context.Context, by Actor, person, who string) error {
	if by.Kind != ActorSystem {
		return ErrForbidden
	}
	if !isID(person) {
		return ErrNotFound
	}
	if who = clean(strings.TrimSpace(who), 200); who == "" {
		return FieldErrors{{"by", "missing"}}
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM operator WHERE person_id = $1`, person)
		if err := oneRow(tag.RowsAffected(), err); err != nil {
			return err
		}
		return insertAct(ctx, tx, Act{At: s.now(), Operator: who, Act: "operator_removed", Person: person})
	})
}

// Operators lists them, for the system and for operators. Errors: ErrForbidden.
func (s *Service) Operators(ctx context.Context, by Actor) ([]Operator, error) {
	if by.Kind != ActorSystem {
		if err := s.operates(ctx, s.pool, by); err != nil {
			return nil, err
		}
	}
	rows, err := s.pool.Query(ctx, `
SELECT p.id, p.given, p.family, p.login, o.since, o.granted_by FROM operator o JOIN person p ON p.id = o.person_id ORDER BY o.since, p.id`)
	if err != nil {
		return nil, fmt.Errorf("identity: operators: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Operator])
}

// Operates reports whether the actor is an operator.
func (s *Service) Operates(ctx context.Context, by Actor) (bool, error) {
	err := s.operates(ctx, s.pool, by)
	if errors.Is(err, ErrForbidden) {
		return false, nil
	}
	return err == nil, err
}

// operates fails with ErrForbidden unless by is an operator, now.
func (s *Service) operates(ctx context.Context, q querier, by Actor) error {
	if !by.isPerson(by.Subject) {
		return ErrForbidden
	}
	var is bool
	err := q.QueryRow(ctx, `
SELECT EXISTS (SELECT FROM operator o JOIN person p ON p.id = o.person_id WHERE o.person_id = $1 AND p.restricted_at IS NULL)`, by.Subject).Scan(&is)
	if err != nil {
		return fmt.Errorf("identity: operator: %w", err)
	}
	if !is {
		return ErrForbidden
	}
	return nil
}
