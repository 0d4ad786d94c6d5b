package identity

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ticket is a link that does one thing once.
type ticket struct {
	ID      string
	Kind    string
	Person  string // whose it is; empty when it is nobody's yet
	Account string // what it is about; empty when about none
	Carries []byte // what was given to newTicket
	Expires time.Time
	Only    bool // to newTicket: what there was of the kind for the person and account is dead
}

// newTicket makes a ticket in the caller's transaction. Its token is not kept: it
// is derived from the row by [Service.ticketToken] when the mail is rendered.
// Person, Account and Carries may be empty.
func (s *Service) newTicket(ctx context.Context, tx pgx.Tx, t ticket, life time.Duration) (id string, err error) {
	if id, err = newID(); err != nil {
		return "", err
	}
	nonce := make([]byte, tokenSize)
	rand.Read(nonce)
	hash, _ := tokenHash(s.ticketToken(t.Kind, id, nonce))
	var sealed []byte
	if t.Carries != nil {
		if sealed, err = s.box.Seal(t.Carries, ticketPlace(id)); err != nil {
			return "", err
		}
	}
	if t.Only {
		_, err := tx.Exec(ctx, `DELETE FROM ticket WHERE kind = $1 AND person_id IS NOT DISTINCT FROM $2 AND account_id IS NOT DISTINCT FROM $3`, t.Kind, orNull(t.Person), orNull(t.Account))
		if err != nil {
			return "", fmt.Errorf("identity: new ticket: %w", err)
		}
	}
	at := s.now()
	_, err = tx.Exec(ctx, `
INSERT INTO ticket (id, kind, token_hash, nonce, person_id, account_id, sealed, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		id, t.Kind, hash, nonce, orNull(t.Person), orNull(t.Account), sealed, at, at.Add(life))
	if err != nil {
		return "", fmt.Errorf("identity: new ticket: %w", err)
	}
	return id, nil
}

// ticketToken is the token of a ticket, as a link carries it.
func (s *Service) ticketToken(kind, id string, nonce []byte) string {
	return base64.RawURLEncoding.EncodeToString(s.digest("ticket", kind, id, string(nonce)))
}

const ticketColumns = `id, kind, coalesce(person_id::text, ''), coalesce(account_id::text, ''), sealed, expires_at`

// ticket looks at a ticket without using it, so that a page can say what it is
// for. Errors: ErrToken.
func (s *Service) ticket(ctx context.Context, q querier, kind, token string) (ticket, error) {
	hash, ok := tokenHash(token)
	if !ok {
		return ticket{}, ErrToken
	}
	return s.scanTicket(q.QueryRow(ctx, `SELECT `+ticketColumns+` FROM ticket WHERE token_hash = $1 AND kind = $2 AND expires_at > $3`, hash, kind, s.now()))
}

// useTicket uses a ticket up in the caller's transaction: of any number of callers
// at once one gets it. Errors: ErrToken.
func (s *Service) useTicket(ctx context.Context, tx pgx.Tx, kind, token string) (ticket, error) {
	hash, ok := tokenHash(token)
	if !ok {
		return ticket{}, ErrToken
	}
	return s.scanTicket(tx.QueryRow(ctx, `DELETE FROM ticket WHERE token_hash = $1 AND kind = $2 AND expires_at > $3 RETURNING `+ticketColumns, hash, kind, s.now()))
}

func (s *Service) scanTicket(row pgx.Row) (t ticket, err error) {
	var sealed []byte
	err = row.Scan(&t.ID, &t.Kind, &t.Person, &t.Account, &sealed, &t.Expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return ticket{}, ErrToken
	}
	if err != nil {
		return ticket{}, fmt.Errorf("identity: ticket: %w", err)
	}
	if sealed != nil {
		t.Carries, err = s.box.Open(sealed, ticketPlace(t.ID))
	}
	return t, err
}

// linkOf is the token of a ticket that can still be used, and until when; for
// rendering a note. Errors: ErrStale.
func (s *Service) linkOf(ctx context.Context, kind, id string) (token string, t ticket, err error) {
	if !isID(id) {
		return "", ticket{}, ErrStale
	}
	var nonce []byte
	err = s.pool.QueryRow(ctx, `
SELECT id, kind, nonce, coalesce(person_id::text, ''), coalesce(account_id::text, ''), expires_at FROM ticket WHERE id = $1 AND kind = $2 AND expires_at > $3`,
		id, kind, s.now()).Scan(&t.ID, &t.Kind, &nonce, &t.Person, &t.Account, &t.Expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ticket{}, ErrStale
	}
	if err != nil {
		return "", ticket{}, fmt.Errorf("identity: ticket: %w", err)
	}
	return s.ticketToken(kind, id, nonce), t, nil
}

func ticketPlace(id string) []byte { return []byte("ticket:" + id) }
