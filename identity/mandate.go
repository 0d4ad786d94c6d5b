package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Power is what a mandate lets somebody do for an account.
type Power string

const (
	PowerSend       Power = "send"       // submit and withdraw registered messages
	PowerReceive    Power = "receive"    // collect what is addressed to the principal
	PowerAdminister Power = "administer" // grant and withdraw mandates, people, keys
)

// How a mandate was signed.
const (
	ProofFounder   = "founder"   // by the application that opened the account
	ProofOperator  = "operator"  // by an operator, who keeps the paper
	ProofApproval  = "approval"  // its text was approved with a means of identification
	ProofSignature = "signature" // its text was signed with a qualified signature
)

// Mandate lets a person act for an account (R26). It is in force from From until
// Until or RevokedAt, and never changes otherwise.
type Mandate struct {
	ID          string
	Account     string // the principal
	Person      string // the grantee; empty once the person's data is gone
	Given       string
	Family      string
	Powers      []Power
	Classes     []string // of messages; empty: all
	From        time.Time
	Until       *time.Time // nil: until withdrawn
	GrantedBy   string     // subject of the actor
	GrantedAt   time.Time
	ProofKind   string
	ProofRecord string // identification record of the approval or signature; empty for founder and operator
	RevokedAt   *time.Time
}

// Covers reports whether m is in force at an instant, for a power and a class of
// message.
func (m Mandate) Covers(p Power, class string, at time.Time) bool {
	return slices.Contains(m.Powers, p) && (len(m.Classes) == 0 || slices.Contains(m.Classes, class)) &&
		!at.Before(m.From) && (m.Until == nil || at.Before(*m.Until)) && (m.RevokedAt == nil || at.Before(*m.RevokedAt))
}

// ErrNoMandate says that the actor has no mandate for this, or none any more.
var ErrNoMandate = errors.New("identity: actor has no mandate for this")

const mandateColumns = `id, account_id, coalesce(person_id::text, ''), given, family, powers, classes, valid_from, valid_until,
       granted_by, granted_at, proof_kind, coalesce(proof_record::text, ''), revoked_at`

// Authorise finds the mandate under which a person acts for a company account,
// in the caller's transaction and under its clock: what was withdrawn before
// this transaction saw the row no longer counts. In a private account people act
// for themselves, and a key acts for the account; both need none and get the
// zero Mandate. Nobody acts for an account that is closed or suspended.
//
// Errors: ErrNoMandate, ErrSuspended, ErrForbidden for an actor of no account or
// of a closed one.
func (s *Service) Authorise(ctx context.Context, tx pgx.Tx, by Actor, p Power, class string, at time.Time) (Mandate, error) {
	var b pgx.Batch
	answer := s.QueueAuthorise(&b, by, p, class, at)
	if b.Len() > 0 {
		if err := tx.SendBatch(ctx, &b).Close(); err != nil {
			return Mandate{}, fmt.Errorf("identity: authorise: %w", err)
		}
	}
	return answer()
}

// QueueAuthorise is Authorise as part of the caller's round trip: it adds to b
// what has to be asked. answer gives what Authorise returns, once all of b was
// read without an error.
func (s *Service) QueueAuthorise(b *pgx.Batch, by Actor, p Power, class string, at time.Time) (answer func() (Mandate, error)) {
	if by.Kind == ActorSystem {
		return func() (Mandate, error) { return Mandate{}, nil }
	}
	if by.Kind != ActorPerson && by.Kind != ActorKey || !isID(by.Account) || by.Kind == ActorPerson && !isID(by.Subject) {
		return func() (Mandate, error) { return Mandate{}, ErrForbidden }
	}
	var kind Kind
	refused := ErrForbidden
	b.Queue(sqlPrincipal, by.Account).QueryRow(func(row pgx.Row) (err error) {
		kind, refused, err = scanPrincipal(row)
		return err
	})
	var held []Mandate
	if by.Kind == ActorPerson {
		b.Queue(sqlHeldMandates, by.Account, by.Subject, nil).Query(func(rows pgx.Rows) (err error) {
			held, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Mandate])
			return err
		})
	}
	return func() (Mandate, error) {
		if refused != nil {
			return Mandate{}, refused
		}
		if kind == Private || by.Kind == ActorKey {
			return Mandate{}, nil
		}
		return covering(held, p, class, at)
	}
}

