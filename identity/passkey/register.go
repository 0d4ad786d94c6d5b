package passkey

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bode-erds/bode/identity"
)

// BeginRegister asks the browser of the actor's session for a new passkey.
//
// Errors: ErrTooMany, those of identity.Service.MayChangeFactors.
//
// WebAuthn Level 3 §7.1
func (s *Service) BeginRegister(ctx context.Context, by identity.Actor, session string) ([]byte, error) {
	var h *holder
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		err := s.Identity.MayChangeFactors(ctx, tx, by)
		if err != nil {
			return err
		}
		if h, err = holderOf(ctx, tx, by.Subject, true); err != nil {
			return err
		}
		if len(h.keys) >= identity.MaxPasskeys {
			return tooMany()
		}
		if len(h.handle) == 0 {
			h.handle = make([]byte, 32)
			rand.Read(h.handle)
			_, err = tx.Exec(ctx, `UPDATE person SET passkey_handle = $2 WHERE id = $1 AND passkey_handle IS NULL`, by.Subject, h.handle)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	options, data, err := s.web.BeginRegistration(h, webauthn.WithExclusions(webauthn.Credentials(h.keys).CredentialDescriptors()),
		webauthn.WithExtensions(webauthn.WithExtensionCredProps()))
	if err != nil {
		return nil, fmt.Errorf("passkey: begin: %w", err)
	}
	return s.begun(ctx, kindRegister, session, by.Subject, options, data)
}

// FinishRegister keeps the new passkey under a name. What else comes of it says
// [identity.Added].
//
// Errors: ErrStale, ErrRefused, ErrTooMany, ErrTwice, identity.FieldErrors, those
// of identity.Service.MayChangeFactors.
//
// WebAuthn Level 3 §7.1
func (s *Service) FinishRegister(ctx context.Context, by identity.Actor, session, name string, answer []byte) (a identity.Added, err error) {
	if name, err = identity.PasskeyName(name); err != nil {
		return a, err
	}
	if len(answer) > maxAnswer {
		return a, ErrRefused
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return a, fmt.Errorf("%w: %s", ErrRefused, said(err))
	}
	data, err := s.take(ctx, kindRegister, session, by.Subject, parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return a, err
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := s.Identity.MayChangeFactors(ctx, tx, by); err != nil {
			return err
		}
		h, err := holderOf(ctx, tx, by.Subject, true)
		if err != nil {
			return err
		}
		if len(h.keys) >= identity.MaxPasskeys {
			return tooMany()
		}
		c, err := s.web.CreateCredential(h, data, parsed)
		if err != nil {
			return fmt.Errorf("%w: %s", ErrRefused, said(err))
		}
		if rk := c.Extensions.RK; rk != nil && !*rk {
			return fmt.Errorf("%w: not discoverable", ErrRefused)
		}
		if err := s.keep(ctx, tx, by.Subject, name, c); err != nil {
			return err
		}
		a, err = s.Identity.FactorAdded(ctx, tx, by, session, identity.MethodPasskey, "passkey_added")
		return err
	})
	if err != nil {
		return identity.Added{}, err
	}
	return a, nil
}

func (s *Service) keep(ctx context.Context, tx pgx.Tx, person, name string, c *webauthn.Credential) error {
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("passkey: keep: %w", err)
	}
	_, err = tx.Exec(ctx, `
INSERT INTO webauthn_credential (id, person_id, name, credential, created_at) VALUES ($1, $2, $3, $4, $5)`, c.ID, person, name, b, s.now())
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok && pe.ConstraintName == "webauthn_credential_pkey" {
		return ErrTwice
	}
	if err != nil {
		return fmt.Errorf("passkey: keep: %w", err)
	}
	return nil
}

// tooMany is ErrTooMany as a fault of the form that asks for the name.
func tooMany() error {
	return fmt.Errorf("%w: %w", ErrTooMany, identity.FieldErrors{{Field: "passkey_name", Code: "too_many"}})
}

// said is what the library says of an answer, without what stood in it.
func said(err error) string {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return e.Type
	}
	return "unreadable"
}
