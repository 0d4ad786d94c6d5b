package identity

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"
)

// limit is how many tries of one kind are free, and how long the pause that
// doubles after each further one may become. Strangers can slow down somebody's
// sign-in, never stop it for good.
type limit struct {
	kind string
	free int
	most time.Duration
}

// forgetAfter is how long without a try makes a count start again.
const forgetAfter = 24 * time.Hour

// limits of signing in: one address on one login, all addresses on one login,
// one address on all logins, and, behind a right password, the second factor.
// With the last, somebody who knows the password guesses about 30 codes a day.
func pairLimit() limit      { return limit{"pair", 5, 15 * time.Minute} }
func loginLimit() limit     { return limit{"login", 25, 5 * time.Minute} }
func addressLimit() limit   { return limit{"address", 60, 15 * time.Minute} }
func factorLimit() limit    { return limit{"factor", 5, time.Hour} }
func resetPairLimit() limit { return limit{"reset_pair", 3, time.Hour} }
func resetLimit() limit     { return limit{"reset", 15, 5 * time.Minute} }

// counted is one subject under one limit.
type counted struct {
	limit
	digest []byte
}

func (s *Service) countedBy(l limit, subject ...string) counted {
	return counted{l, s.digest("attempt "+l.kind, subject...)}
}

// try counts a try before anybody looks at it, so that parallel tries are
// counted as surely as those in a row, and a crash forgives nothing. It fails
// with *Locked while the subject has to wait.
func (s *Service) try(ctx context.Context, at time.Time, all ...counted) error {
	for _, c := range all {
		var until time.Time
		err := s.pool.QueryRow(ctx, countTry, c.kind, c.digest, at, at.Add(-forgetAfter), c.free, c.most.Seconds()).Scan(&until)
		if errors.Is(err, pgx.ErrNoRows) { // blocked: counted nothing
			err = s.pool.QueryRow(ctx, `SELECT blocked_until FROM attempt_limit WHERE kind = $1 AND digest = $2`, c.kind, c.digest).Scan(&until)
			if err == nil || errors.Is(err, pgx.ErrNoRows) {
				return &Locked{Until: until}
			}
		}
		if err != nil {
			return fmt.Errorf("identity: count try: %w", err)
		}
	}
	return nil
}

// The first pause is a second long. The exponent stops before it overflows.
const countTry = `
INSERT INTO attempt_limit AS l (kind, digest, failures, last_at, blocked_until) VALUES ($1, $2, 1, $3, $3)
ON CONFLICT (kind, digest) DO UPDATE SET
    failures = CASE WHEN l.last_at < $4 THEN 1 ELSE least(l.failures + 1, 100000) END,
    last_at = $3,
    blocked_until = CASE WHEN l.last_at < $4 OR l.failures < $5::int THEN $3::timestamptz
        ELSE $3::timestamptz + make_interval(secs => least($6::float8, 2 ^ least(l.failures - $5::int, 30))) END
 WHERE l.blocked_until <= $3
RETURNING blocked_until`

// forgive takes back what a success proves to be no attack: the counts of the
// login, and this one try of the address, which others may be using too.
func (s *Service) forgive(ctx context.Context, tx pgx.Tx, gone []counted, once counted) error {
	for _, c := range gone {
		if _, err := tx.Exec(ctx, `DELETE FROM attempt_limit WHERE kind = $1 AND digest = $2`, c.kind, c.digest); err != nil {
			return fmt.Errorf("identity: forgive tries: %w", err)
		}
	}
	_, err := tx.Exec(ctx, `UPDATE attempt_limit SET failures = greatest(failures - 1, 0) WHERE kind = $1 AND digest = $2`, once.kind, once.digest)
	if err != nil {
		return fmt.Errorf("identity: forgive try: %w", err)
	}
	return nil
}

// network is what one household or host can hold of an address: a /32, or the
// /64 of an IPv6 address.
func network(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return "unknown"
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return "unknown"
	}
	return p.String()
}
