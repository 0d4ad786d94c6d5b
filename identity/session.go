package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// tokenSize is how many random octets a token has.
const tokenSize = 32

// seenEvery is how late a session's last use may be written down.
const seenEvery = 30 * time.Second

// Session is a person signed in to an account.
type Session struct {
	Person      string
	Account     string
	AccountKind Kind
	AccountName string // legal name; empty for a private account
	Role        Role   // Reader while the person's data is restricted, the account suspended, or new factors are to be made
	Given       string
	Family      string
	Login       string
	Language    string
	Method      string    // MethodPassword, MethodTOTP, MethodRecovery, MethodPasskey, MethodReproofed
	Proven      Level     // by the identification the person is bound to
	Record      string    // that identification; empty when there is none (R2)
	Provider    string    // its issuer
	Granted     Level     // what Method is worth, bound to that identification
	CreatedAt   time.Time // signed in
	ProvenAt    time.Time // all factors were last shown
	SeenAt      time.Time
	ExpiresAt   time.Time
	IP          string // at sign-in
	UserAgent   string // at sign-in
}

// Fresh reports whether all factors were shown at most d ago: ask again before
// sending, or changing factors and people.
func (s Session) Fresh(at time.Time, d time.Duration) bool { return at.Sub(s.ProvenAt) <= d }

// Actor is the session as an actor. What its method is worth, bound to the
// person's identification, is for the [Assurance] to say; a password alone, a
// recovery code, or nobody identified proves no level
// (REQ-QERDS-5.2.2-03 (a)).
func (s Session) Actor(ip, userAgent string) Actor {
	a := Actor{Kind: ActorPerson, Subject: s.Person, Account: s.Account, Given: s.Given, Family: s.Family,
		Method: s.Method, ProvenAt: s.ProvenAt, Record: s.Record, IP: clean(ip, 64), UserAgent: clean(userAgent, 500), Language: s.Language}
	if s.Record != "" {
		a.Level, a.Provider = s.Granted, s.Provider
	}
	return a
}

// Session finds the session of a token and keeps it open. Whoever was removed
// from the account, whose account was closed, or whose session ended has none.
//
// Errors: ErrSessionOver.
func (s *Service) Session(ctx context.Context, token string) (Session, error) {
	hash, ok := tokenHash(token)
	if !ok {
		return Session{}, ErrSessionOver
	}
	at := s.now()
	rows, err := s.pool.Query(ctx, selectSession, hash, at)
	if err != nil {
		return Session{}, fmt.Errorf("identity: session: %w", err)
	}
	sess, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Session])
	if errors.Is(err, pgx.ErrNoRows) {
		return Session{}, ErrSessionOver
	}
	if err != nil {
		return Session{}, fmt.Errorf("identity: session: %w", err)
	}
	sess.Granted = s.assurance.Grant(Authentication, sess.Method, sess.Proven)
	if at.Sub(sess.SeenAt) >= seenEvery {
		_, err := s.pool.Exec(ctx, `
UPDATE session SET seen_at = $2, expires_at = least($3, absolute_expires_at) WHERE token_hash = $1 AND revoked_at IS NULL AND expires_at > $2`,
			hash, at, at.Add(s.idle))
		if err != nil {
			return Session{}, fmt.Errorf("identity: session: %w", err)
		}
	}
	return sess, nil
}

const selectSession = `
SELECT s.person_id, s.account_id, a.kind, a.name,
       CASE WHEN p.restricted_at IS NULL AND a.suspended_at IS NULL AND s.method <> 'reproofed' OR m.role = 'billing' THEN m.role ELSE 'reader' END,
       p.given, p.family, p.login, s.language, s.method,
       coalesce(i.level, ''), coalesce(i.id::text, ''), coalesce(i.provider, ''), '',
       s.created_at, s.proven_at, s.seen_at, s.expires_at, s.ip, s.user_agent
  FROM session s
  JOIN account a ON a.id = s.account_id AND a.closed_at IS NULL
  JOIN person p ON p.id = s.person_id
  JOIN membership m ON m.account_id = s.account_id AND m.person_id = s.person_id
  LEFT JOIN identification i ON i.id = p.identification_id
 WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 AND s.absolute_expires_at > $2`

// SignOut ends the session of a token. Ending it again is no error.
func (s *Service) SignOut(ctx context.Context, token string) error {
	hash, ok := tokenHash(token)
	if !ok {
		return nil
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		at := s.now()
		var a Access
		err := tx.QueryRow(ctx, `
UPDATE session SET revoked_at = $2 WHERE token_hash = $1 AND revoked_at IS NULL
RETURNING account_id, person_id, ip, user_agent, language`, hash, at).Scan(&a.Account, &a.Person, &a.IP, &a.UserAgent, &a.Language)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("identity: sign out: %w", err)
		}
		a.At, a.Action = at, "signed_out"
		return s.log1(ctx, tx, a)
	})
}

