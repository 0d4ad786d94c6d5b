package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// Authenticator applications: RFC 6238 with what all of them can, SHA-1, six
// digits, steps of 30 seconds, one step of tolerance to each side.
const (
	stepSeconds = 30
	factorSize  = 20 // octets of an authenticator secret
)

// Factor is what an authenticator application needs. It is shown once.
type Factor struct {
	Secret string // base32, to type
	URL    string // otpauth, for a QR code
}

// EnrolFactor makes an authenticator secret for a person. It does nothing until
// ConfirmFactor; an existing one goes on working until then. Only the person
// may, see [Service.MayChangeFactors], and the system.
//
// Errors: ErrForbidden, ErrNotFresh, ErrNotFound.
func (s *Service) EnrolFactor(ctx context.Context, by Actor, person, issuer string) (Factor, error) {
	if by.Kind != ActorSystem && !by.isPerson(person) {
		return Factor{}, ErrForbidden
	}
	if !isID(person) {
		return Factor{}, ErrNotFound
	}
	raw := make([]byte, factorSize)
	rand.Read(raw)
	sealed, err := s.box.Seal(raw, factorPlace(person))
	if err != nil {
		return Factor{}, err
	}
	var login string
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if by.Kind != ActorSystem {
			if err := s.MayChangeFactors(ctx, tx, by); err != nil {
				return err
			}
		}
		err := tx.QueryRow(ctx, `UPDATE person SET totp_pending = $2 WHERE id = $1 RETURNING login`, person, sealed).Scan(&login)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("identity: enrol factor: %w", err)
		}
		return nil
	})
	if err != nil {
		return Factor{}, err
	}
	return factorOf(raw, issuer, login), nil
}

func factorOf(raw []byte, issuer, login string) Factor {
	secret := base32.StdEncoding.EncodeToString(raw)
	q := url.Values{"secret": {secret}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + login, RawQuery: strings.ReplaceAll(q.Encode(), "+", "%20")}
	return Factor{Secret: secret, URL: u.String()}
}

// PendingFactor shows the actor the authenticator that EnrolFactor made and that
// is not confirmed yet. Errors: ErrForbidden, ErrNotFresh, ErrNotFound.
func (s *Service) PendingFactor(ctx context.Context, by Actor, issuer string) (f Factor, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.MayChangeFactors(ctx, tx, by); err != nil {
			return err
		}
		var sealed []byte
		var login string
		err := tx.QueryRow(ctx, `SELECT totp_pending, login FROM person WHERE id = $1 AND totp_pending IS NOT NULL`, by.Subject).Scan(&sealed, &login)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("identity: pending factor: %w", err)
		}
		raw, err := s.box.Open(sealed, factorPlace(by.Subject))
		f = factorOf(raw, issuer, login)
		return err
	})
	return f, err
}

// ConfirmFactor puts the enrolled factor in force once a code of it was typed,
// and returns fresh recovery codes (R28), which are shown once; older ones are
// dead. From then on every sign-in needs a code. Only the system may, for
// somebody whom an operator recognised; a person uses [Service.ConfirmOwnFactor].
//
// Errors: ErrForbidden, ErrNotFound, ErrCode, *Locked.
func (s *Service) ConfirmFactor(ctx context.Context, by Actor, person, code string) (recovery []string, err error) {
	if by.Kind != ActorSystem {
		return nil, ErrForbidden
	}
	if !isID(person) {
		return nil, ErrNotFound
	}
	if err := s.try(ctx, s.now(), s.countedBy(factorLimit(), "confirm", person)); err != nil {
		return nil, err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if recovery, err = s.confirm(ctx, tx, person, code); err != nil {
			return err
		}
		if err := s.log1(ctx, tx, Access{Person: person, At: s.now(), Action: "factor_confirmed"}); err != nil {
			return err
		}
		return s.tellFactor(ctx, tx, person, "", "factor_confirmed")
	})
	if err != nil {
		return nil, err
	}
	return recovery, nil
}

// ConfirmOwnFactor is ConfirmFactor for the actor, in the session of token: one
// that was opened with less becomes a session of two factors, see
// [Service.FactorAdded].
//
// Errors: ErrForbidden, ErrNotFresh, ErrSessionOver, ErrCode, *Locked.
func (s *Service) ConfirmOwnFactor(ctx context.Context, by Actor, token, code string) (a Added, err error) {
	if !by.isPerson(by.Subject) {
		return Added{}, ErrForbidden
	}
	if err := s.try(ctx, s.now(), s.countedBy(factorLimit(), "confirm", by.Subject)); err != nil {
		return Added{}, err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.MayChangeFactors(ctx, tx, by); err != nil {
			return err
		}
		recovery, err := s.confirm(ctx, tx, by.Subject, code)
		if err != nil {
			return err
		}
		a, err = s.FactorAdded(ctx, tx, by, token, MethodTOTP, "factor_confirmed")
		a.Recovery = recovery
		return err
	})
	if err != nil {
		return Added{}, err
	}
	return a, nil
}

