package identity

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Class is a class of records that is kept for a time of its own (R29).
type Class string

const (
	ClassContents       Class = "contents"            // text, documents and letters of a message, counted from the last change of its deliveries; never longer than its evidence
	ClassIdentification Class = "identification"      // of an account holder who left
	ClassAccessLog      Class = "access_log"          // uses of accounts
	ClassRefused        Class = "refused_application" // for a company account
)

// Classes are those for which an operator may say another number of months than
// the default.
func Classes() []Class {
	return []Class{ClassContents, ClassIdentification, ClassAccessLog, ClassRefused}
}

// Months is how long a class is kept when nobody said otherwise. Zero is for
// contents: as long as the message.
func (c Class) Months() int {
	return map[Class]int{ClassIdentification: ProofKept, ClassAccessLog: AccessKept, ClassRefused: AccessKept}[c]
}

// bounds are the fewest and the most months that an operator may say. Less than 12
// would break what evidence and complaints rest on.
func (c Class) bounds() (least, most int) {
	switch c {
	case ClassContents:
		return 1, 120
	case ClassIdentification:
		return ProofKept, 120
	}
	return 12, 120
}

// Rule is how long a class is kept.
type Rule struct {
	Class  Class
	Months int
	SetBy  string // person id of an operator; empty: the default
	SetAt  time.Time
}

// Rules are how long each class is kept now, in the order of Classes.
func (s *Service) Rules(ctx context.Context) ([]Rule, error) {
	rows, err := s.pool.Query(ctx, `SELECT class, months, set_by, set_at FROM retention_rule`)
	if err != nil {
		return nil, fmt.Errorf("identity: retention: %w", err)
	}
	set, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Rule])
	if err != nil {
		return nil, fmt.Errorf("identity: retention: %w", err)
	}
	var all []Rule
	for _, c := range Classes() {
		r := Rule{Class: c, Months: c.Months()}
		if i := slices.IndexFunc(set, func(x Rule) bool { return x.Class == c }); i >= 0 {
			r = set[i]
		}
		all = append(all, r)
	}
	return all, nil
}

// kept is how many months a class is kept.
func (s *Service) kept(ctx context.Context, c Class) (int, error) {
	rules, err := s.Rules(ctx)
	if err != nil {
		return 0, err
	}
	return rules[slices.Index(Classes(), c)].Months, nil
}

// ContentsKept is how many months contents are kept after the last change of their
// deliveries; 0: as long as the message.
func (s *Service) ContentsKept(ctx context.Context) (int, error) { return s.kept(ctx, ClassContents) }

// SetRule changes how long a class is kept, from the next sweep on, for what is
// there already too; 0 months is the default. Only operators may, with a reason.
// Errors: ErrForbidden, ErrNotFound, FieldErrors.
func (s *Service) SetRule(ctx context.Context, by Actor, c Class, months int, reason string) error {
	if !slices.Contains(Classes(), c) {
		return ErrNotFound
	}
	if least, most := c.bounds(); months != 0 && (months < least || months > most) {
		return FieldErrors{{"months", "malformed"}}
	}
	return s.Operate(ctx, by, Operation{Act: "retention_set", Subject: fmt.Sprintf("%s %d", c, months), Reason: reason}, func(tx pgx.Tx, at time.Time) error {
		sql, args := `INSERT INTO retention_rule (class, months, set_by, set_at) VALUES ($1, $2, $3, $4)
 ON CONFLICT (class) DO UPDATE SET months = excluded.months, set_by = excluded.set_by, set_at = excluded.set_at`, []any{c, months, by.Subject, at}
		if months == 0 {
			sql, args = `DELETE FROM retention_rule WHERE class = $1`, []any{c}
		}
		if _, err := tx.Exec(ctx, sql, args...); err != nil {
			return fmt.Errorf("identity: retention: %w", err)
		}
		return nil
	})
}