// SignOutOthers ends every other session of the actor, wherever it is open.
func (s *Service) SignOutOthers(ctx context.Context, by Actor, token string) error {
	if !by.isPerson(by.Subject) {
		return ErrForbidden
	}
	return s.endOthers(ctx, s.pool, by, token, s.now())
}

func (s *Service) endOthers(ctx context.Context, q querier, by Actor, token string, at time.Time) error {
	hash, _ := tokenHash(token)
	_, err := q.Exec(ctx, `UPDATE session SET revoked_at = $3 WHERE person_id = $1 AND token_hash IS DISTINCT FROM $2 AND revoked_at IS NULL`, by.Subject, hash, at)
	if err != nil {
		return fmt.Errorf("identity: sign out others: %w", err)
	}
	return nil
}

// SwitchAccount moves a session to another account of the same person, under a
// new token; the old one is dead. Errors: ErrSessionOver, ErrNotFound.
func (s *Service) SwitchAccount(ctx context.Context, token, account string) (string, error) {
	hash, ok := tokenHash(token)
	if !ok || !isID(account) {
		return "", ErrNotFound
	}
	fresh := newToken()
	freshHash, _ := tokenHash(fresh)
	tag, err := s.pool.Exec(ctx, `
UPDATE session s SET account_id = $2, token_hash = $3
 WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $4
   AND EXISTS (SELECT FROM membership m JOIN account a ON a.id = m.account_id
                WHERE m.account_id = $2 AND m.person_id = s.person_id AND a.closed_at IS NULL)`, hash, account, freshHash, s.now())
	if err := oneRow(tag.RowsAffected(), err); err != nil {
		return "", err
	}
	return fresh, nil
}

// Place is an account a person may switch to.
type Place struct {
	Account string
	Kind    Kind
	Name    string // legal name; empty for a private account
	Role    Role
}

// Places lists the open accounts of the actor.
func (s *Service) Places(ctx context.Context, by Actor) ([]Place, error) {
	if !by.isPerson(by.Subject) {
		return nil, ErrForbidden
	}
	rows, err := s.pool.Query(ctx, `
SELECT a.id, a.kind, a.name, m.role FROM membership m JOIN account a ON a.id = m.account_id
 WHERE m.person_id = $1 AND a.closed_at IS NULL ORDER BY m.created_at, a.id`, by.Subject)
	if err != nil {
		return nil, fmt.Errorf("identity: places: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Place])
}

// maxSessions is how many sessions a person may have open.
const maxSessions = 10

// The session that was used longest ago makes place.
const sqlMakePlace = `
UPDATE session SET revoked_at = $2 WHERE token_hash IN (
  SELECT token_hash FROM session WHERE person_id = $1 AND revoked_at IS NULL AND expires_at > $2
   ORDER BY seen_at DESC, token_hash OFFSET $3)
RETURNING account_id, person_id, ip, user_agent, language`

// makePlace ends what a new session would be too many.
func (s *Service) makePlace(ctx context.Context, tx pgx.Tx, person string, at time.Time) error {
	rows, err := tx.Query(ctx, sqlMakePlace, person, at, maxSessions-1)
	if err != nil {
		return err
	}
	ended, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (a Access, err error) {
		err = r.Scan(&a.Account, &a.Person, &a.IP, &a.UserAgent, &a.Language)
		return a, err
	})
	for _, a := range ended {
		a.At, a.Action = at, "signed_out"
		err = errors.Join(err, s.log1(ctx, tx, a))
	}
	return err
}

func (s *Service) openSession(ctx context.Context, tx pgx.Tx, c candidate, method string, from Session, at time.Time) (string, error) {
	if err := s.makePlace(ctx, tx, c.Person, at); err != nil {
		return "", fmt.Errorf("identity: open session: %w", err)
	}
	token := newToken()
	hash, _ := tokenHash(token)
	_, err := tx.Exec(ctx, `
INSERT INTO session (token_hash, person_id, account_id, method, created_at, proven_at, seen_at, expires_at, absolute_expires_at, ip, user_agent, language)
VALUES ($1, $2, $3, $4, $5, $5, $5, $6, $7, $8, $9, $10)`,
		hash, c.Person, c.Account, method, at, at.Add(min(s.idle, s.absolute)), at.Add(s.absolute), from.IP, from.UserAgent, from.Language)
	if err != nil {
		return "", fmt.Errorf("identity: open session: %w", err)
	}
	return token, nil
}

func sessionLanguage(asked, usual string) string {
	if isLanguage(asked) {
		return asked
	}
	return usual
}

func newToken() string {
	raw := make([]byte, tokenSize)
	rand.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// tokenHash is how a token is kept; false for what cannot be one.
func tokenHash(token string) ([]byte, bool) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenSize) {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != tokenSize {
		return nil, false
	}
	sum := sha256.Sum256(raw)
	return sum[:], true
}