// confirm puts what was enrolled in force, if code is of it, and forgives the
// tries that it took.
func (s *Service) confirm(ctx context.Context, tx pgx.Tx, person, code string) (recovery []string, err error) {
	var sealed []byte
	err = tx.QueryRow(ctx, `SELECT totp_pending FROM person WHERE id = $1 FOR UPDATE`, person).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("identity: confirm factor: %w", err)
	}
	if sealed == nil {
		return nil, ErrCode
	}
	at := s.now()
	step, err := s.stepOf(sealed, person, code, at, 0)
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, `UPDATE person SET totp_secret = totp_pending, totp_pending = NULL, totp_step = $2 WHERE id = $1`, person, step)
	if err != nil {
		return nil, fmt.Errorf("identity: confirm factor: %w", err)
	}
	tries := s.countedBy(factorLimit(), "confirm", person)
	if err := s.forgive(ctx, tx, []counted{tries}, tries); err != nil {
		return nil, err
	}
	return s.renewRecovery(ctx, tx, person, at)
}

// stepOf returns the step whose code was typed, if it is later than the last one
// that was accepted; ErrCode otherwise.
func (s *Service) stepOf(sealed []byte, person, code string, at time.Time, last int64) (int64, error) {
	raw, err := s.box.Open(sealed, factorPlace(person))
	if err != nil {
		return 0, err
	}
	code = strings.ReplaceAll(code, " ", "")
	opts := totp.ValidateOpts{Period: stepSeconds, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
	now := at.Unix() / stepSeconds
	found := int64(-1)
	for step := now - 1; step <= now+1; step++ {
		want, err := totp.GenerateCodeCustom(base32.StdEncoding.EncodeToString(raw), time.Unix(step*stepSeconds, 0), opts)
		if err != nil {
			return 0, fmt.Errorf("identity: authenticator: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && step > last {
			found = step
		}
	}
	if found < 0 {
		return 0, ErrCode
	}
	return found, nil
}

func factorPlace(person string) []byte { return []byte("person:" + person + ":totp") }

const (
	recoveryCodes = 10
	recoverySize  = 16 // base32 characters: 80 bits
)

// renewRecovery replaces a person's recovery codes.
func (s *Service) renewRecovery(ctx context.Context, tx pgx.Tx, person string, at time.Time) ([]string, error) {
	if _, err := tx.Exec(ctx, `DELETE FROM recovery_code WHERE person_id = $1`, person); err != nil {
		return nil, fmt.Errorf("identity: recovery codes: %w", err)
	}
	codes := make([]string, recoveryCodes)
	for i := range codes {
		c := strings.ToLower(rand.Text()[:recoverySize])
		codes[i] = c[:4] + "-" + c[4:8] + "-" + c[8:12] + "-" + c[12:]
		_, err := tx.Exec(ctx, `INSERT INTO recovery_code (hash, person_id, created_at) VALUES ($1, $2, $3)`, s.recoveryHash(person, codes[i]), person, at)
		if err != nil {
			return nil, fmt.Errorf("identity: recovery codes: %w", err)
		}
	}
	return codes, nil
}

// RenewRecovery gives a person new recovery codes; older ones are dead. Errors:
// ErrForbidden, ErrNotFresh.
func (s *Service) RenewRecovery(ctx context.Context, by Actor, person string) (codes []string, err error) {
	if !by.isPerson(person) {
		return nil, ErrForbidden
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.MayChangeFactors(ctx, tx, by); err != nil {
			return err
		}
		if codes, err = s.renewRecovery(ctx, tx, person, s.now()); err != nil {
			return err
		}
		return s.FactorChanged(ctx, tx, by, "recovery_codes_renewed")
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

func (s *Service) recoveryHash(person, code string) []byte {
	return s.digest("recovery code", person, recoveryForm(code))
}

// recoveryForm is a recovery code without what people add or change in it, or ""
// when it is not one.
func recoveryForm(code string) string {
	if len(code) > 64 {
		return ""
	}
	c := strings.NewReplacer("-", "", " ", "", "0", "o", "1", "i", "8", "b").Replace(strings.ToLower(code))
	if len(c) != recoverySize {
		return ""
	}
	return c
}
