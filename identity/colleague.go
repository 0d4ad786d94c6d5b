package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Colleague is a person of an account, as far as a letter to them needs it.
type Colleague struct {
	ID       string
	Given    string
	Family   string
	Email    string
	Language string
}

const colleagueColumns = `p.id, p.given, p.family, p.email, p.language`

// Colleague finds a person who is of an account now. Errors: ErrNotFound.
func (s *Service) Colleague(ctx context.Context, account, person string) (Colleague, error) {
	if !isID(account) || !isID(person) {
		return Colleague{}, ErrNotFound
	}
	rows, err := s.pool.Query(ctx, `SELECT `+colleagueColumns+` FROM membership m JOIN person p ON p.id = m.person_id
 WHERE m.account_id = $1 AND m.person_id = $2`, account, person)
	if err != nil {
		return Colleague{}, fmt.Errorf("identity: colleague: %w", err)
	}
	c, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Colleague])
	if errors.Is(err, pgx.ErrNoRows) {
		return Colleague{}, ErrNotFound
	}
	return c, err
}

// sqlMaySend are the people of an account who are known (R2) and whose role and
// data let them act; what they need on top of that in a company is a mandate.
const sqlMaySend = ` FROM membership m JOIN person p ON p.id = m.person_id JOIN account a ON a.id = m.account_id
 WHERE m.account_id = $1 AND m.role IN ('administrator', 'sender') AND p.restricted_at IS NULL AND p.identification_id IS NOT NULL
   AND a.closed_at IS NULL AND a.suspended_at IS NULL`

// Senders lists who may send messages of a class in the name of an account now,
// at most 100 of them: those to ask when somebody else's message waits.
func (s *Service) Senders(ctx context.Context, account, class string) ([]Colleague, error) {
	if !isID(account) {
		return nil, ErrNotFound
	}
	rows, err := s.pool.Query(ctx, `SELECT `+colleagueColumns+sqlMaySend+`
   AND (a.kind = 'private' OR EXISTS (SELECT FROM mandate d WHERE d.account_id = m.account_id AND d.person_id = m.person_id
        AND 'send' = ANY (d.powers) AND (cardinality(d.classes) = 0 OR $2 = ANY (d.classes))
        AND d.valid_from <= $3 AND (d.valid_until IS NULL OR d.valid_until > $3) AND (d.revoked_at IS NULL OR d.revoked_at > $3)))
 ORDER BY m.created_at, p.id LIMIT 100`, account, class, s.now())
	if err != nil {
		return nil, fmt.Errorf("identity: senders: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Colleague])
}

// StillSends makes sure that an actor whose word was given earlier could still
// give it: a person who is known, of the account, and may send there; a key that
// was not revoked. The mandate is for [Service.Authorise] to see.
//
// Errors: ErrForbidden.
func (s *Service) StillSends(ctx context.Context, by Actor) (err error) {
	if !isID(by.Account) || !isID(by.Subject) {
		return ErrForbidden
	}
	var may bool
	switch by.Kind {
	case ActorPerson:
		err = s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT `+sqlMaySend+` AND m.person_id = $2)`, by.Account, by.Subject).Scan(&may)
	case ActorKey:
		err = s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM api_key WHERE id = $2 AND account_id = $1 AND revoked_at IS NULL AND blocked_at IS NULL)`,
			by.Account, by.Subject).Scan(&may)
	}
	if err != nil {
		return fmt.Errorf("identity: still sends: %w", err)
	}
	if !may {
		return ErrForbidden
	}
	return nil
}
