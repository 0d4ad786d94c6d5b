package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// HoldingOf is everything held about an account holder, by login, for an operator
// who answers that person's request; an operator's act tells of it (see
// [Service.Operate]). Errors: ErrForbidden, ErrNotFound, ErrSealed.
//
// GDPR art. 15, 20 (R22)
func (s *Service) HoldingOf(ctx context.Context, by Actor, login string) (Holding, error) {
	if err := s.operates(ctx, s.pool, by); err != nil {
		return Holding{}, err
	}
	var person string
	err := s.pool.QueryRow(ctx, `SELECT id FROM person WHERE login = $1`, strings.ToLower(strings.TrimSpace(login))).Scan(&person)
	if errors.Is(err, pgx.ErrNoRows) {
		return Holding{}, ErrNotFound
	}
	if err != nil {
		return Holding{}, fmt.Errorf("identity: holding: %w", err)
	}
	return s.Holding(ctx, Actor{Kind: ActorPerson, Subject: person})
}

// ProofsOf are the identifications with these ids that are of a person of this
// name, for an operator who answers that person's request: what somebody else
// proved is not among them. Errors: ErrForbidden, ErrSealed.
func (s *Service) ProofsOf(ctx context.Context, by Actor, given, family string, records []string) (all []HeldProof, err error) {
	if err := s.operates(ctx, s.pool, by); err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `SELECT id, sealed FROM identification WHERE id::text = ANY ($1) ORDER BY id`, records)
	if err != nil {
		return nil, fmt.Errorf("identity: proofs: %w", err)
	}
	type row struct {
		Record string
		Sealed []byte
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return nil, fmt.Errorf("identity: proofs: %w", err)
	}
	for _, r := range list {
		p, err := s.unseal(r.Record, r.Sealed)
		if err != nil {
			return nil, err
		}
		if sameName(given, family, p.Given, p.Family, true) {
			all = append(all, heldProof(r.Record, false, p))
		}
	}
	return all, nil
}

func heldProof(record string, bound bool, p Proof) HeldProof {
	return HeldProof{Record: record, Bound: bound, Method: p.Method, Provider: p.Provider, Given: p.Given, Family: p.Family,
		BirthDate: p.BirthDate, NationalNumber: p.NationalNumber, Level: p.Level, At: p.At}
}
