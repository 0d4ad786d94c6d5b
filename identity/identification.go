package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Occasion is when and for what somebody identified.
type Occasion struct {
	Purpose   Purpose
	Delivery  string // empty for an account holder
	Person    string // the account holder; empty for a recipient by link
	IP        string
	UserAgent string
}

// Identification is a proof that was kept: its record, which evidence cites, and
// the level it was granted for its purpose.
type Identification struct {
	Record string
	Level  Level
	Policy string // version of the [Assurance] that granted it
}

// SaveIdentification keeps a proof in the caller's transaction and says which
// level it is granted. Names, level and time stand in the
// open; birth date, national number and the provider's signed token are sealed
// and bound to the record, so that only an auditor's [Service.OpenIdentification]
// sees them. A record never changes.
//
// Errors: FieldErrors when the proof names nobody or has no time.
//
// CIR (EU) 2025/1944 annex I REQ-QERDS-5.2.1.1-01.
func (s *Service) SaveIdentification(ctx context.Context, tx pgx.Tx, p Proof, o Occasion) (i Identification, err error) {
	var bad FieldErrors
	for _, f := range []FieldError{{"method", p.Method}, {"provider", p.Provider}, {"subject", p.Subject}, {"family", p.Family}} {
		if f.Code == "" {
			bad = append(bad, FieldError{f.Field, "missing"})
		}
	}
	if p.At.IsZero() {
		bad = append(bad, FieldError{"at", "missing"})
	}
	if p.Level != LevelNone && p.Level.rank() == 0 {
		bad = append(bad, FieldError{"level", "malformed"})
	}
	if o.Purpose != RecipientProofing && o.Purpose != SenderProofing && o.Purpose != Authentication {
		bad = append(bad, FieldError{"purpose", "malformed"})
	}
	for _, f := range []FieldError{{"delivery", o.Delivery}, {"person", o.Person}} {
		if f.Code != "" && !isID(f.Code) {
			bad = append(bad, FieldError{f.Field, "malformed"})
		}
	}
	if err := bad.orNil(); err != nil {
		return Identification{}, err
	}
	i = Identification{Level: s.assurance.Grant(o.Purpose, p.Method, p.Level), Policy: s.assurance.Version}
	if i.Record, err = newID(); err != nil {
		return Identification{}, err
	}
	plain, err := json.Marshal(p)
	if err != nil {
		return Identification{}, fmt.Errorf("identity: seal identification: %w", err)
	}
	sealed, err := s.box.Seal(plain, identificationPlace(i.Record))
	if err != nil {
		return Identification{}, fmt.Errorf("identity: seal identification: %w", err)
	}
	token := sha256.Sum256(p.Token)
	_, err = tx.Exec(ctx, insertIdentification, i.Record, orNull(o.Delivery), clean(p.Method, 60), clean(p.Provider, 500),
		s.digest("provider subject", p.Provider, p.Subject), orNull(s.NationalNumberDigest(p.NationalNumber)),
		clean(p.Given, 400), clean(p.Family, 400), i.Level, p.At.UTC().Truncate(time.Microsecond), s.now(),
		clean(o.IP, 64), clean(o.UserAgent, 500), token[:], sealed,
		o.Purpose, p.Level, i.Policy, orNull(o.Person))
	if err != nil {
		return Identification{}, fmt.Errorf("identity: save identification: %w", err)
	}
	return i, nil
}

const insertIdentification = `
INSERT INTO identification (id, delivery_id, method, provider, subject_digest, national_digest, given, family, level, at,
                            recorded_at, ip, user_agent, token_sha256, sealed, role, claimed, policy, person_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`

func identificationPlace(record string) []byte { return []byte("identification:" + record) }

// OpenIdentification shows an auditor everything that was proven. Only the
// system may, on behalf of an operator who gave a reason; the opening itself is
// logged for operators (R37 registers the disclosure).
//
// Errors: ErrForbidden, ErrNotFound, ErrSealed.
func (s *Service) OpenIdentification(ctx context.Context, by Actor, record, reason string) (Proof, error) {
	if by.Kind != ActorSystem || reason == "" {
		return Proof{}, ErrForbidden
	}
	if !isID(record) {
		return Proof{}, ErrNotFound
	}
	var sealed []byte
	err := s.pool.QueryRow(ctx, `SELECT sealed FROM identification WHERE id = $1`, record).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return Proof{}, ErrNotFound
	}
	if err != nil {
		return Proof{}, fmt.Errorf("identity: open identification: %w", err)
	}
	s.log.WarnContext(ctx, "identification opened", "record", record, "reason", reason)
	return s.unseal(record, sealed)
}

func (s *Service) unseal(record string, sealed []byte) (p Proof, err error) {
	plain, err := s.box.Open(sealed, identificationPlace(record))
	if err != nil {
		return Proof{}, err
	}
	if err := json.Unmarshal(plain, &p); err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrSealed, err)
	}
	return p, nil
}

// DeleteIdentifications removes the records of a delivery whose retention ended,
// in the caller's transaction. A record an account holder is bound to stays.
func (s *Service) DeleteIdentifications(ctx context.Context, tx pgx.Tx, delivery string) error {
	_, err := tx.Exec(ctx, `
DELETE FROM identification i WHERE i.delivery_id = $1 AND NOT EXISTS (SELECT FROM person p WHERE p.identification_id = i.id)`, delivery)
	if err != nil {
		return fmt.Errorf("identity: delete identifications: %w", err)
	}
	return nil
}