// AuthoriseAs is Authorise for somebody who acts for another account than that
// of the session, a standing delegate, under one mandate.
//
// Errors: ErrNoMandate, also for a mandate of somebody else; ErrSuspended,
// ErrForbidden as for Authorise.
func (s *Service) AuthoriseAs(ctx context.Context, tx pgx.Tx, by Actor, mandate string, p Power, class string, at time.Time) (Mandate, error) {
	if by.Kind != ActorPerson || !isID(by.Subject) {
		return Mandate{}, ErrForbidden
	}
	if !isID(mandate) {
		return Mandate{}, ErrNoMandate
	}
	var account string
	err := tx.QueryRow(ctx, `SELECT account_id FROM mandate WHERE id = $1 AND person_id = $2`, mandate, by.Subject).Scan(&account)
	if errors.Is(err, pgx.ErrNoRows) {
		return Mandate{}, ErrNoMandate
	}
	if err != nil {
		return Mandate{}, fmt.Errorf("identity: authorise: %w", err)
	}
	_, refused, err := scanPrincipal(tx.QueryRow(ctx, sqlPrincipal, account))
	if err != nil {
		return Mandate{}, fmt.Errorf("identity: authorise: %w", err)
	}
	if refused != nil {
		return Mandate{}, refused
	}
	rows, err := tx.Query(ctx, sqlHeldMandates, account, by.Subject, mandate)
	if err != nil {
		return Mandate{}, fmt.Errorf("identity: authorise: %w", err)
	}
	held, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Mandate])
	if err != nil {
		return Mandate{}, fmt.Errorf("identity: authorise: %w", err)
	}
	return covering(held, p, class, at)
}

const sqlPrincipal = `SELECT kind, suspended_at IS NOT NULL FROM account WHERE id = $1 AND closed_at IS NULL`

// scanPrincipal reads the kind of an account that somebody wants to act for, or
// why nobody may.
func scanPrincipal(row pgx.Row) (kind Kind, refused, err error) {
	var suspended bool
	err = row.Scan(&kind, &suspended)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrForbidden, nil
	}
	if suspended {
		return "", ErrSuspended, nil
	}
	return kind, nil, err
}

// sqlHeldMandates finds all mandates of a person, or the one named. They stay
// locked against being withdrawn until the caller commits.
const sqlHeldMandates = `SELECT ` + mandateColumns + ` FROM mandate
 WHERE account_id = $1 AND person_id = $2 AND ($3::uuid IS NULL OR id = $3) AND revoked_at IS NULL
 ORDER BY granted_at, id FOR SHARE`

// covering is the first mandate that covers what a person is about to do.
func covering(held []Mandate, p Power, class string, at time.Time) (Mandate, error) {
	for _, m := range held {
		if m.Covers(p, class, at) {
			return m, nil
		}
	}
	return Mandate{}, ErrNoMandate
}

// insertMandate writes a mandate. The caller has locked the account.
func insertMandate(ctx context.Context, tx pgx.Tx, m Mandate, text []byte) error {
	_, err := tx.Exec(ctx, `
INSERT INTO mandate (id, account_id, person_id, given, family, powers, classes, valid_from, valid_until, granted_by, granted_at, proof_kind, proof_record, text_sha256)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		m.ID, m.Account, orNull(m.Person), m.Given, m.Family, m.Powers, notNil(m.Classes), m.From, m.Until, m.GrantedBy, m.GrantedAt,
		m.ProofKind, orNull(m.ProofRecord), text)
	if err != nil {
		return fmt.Errorf("identity: grant mandate: %w", err)
	}
	return nil
}

func notNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
