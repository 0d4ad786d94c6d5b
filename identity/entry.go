package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// OpenSessionFor opens a session of a person in the account joined first, in the
// caller's transaction: the caller has just seen that it is that person, by
// method. Errors: ErrSignIn when the person, or every account, is gone.
func (s *Service) OpenSessionFor(ctx context.Context, tx pgx.Tx, person, method, ip, userAgent, language string) (token string, err error) {
	var c candidate
	err = tx.QueryRow(ctx, `
SELECT p.id, p.language, a.id FROM person p
  JOIN membership m ON m.person_id = p.id JOIN account a ON a.id = m.account_id AND a.closed_at IS NULL
 WHERE p.id = $1 ORDER BY m.created_at, m.account_id LIMIT 1`, person).Scan(&c.Person, &c.Language, &c.Account)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrSignIn
	}
	if err != nil {
		return "", fmt.Errorf("identity: open session: %w", err)
	}
	from := Session{IP: clean(ip, 64), UserAgent: clean(userAgent, 500), Language: sessionLanguage(language, c.Language)}
	at := s.now()
	if token, err = s.openSession(ctx, tx, c, method, from, at); err != nil {
		return "", err
	}
	return token, s.log1(ctx, tx, Access{Account: c.Account, Person: c.Person, At: at, Action: "signed_in", IP: from.IP, UserAgent: from.UserAgent, Language: from.Language})
}

// RefuseSignIn leaves in the access log that somebody was refused: a person who
// is known, or nobody. It returns ErrSignIn.
func (s *Service) RefuseSignIn(ctx context.Context, person, ip, userAgent, language string) error {
	c := candidate{Person: person}
	if person != "" {
		account, err := firstAccount(ctx, s.pool, person)
		if err != nil {
			return err
		}
		c.Account = account
	}
	return s.refuse(ctx, c, Session{IP: clean(ip, 64), UserAgent: clean(userAgent, 500), Language: sessionLanguage(language, "")}, s.now())
}

// TryFrom counts a try to sign in without a login, by the address it comes from.
// Errors: *Locked.
func (s *Service) TryFrom(ctx context.Context, ip string) error {
	return s.try(ctx, s.now(), s.countedBy(addressLimit(), network(ip)))
}

// ForgiveFrom takes back the try of an address that turned out to be good.
func (s *Service) ForgiveFrom(ctx context.Context, tx pgx.Tx, ip string) error {
	return s.forgive(ctx, tx, nil, s.countedBy(addressLimit(), network(ip)))
}
