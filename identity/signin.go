package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// How somebody signed in. Only MethodTOTP and MethodPasskey are two factors that
// prove it is the account holder again.
const (
	MethodPassword  = "password"
	MethodTOTP      = "password+totp"
	MethodRecovery  = "password+recovery" // a recovery code; time to enrol a new factor
	MethodPasskey   = "passkey"           // with user verification: something one has, and is or knows
	MethodReproofed = "reproofed"         // factors lost, identified again; may only enrol new ones
)

// SignIn opens a session for a person in one of the person's accounts, the one
// joined first. code is a code of the authenticator, or a recovery code, and is
// ignored for a person without a second factor; for one who has nothing but
// passkeys only a recovery code serves. token is the session's only key; it is
// kept as a digest.
//
// A wrong login, a wrong password and a wrong code give the same answer after
// the same work. Tries are counted before they are looked at; a success forgives
// them. The same authenticator step is good once, a recovery code is good once.
//
// Errors: ErrSignIn, *Locked, ErrBusy.
//
// REQ-QERDS-5.2.2-03 (a).
func (s *Service) SignIn(ctx context.Context, login, password, code, ip, userAgent, language string) (token string, _ Session, _ error) {
	return s.SignInOn(ctx, "", login, password, code, ip, userAgent, language)
}

// SignInOn is SignIn in a browser that may be known: device is what
// [Service.KnownDevice] gave it, or anything else.
func (s *Service) SignInOn(ctx context.Context, device, login, password, code, ip, userAgent, language string) (token string, _ Session, _ error) {
	at := s.now()
	login = foldLogin(login)
	tries, once, err := s.tryEntry(ctx, at, device, login, ip)
	if err != nil {
		return "", Session{}, err
	}
	c, err := s.candidate(ctx, login)
	if err != nil {
		return "", Session{}, err
	}
	right, stale, err := s.hasher.verify(ctx, c.PasswordHash, password)
	if err != nil {
		return "", Session{}, err
	}
	from := Session{IP: clean(ip, 64), UserAgent: clean(userAgent, 500), Language: sessionLanguage(language, c.Language)}
	if !right || c.Account == "" {
		return "", Session{}, s.refuse(ctx, c, from, at)
	}
	if c.Factor {
		if err := s.try(ctx, at, s.countedBy(factorLimit(), c.Person)); errors.Is(err, ErrLocked) {
			return "", Session{}, s.refuse(ctx, c, from, at) // saying "locked" would say that the password is right
		} else if err != nil {
			return "", Session{}, err
		}
	}
	var rehashed string
	if stale {
		if rehashed, err = s.hasher.hash(ctx, password); err != nil {
			return "", Session{}, err
		}
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		method, err := s.secondFactor(ctx, tx, c, code, at)
		if err != nil {
			return err
		}
		if stale {
			_, err := tx.Exec(ctx, `UPDATE person SET password_hash = $3 WHERE id = $1 AND password_hash = $2`, c.Person, c.PasswordHash, rehashed)
			if err != nil {
				return fmt.Errorf("identity: sign in: %w", err)
			}
		}
		if err := s.forgive(ctx, tx, append(tries, s.countedBy(factorLimit(), c.Person)), once); err != nil {
			return err
		}
		if token, err = s.openSession(ctx, tx, c, method, from, at); err != nil {
			return err
		}
		return s.log1(ctx, tx, Access{Account: c.Account, Person: c.Person, At: at, Action: "signed_in", IP: ip, UserAgent: userAgent, Language: from.Language})
	})
	if errors.Is(err, ErrCode) {
		return "", Session{}, s.refuse(ctx, c, from, at)
	}
	if err != nil {
		return "", Session{}, err
	}
	sess, err := s.Session(ctx, token)
	return token, sess, err
}

