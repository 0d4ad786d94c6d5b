package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Collector is a person who may receive for a company, with the mandate and with
// how it was proven that the company is who it says.
type Collector struct {
	Mandate  Mandate
	ProvenBy string // ProofFounder, ProofOperator
	ProvenAt *time.Time
}

// Collector finds the account holder whom p proves, by national number or by the
// provider's own identifier, among those who may receive for the company of an
// enterprise number, in the caller's transaction and under its clock. The mandate
// stays locked against being withdrawn until the caller commits. A name alone
// finds nobody.
//
// Errors: ErrNoMandate.
func (s *Service) Collector(ctx context.Context, tx pgx.Tx, enterpriseNumber string, p Proof, class string, at time.Time) (Collector, error) {
	rows, err := tx.Query(ctx, selectReceivers, enterpriseNumber, orNull(s.NationalNumberDigest(p.NationalNumber)),
		s.digest("provider subject", p.Provider, p.Subject), p.Subject != "")
	if err != nil {
		return Collector{}, fmt.Errorf("identity: receiver: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Collector, err error) {
		m := &r.Mandate
		err = row.Scan(&m.ID, &m.Account, &m.Person, &m.Given, &m.Family, &m.Powers, &m.Classes, &m.From, &m.Until,
			&m.GrantedBy, &m.GrantedAt, &m.ProofKind, &m.ProofRecord, &m.RevokedAt, &r.ProvenBy, &r.ProvenAt)
		return r, err
	})
	if err != nil {
		return Collector{}, fmt.Errorf("identity: receiver: %w", err)
	}
	for _, r := range all {
		if r.Mandate.Covers(PowerReceive, class, at) {
			return r, nil
		}
	}
	return Collector{}, ErrNoMandate
}

const selectReceivers = `
SELECT m.id, m.account_id, m.person_id::text, m.given, m.family, m.powers, m.classes, m.valid_from, m.valid_until,
       m.granted_by, m.granted_at, m.proof_kind, coalesce(m.proof_record::text, ''), m.revoked_at,
       coalesce(o.proof_kind, ''), o.granted_at
  FROM account a
  JOIN mandate m ON m.account_id = a.id AND m.revoked_at IS NULL
  JOIN person p ON p.id = m.person_id
  JOIN identification i ON i.id = p.identification_id
  LEFT JOIN LATERAL (
       SELECT f.proof_kind, f.granted_at FROM mandate f
        WHERE f.account_id = a.id AND f.proof_kind IN ('founder', 'operator') ORDER BY f.granted_at, f.id LIMIT 1) o ON true
 WHERE a.kind = 'company' AND a.enterprise_number = $1 AND a.closed_at IS NULL AND a.suspended_at IS NULL
   AND (i.national_digest = $2 OR $4 AND i.subject_digest = $3)
 ORDER BY m.granted_at, m.id FOR SHARE OF m`
