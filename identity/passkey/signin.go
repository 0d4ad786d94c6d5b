package passkey

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// BeginSignIn asks a browser for any passkey of ours. browser is a secret that
// only that browser holds; ip is where it comes from, and counted.
//
// Errors: *identity.Locked.
//
// WebAuthn Level 3 §7.2
func (s *Service) BeginSignIn(ctx context.Context, browser, ip string) ([]byte, error) {
	if err := s.Identity.TryFrom(ctx, ip); err != nil {
		return nil, err
	}
	options, data, err := s.web.BeginDiscoverableLogin()
	if err != nil {
		return nil, fmt.Errorf("passkey: begin: %w", err)
	}
	return s.begun(ctx, kindSignIn, browser, "", options, data)
}

// FinishSignIn opens a session of whoever the passkey belongs to. A passkey that
// is unknown, was removed, was copied, or signed something else gets one answer.
//
// Errors: ErrStale, identity.ErrSignIn.
//
// WebAuthn Level 3 §7.2; REQ-QERDS-5.2.2-03 (a)
func (s *Service) FinishSignIn(ctx context.Context, browser string, answer []byte, ip, userAgent, language string) (token string, sess identity.Session, err error) {
	parsed, data, err := s.answered(ctx, kindSignIn, browser, "", answer)
	if err != nil {
		return "", sess, err
	}
	u, err := s.use(ctx, parsed, func(h *holder) (*webauthn.Credential, error) {
		_, c, err := s.web.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			if !bytes.Equal(handle, h.handle) {
				return nil, errors.New("another handle")
			}
			return h, nil
		}, data, parsed)
		return c, err
	}, func(tx pgx.Tx, person string) error {
		if err := s.Identity.ForgiveFrom(ctx, tx, ip); err != nil {
			return err
		}
		token, err = s.Identity.OpenSessionFor(ctx, tx, person, identity.MethodPasskey, ip, userAgent, language)
		return err
	}, identity.Actor{IP: ip, UserAgent: userAgent})
	if errors.Is(err, ErrRefused) || errors.Is(err, identity.ErrSignIn) {
		s.Log.InfoContext(ctx, "passkey refused", "error", err)
		return "", sess, s.Identity.RefuseSignIn(ctx, u, ip, userAgent, language)
	}
	if err != nil {
		return "", sess, err
	}
	sess, err = s.Identity.Session(ctx, token)
	return token, sess, err
}

// answered reads an answer and takes what was begun for it.
func (s *Service) answered(ctx context.Context, kind, holder, person string, answer []byte) (*protocol.ParsedCredentialAssertionData, webauthn.SessionData, error) {
	if len(answer) > maxAnswer {
		return nil, webauthn.SessionData{}, ErrStale
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, webauthn.SessionData{}, fmt.Errorf("%w: %s", ErrStale, said(err))
	}
	data, err := s.take(ctx, kind, holder, person, parsed.Response.CollectedClientData.Challenge)
	return parsed, data, err
}

// use checks an answer with the passkey that it names, keeps the passkey as it is
// from now on, and does what it was used for, in one transaction. It returns
// whose passkey it is, refused or not. Errors: ErrRefused, those of then.
func (s *Service) use(ctx context.Context, parsed *protocol.ParsedCredentialAssertionData, check func(*holder) (*webauthn.Credential, error),
	then func(tx pgx.Tx, person string) error, by identity.Actor) (person string, err error) {
	cloned := false
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		// The passkey is locked, so that two uses at once cannot both go on from the
		// same counter.
		err := tx.QueryRow(ctx, `SELECT person_id FROM webauthn_credential WHERE id = $1 AND cloned_at IS NULL FOR UPDATE`, parsed.RawID).Scan(&person)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: no such passkey", ErrRefused)
		}
		if err != nil {
			return fmt.Errorf("passkey: use: %w", err)
		}
		h, err := holderOf(ctx, tx, person, false)
		if err != nil {
			return err
		}
		c, err := check(h)
		if err != nil {
			return fmt.Errorf("%w: %s", ErrRefused, said(err))
		}
		if cloned = c.Authenticator.CloneWarning; cloned {
			by.Kind, by.Subject = identity.ActorPerson, person
			return s.clone(ctx, tx, c.ID, by)
		}
		b, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("passkey: use: %w", err)
		}
		if _, err := tx.Exec(ctx, `UPDATE webauthn_credential SET credential = $2, used_at = $3 WHERE id = $1`, c.ID, b, s.now()); err != nil {
			return fmt.Errorf("passkey: use: %w", err)
		}
		return then(tx, person)
	})
	if err == nil && cloned {
		s.Log.WarnContext(ctx, "passkey refused: its counter went back, somebody may have a copy", "person", person)
		err = fmt.Errorf("%w: counter went back", ErrRefused)
	}
	return person, err
}

// clone ends a passkey of which somebody may have a copy, and says so to the
// person. WebAuthn Level 3 §6.1.1
func (s *Service) clone(ctx context.Context, tx pgx.Tx, id []byte, by identity.Actor) error {
	tag, err := tx.Exec(ctx, `UPDATE webauthn_credential SET cloned_at = $2 WHERE id = $1 AND cloned_at IS NULL`, id, s.now())
	if err != nil || tag.RowsAffected() != 1 {
		return fmt.Errorf("passkey: clone: %w", err)
	}
	return s.Identity.FactorChanged(ctx, tx, by, "passkey_cloned")
}