// tryEntry counts a try to sign in: of the browser alone, if it is known to this
// login and was not used for guessing; otherwise of the login, of the address,
// and of both together. It returns what a success forgives, and the count of
// which it forgives one try.
func (s *Service) tryEntry(ctx context.Context, at time.Time, device, login, ip string) (gone []counted, once counted, err error) {
	pair, all := s.countedBy(pairLimit(), login, network(ip)), s.countedBy(loginLimit(), login)
	if name, ok := s.device(device, login, at); ok {
		own := s.countedBy(deviceLimit(), name)
		if err := s.try(ctx, at, own); err == nil {
			return []counted{own, pair, all}, own, nil
		} else if !errors.Is(err, ErrLocked) {
			return nil, once, err
		}
	}
	once = s.countedBy(addressLimit(), network(ip))
	return []counted{pair, all}, once, s.try(ctx, at, once, pair, all)
}

// candidate is who may be signing in. Of a login that does not exist everything
// but a password hash is empty.
type candidate struct {
	Person       string
	PasswordHash string
	Factor       bool // there is a second factor
	Language     string
	Account      string // empty when every account is closed
}

func (s *Service) candidate(ctx context.Context, login string) (c candidate, err error) {
	err = s.pool.QueryRow(ctx, `
SELECT p.id, p.password_hash,
       p.totp_secret IS NOT NULL OR EXISTS (SELECT FROM webauthn_credential w WHERE w.person_id = p.id), p.language, coalesce((
       SELECT m.account_id::text FROM membership m JOIN account a ON a.id = m.account_id
        WHERE m.person_id = p.id AND a.closed_at IS NULL
        ORDER BY m.created_at, m.account_id LIMIT 1), '')
  FROM person p WHERE p.login = $1`, login).Scan(&c.Person, &c.PasswordHash, &c.Factor, &c.Language, &c.Account)
	if errors.Is(err, pgx.ErrNoRows) {
		return candidate{PasswordHash: s.hasher.dummy}, nil
	}
	if err != nil {
		return candidate{}, fmt.Errorf("identity: sign in: %w", err)
	}
	return c, nil
}

// refuse leaves the refusal in the access log, for a login that does not exist
// too, since a write takes time that could be measured.
func (s *Service) refuse(ctx context.Context, c candidate, from Session, at time.Time) error {
	err := s.log1(ctx, s.pool, Access{Account: c.Account, Person: c.Person, At: at, Action: "sign_in_refused",
		IP: from.IP, UserAgent: from.UserAgent, Language: from.Language})
	if err != nil {
		return err
	}
	return ErrSignIn
}

// secondFactor uses up the code. ErrCode when it does not fit. The person's row
// is locked, so that one code opens one session however many ask at once.
func (s *Service) secondFactor(ctx context.Context, tx pgx.Tx, c candidate, code string, at time.Time) (method string, err error) {
	var sealed []byte
	var hash string
	var last int64
	var passkey bool
	err = tx.QueryRow(ctx, `
SELECT totp_secret, totp_step, password_hash, EXISTS (SELECT FROM webauthn_credential w WHERE w.person_id = p.id)
  FROM person p WHERE id = $1 FOR UPDATE OF p`, c.Person).Scan(&sealed, &last, &hash, &passkey)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && hash != c.PasswordHash {
		return "", ErrCode // gone, or the password changed meanwhile
	}
	if err != nil {
		return "", fmt.Errorf("identity: second factor: %w", err)
	}
	if sealed == nil && !passkey {
		return MethodPassword, nil
	}
	if recoveryForm(code) != "" {
		tag, err := tx.Exec(ctx, `DELETE FROM recovery_code WHERE hash = $1 AND person_id = $2`, s.recoveryHash(c.Person, code), c.Person)
		if err != nil {
			return "", fmt.Errorf("identity: recovery code: %w", err)
		}
		if tag.RowsAffected() == 1 {
			return MethodRecovery, nil
		}
		return "", ErrCode
	}
	if sealed == nil {
		return "", ErrCode // somebody with a passkey alone signs in with that
	}
	step, err := s.stepOf(sealed, c.Person, code, at, last)
	if err != nil {
		return "", err
	}
	tag, err := tx.Exec(ctx, `UPDATE person SET totp_step = $2 WHERE id = $1 AND totp_step < $2`, c.Person, step)
	if err != nil {
		return "", fmt.Errorf("identity: second factor: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return "", ErrCode
	}
	return MethodTOTP, nil
}
