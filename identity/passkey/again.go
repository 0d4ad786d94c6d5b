package passkey

import (
	"context"
	"fmt"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// BeginAgain asks the browser of the actor's session for one of the actor's own
// passkeys. Errors: identity.ErrNotFound when there is none.
//
// WebAuthn Level 3 §7.2
func (s *Service) BeginAgain(ctx context.Context, by identity.Actor, session string) ([]byte, error) {
	h, err := holderOf(ctx, s.Pool, by.Subject, false)
	if err != nil {
		return nil, err
	}
	if len(h.keys) == 0 {
		return nil, identity.ErrNotFound
	}
	options, data, err := s.web.BeginLogin(h)
	if err != nil {
		return nil, fmt.Errorf("passkey: begin: %w", err)
	}
	return s.begun(ctx, kindAgain, session, by.Subject, options, data)
}

// FinishAgain makes the actor's session one in which two factors were shown just
// now, under a new token; the old one is dead.
//
// Errors: ErrStale, ErrRefused, identity.ErrSessionOver.
//
// WebAuthn Level 3 §7.2; REQ-QERDS-5.2.2-03 (a)
func (s *Service) FinishAgain(ctx context.Context, by identity.Actor, session string, answer []byte) (fresh string, err error) {
	parsed, data, err := s.answered(ctx, kindAgain, session, by.Subject, answer)
	if err != nil {
		return "", err
	}
	_, err = s.use(ctx, parsed, func(h *holder) (*webauthn.Credential, error) {
		return s.web.ValidateLogin(h, data, parsed)
	}, func(tx pgx.Tx, person string) error {
		if person != by.Subject {
			return ErrRefused
		}
		fresh, err = s.Identity.RenewSession(ctx, tx, by, session, identity.MethodPasskey)
		return err
	}, by)
	if err != nil {
		return "", err
	}
	return fresh, nil
}
