package identity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Certificate is a registered certificate of an account's software: this very one,
// or whichever an authority gave to a subject.
type Certificate struct {
	ID        string
	Name      string
	SHA256    []byte // of the certificate; nil when it is known by its authority
	Authority []byte // DER
	Subject   string // RFC 4514
	NotAfter  time.Time
	CreatedAt time.Time
	RevokedAt *time.Time
}

// maxCertificates bounds what an account registers.
const maxCertificates = 50

// NewCertificate is what registering takes: the certificate itself, or, with a
// Subject, the one of its authority. PEM holds exactly one certificate.
type NewCertificate struct {
	Name    string
	PEM     string
	Subject string // as of RFC 4514; empty: PEM is the certificate itself
}

func (n NewCertificate) parse(at time.Time) (*x509.Certificate, FieldErrors) {
	block, rest := pem.Decode([]byte(strings.TrimSpace(n.PEM)))
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, FieldErrors{{"certificate", "malformed"}}
	}
	c, err := x509.ParseCertificate(block.Bytes)
	switch {
	case err != nil, n.Subject != "" && (!c.IsCA || !c.BasicConstraintsValid), n.Subject == "" && c.IsCA:
		return nil, FieldErrors{{"certificate", "malformed"}}
	case !at.Before(c.NotAfter):
		return nil, FieldErrors{{"certificate", "expired"}}
	}
	return c, nil
}

// RegisterCertificate lets software with a certificate act with the account's
// live keys. Errors: ErrForbidden, ErrNotFound, ErrClosed, FieldErrors.
//
// RFC 8705 §2
func (s *Service) RegisterCertificate(ctx context.Context, by Actor, account string, n NewCertificate) (id string, err error) {
	n.Name, n.Subject = clean(strings.TrimSpace(n.Name), 200), clean(strings.TrimSpace(n.Subject), 1000)
	at := s.now()
	var bad FieldErrors
	if n.Name == "" {
		bad = FieldErrors{{"name", "missing"}}
	}
	c, wrong := n.parse(at)
	if err := append(bad, wrong...).orNil(); err != nil {
		return "", err
	}
	var sum, authority []byte
	if n.Subject == "" {
		digest := sha256.Sum256(c.Raw)
		sum = digest[:]
	} else {
		authority = c.Raw
	}
	if id, err = newID(); err != nil {
		return "", err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := s.lockAccount(ctx, tx, by, account); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
INSERT INTO client_certificate (id, account_id, name, sha256, authority, subject, not_after, created_by, created_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 WHERE (SELECT count(*) FROM client_certificate WHERE account_id = $2 AND revoked_at IS NULL) < $10`,
			id, account, n.Name, sum, authority, orNull(n.Subject), c.NotAfter.UTC(), by.Subject, at, maxCertificates)
		if err != nil {
			return fmt.Errorf("identity: register certificate: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return FieldErrors{{"certificate", "too_many"}}
		}
		return s.logBy(ctx, tx, by, account, at, "certificate_registered")
	})
	return id, err
}

// RevokeCertificate ends that, from the next request on. Errors: ErrForbidden,
// ErrNotFound.
func (s *Service) RevokeCertificate(ctx context.Context, by Actor, account, id string) error {
	return s.changeKey(ctx, by, account, id, "certificate_revoked", `
UPDATE client_certificate SET revoked_at = coalesce(revoked_at, $3) WHERE id = $1 AND account_id = $2`)
}

// DemandCertificates makes live keys of the account answer only with a registered
// certificate, or ends that. Without one that can be shown now it is refused, so
// that nobody locks the own software out: ErrCertificate. Errors: ErrForbidden,
// ErrNotFound, ErrClosed.
//
// REQ-QERDS-5.2.2-04
func (s *Service) DemandCertificates(ctx context.Context, by Actor, account string, on bool) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := s.lockAccount(ctx, tx, by, account); err != nil {
			return err
		}
		at := s.now()
		tag, err := tx.Exec(ctx, `
UPDATE account SET certificate_since = CASE WHEN $2 THEN coalesce(certificate_since, $3::timestamptz) END
 WHERE id = $1 AND (NOT $2 OR EXISTS (SELECT FROM client_certificate c WHERE c.account_id = $1 AND c.revoked_at IS NULL AND c.not_after > $3))`, account, on, at)
		if err != nil {
			return fmt.Errorf("identity: demand certificates: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ErrCertificate
		}
		return s.logBy(ctx, tx, by, account, at, map[bool]string{true: "certificates_demanded", false: "certificates_waived"}[on])
	})
}

// Certificates lists those of an account, revoked ones too, and whether live keys
// need one. Errors: ErrForbidden, ErrNotFound.
func (s *Service) Certificates(ctx context.Context, by Actor, account string) (list []Certificate, demanded bool, err error) {
	if err := s.administers(ctx, s.pool, by, account); err != nil {
		return nil, false, err
	}
	if err := s.pool.QueryRow(ctx, `SELECT certificate_since IS NOT NULL FROM account WHERE id = $1`, account).Scan(&demanded); err != nil {
		return nil, false, fmt.Errorf("identity: certificates: %w", err)
	}
	list, err = s.certificates(ctx, account, `TRUE`)
	return list, demanded, err
}

func (s *Service) certificates(ctx context.Context, account, which string) ([]Certificate, error) {
	rows, err := s.pool.Query(ctx, `
SELECT id, name, sha256, authority, coalesce(subject, ''), not_after, created_at, revoked_at FROM client_certificate
 WHERE account_id = $1 AND `+which+` ORDER BY created_at, id`, account)
	if err != nil {
		return nil, fmt.Errorf("identity: certificates: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Certificate])
}

// checkCertificate holds a key against the certificate that came with it: a token
// is good only with the one it is bound to, and a live key of an account that
// demands it only with a registered one. The handshake has shown that the caller
// holds its private key. Errors: ErrCertificate.
//
// RFC 8705 §3, REQ-QERDS-5.2.2-04
func (s *Service) checkCertificate(ctx context.Context, k Key, c *x509.Certificate) error {
	if k.Bound != nil {
		if c == nil {
			return ErrCertificate
		}
		if sum := sha256.Sum256(c.Raw); !bytes.Equal(sum[:], k.Bound) {
			return ErrCertificate
		}
	}
	if !k.Certified || k.Mode != Live {
		return nil
	}
	return s.registered(ctx, k.Account, c)
}

// registered fails with ErrCertificate unless c is one of the account's.
func (s *Service) registered(ctx context.Context, account string, c *x509.Certificate) error {
	at := s.now()
	if c == nil || at.Before(c.NotBefore) || at.After(c.NotAfter) {
		return ErrCertificate
	}
	list, err := s.certificates(ctx, account, `revoked_at IS NULL`)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(c.Raw)
	for _, r := range list {
		if r.SHA256 != nil && bytes.Equal(r.SHA256, sum[:]) || r.Authority != nil && r.issued(c, at) {
			return nil
		}
	}
	return ErrCertificate
}

// issued reports whether the authority gave c to the subject, for clients.
func (r Certificate) issued(c *x509.Certificate, at time.Time) bool {
	ca, err := x509.ParseCertificate(r.Authority)
	if err != nil || c.Subject.String() != r.Subject {
		return false
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	_, err = c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err == nil
}
