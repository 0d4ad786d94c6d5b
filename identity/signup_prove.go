package identity

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// SendSignUpCode sends another code to one of the two addresses ("email", "sms").
// Errors: ErrToken, ErrTooManyCodes, *Locked.
func (s *Service) SendSignUpCode(ctx context.Context, token, channel, ip string) error {
	u, err := s.SignUp(ctx, token)
	if err != nil {
		return err
	}
	to := map[string]string{"email": u.Email, "sms": u.Mobile}[channel]
	if to == "" {
		return FieldErrors{{"channel", "malformed"}}
	}
	if err := s.mayCode(ctx, ip, to); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return s.signUpCode(ctx, tx, u, channel, s.now()) })
}

// ProveSignUp takes the code that came to one of the two addresses. Errors:
// ErrToken, ErrCode, ErrTooManyCodes.
func (s *Service) ProveSignUp(ctx context.Context, token, channel, code string) error {
	u, err := s.SignUp(ctx, token)
	if err != nil {
		return err
	}
	column := map[string]string{"email": "email_at", "sms": "sms_at"}[channel]
	if column == "" {
		return FieldErrors{{"channel", "malformed"}}
	}
	if channel == "email" && u.EmailProven || channel == "sms" && u.SMSProven {
		return nil
	}
	at := s.now()
	// The code is used up first: who dies here asks for another one.
	if err := s.codes.Check(ctx, u.id, channel, code, at); err != nil {
		return err
	}
	tag, err := s.pool.Exec(ctx, `UPDATE sign_up SET `+column+` = $2 WHERE id = $1 AND expires_at > $2`, u.id, at)
	if err != nil {
		return fmt.Errorf("identity: prove sign-up: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return ErrToken
	}
	return nil
}

// FinishSignUp opens the account once both addresses are proven: of any number of
// callers at once one does. The person still has to identify, see
// [Service.BindIdentification].
//
// Errors: ErrToken, also while an address is not proven; ErrLoginTaken when the
// address got an account meanwhile.
func (s *Service) FinishSignUp(ctx context.Context, token, ip, userAgent string) (account, person string, err error) {
	key, ok := tokenHash(token)
	if !ok {
		return "", "", ErrToken
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		at := s.now()
		u, err := s.scanSignUp(tx.QueryRow(ctx, `
DELETE FROM sign_up WHERE token_hash = $1 AND expires_at > $2 AND email_at IS NOT NULL AND sms_at IS NOT NULL RETURNING `+signUpColumns, key, at))
		if err != nil {
			return err
		}
		if err := forgetCodes(ctx, tx, u.id); err != nil {
			return err
		}
		if taken, err := emailTaken(ctx, tx, u.Email); err != nil || taken {
			return firstError(err, ErrLoginTaken)
		}
		first := NewPerson{Given: u.given, Family: u.family, Login: u.Email, Email: u.Email, Mobile: u.Mobile, Language: u.Language}
		account, person, err = s.openAccount(ctx, tx, NewAccount{Kind: Private, Country: u.country, Address: u.address}, first, u.hash, u.agreed,
			Access{At: at, IP: ip, UserAgent: userAgent})
		if err != nil {
			return err
		}
		return s.firstContacts(ctx, tx, person, u)
	})
	if err != nil {
		return "", "", err
	}
	return account, person, nil
}

// firstContacts records both addresses as proven, and that they may get
// registered mail where the person agreed to that.
func (s *Service) firstContacts(ctx context.Context, tx pgx.Tx, person string, u SignUp) error {
	for _, c := range []Contact{{Kind: "email", Value: u.Email, ProvenAt: u.emailProvenAt}, {Kind: "sms", Value: u.Mobile, ProvenAt: u.smsProven}} {
		id, err := insertContact(ctx, tx, person, c.Kind, c.Value, c.ProvenAt)
		if err != nil {
			return err
		}
		if u.online == "" {
			continue
		}
		c.ID = id
		if err := setOnline(ctx, tx, person, c, u.online, u.Language, s.now()); err != nil {
			return err
		}
	}
	return nil
}

func firstError(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
