package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Access is one use of an account (R6).
type Access struct {
	ID        string // UUIDv7; given by the log
	Account   string // empty for a sign-in with an unknown login
	Person    string // empty for a key
	Key       string // empty for a person
	At        time.Time
	Action    string // "signed_in", "sign_in_refused", …: lower-case letters and underscores, a key of the translation files
	IP        string
	Language  string
	UserAgent string // browser and operating system, as sent
	About     string // id of the message or delivery that it was about; empty: none
}

// LogAccess records a use of an account by an actor, in the caller's
// transaction, or on its own when tx is nil. action is a key of the translation
// files. What it did to a delivery stands in that delivery's events; this log is
// for the account's people.
func (s *Service) LogAccess(ctx context.Context, tx pgx.Tx, by Actor, action, language string) error {
	a := Access{Account: by.Account, At: s.now(), Action: action, IP: by.IP, Language: language, UserAgent: by.UserAgent}
	switch by.Kind {
	case ActorPerson:
		a.Person = by.Subject
	case ActorKey:
		a.Key = by.Subject
	}
	if tx == nil {
		return s.log1(ctx, s.pool, a)
	}
	return s.log1(ctx, tx, a)
}

// LogLook records that an actor looked at one thing of the account, or took it
// away: a message or a delivery, by id (R6, R36). A second look by the same one at the
// same thing within lookAgain is not another.
func (s *Service) LogLook(ctx context.Context, by Actor, action, about, language string) error {
	a := Access{Account: by.Account, At: s.now(), Action: action, IP: by.IP, Language: language, UserAgent: by.UserAgent, About: about}
	switch by.Kind {
	case ActorPerson:
		a.Person = by.Subject
	case ActorKey:
		a.Key = by.Subject
	}
	var again bool
	err := s.pool.QueryRow(ctx, `
SELECT EXISTS (SELECT FROM access_log WHERE account_id = $1 AND id > $2 AND about = $3 AND action = $4 AND at > $5 AND coalesce(person_id, key_id) = $6)`,
		orNull(a.Account), idAt(a.At.Add(-lookAgain)), about, action, a.At.Add(-lookAgain), orNull(by.Subject)).Scan(&again)
	if err != nil {
		return fmt.Errorf("identity: access log: %w", err)
	}
	if again {
		return nil
	}
	return s.log1(ctx, s.pool, a)
}

// lookAgain is how long a look at a page lasts: pages are reloaded.
const lookAgain = 15 * time.Minute

// idAt is the least UUIDv7 of a moment. RFC 9562 §5.7
func idAt(at time.Time) string {
	ms := fmt.Sprintf("%012x", max(0, at.UnixMilli()))
	return ms[:8] + "-" + ms[8:] + "-7000-8000-000000000000"
}

// logBy records what an actor did to an account.
func (s *Service) logBy(ctx context.Context, q querier, by Actor, account string, at time.Time, action string) error {
	a := Access{Account: account, At: at, Action: action, IP: by.IP, Language: by.Language, UserAgent: by.UserAgent}
	switch by.Kind {
	case ActorPerson:
		a.Person = by.Subject
	case ActorKey:
		a.Key = by.Subject
	}
	return s.log1(ctx, q, a)
}

func (s *Service) log1(ctx context.Context, q querier, a Access) error {
	id, err := newID()
	if err != nil {
		return err
	}
	_, err = q.Exec(ctx, `
INSERT INTO access_log (id, account_id, person_id, key_id, at, action, ip, language, user_agent, about)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		id, orNull(a.Account), orNull(a.Person), orNull(a.Key), a.At, a.Action,
		clean(a.IP, 64), clean(a.Language, 35), clean(a.UserAgent, 500), orNull(a.About))
	if err != nil {
		return fmt.Errorf("identity: access log: %w", err)
	}
	return nil
}

// maxAccesses is the largest page of the access log.
const maxAccesses = 200

// Accesses lists uses of the actor's account, latest first (R36): an
// administrator sees all of them, others their own. before is the ID of the last
// one already seen, or empty. At most limit, at most 200.
//
// Errors: ErrNotFound.
func (s *Service) Accesses(ctx context.Context, by Actor, before string, limit int) ([]Access, error) {
	if by.Kind != ActorPerson || !isID(by.Account) || !isID(by.Subject) || before != "" && !isID(before) {
		return nil, ErrNotFound
	}
	rows, err := s.pool.Query(ctx, `
SELECT l.id, coalesce(l.account_id::text, ''), coalesce(l.person_id::text, ''), coalesce(l.key_id::text, ''),
       l.at, l.action, l.ip, l.language, l.user_agent, coalesce(l.about::text, '')
  FROM access_log l
  JOIN membership m ON m.account_id = l.account_id AND m.person_id = $2
 WHERE l.account_id = $1 AND ($3::uuid IS NULL OR l.id < $3) AND (m.role = 'administrator' OR l.person_id = $2)
 ORDER BY l.id DESC LIMIT $4`, by.Account, by.Subject, orNull(before), max(1, min(limit, maxAccesses)))
	if err != nil {
		return nil, fmt.Errorf("identity: accesses: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Access])
}

// AccessKept is how long an access is kept (R6), unless an operator said otherwise.
const AccessKept = 24 // months

// ProofKept is how long the identifications of somebody who left are kept: what
// that person sent at the end may be decided on for 60 days, and evidence that
// cites them is kept for 24 months after that (R21).
const ProofKept = 27 // months

const (
	// sweepMost is how many rows one statement of Sweep removes of what comes with every
	// visit, and sweepParts how often it is repeated while it finds as many.
	sweepMost  = 10_000
	sweepParts = 100
)

// parted removes what of a table was over before an instant ($1) by one of its columns,
// oldest first, at most sweepMost rows.
func parted(table, column string) string { return partedIf(table, column, "true") }

// partedIf is parted of what also meets a condition.
func partedIf(table, column, condition string) string {
	return fmt.Sprintf(`DELETE FROM %[1]s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %[1]s WHERE %[2]s < $1 AND %[3]s ORDER BY %[2]s LIMIT %[4]d))`,
		table, column, condition, sweepMost)
}

// Sweep removes what has outlived its use, as [Service.Rules] say: accesses,
// identifications of those who left, sessions, links and unfinished sign-ups that ended, attempts nobody repeated, and the
// personal data of accounts that closed long enough ago (R7). Calling it again,
// or from two processes at once, does no harm.
func (s *Service) Sweep(ctx context.Context) error {
	at := s.now()
	rules, err := s.Rules(ctx)
	if err != nil {
		return err
	}
	months := map[Class]int{}
	for _, r := range rules {
		months[r.Class] = r.Months
	}
	for _, d := range []struct {
		sql  string
		upTo time.Time
	}{
		{parted("access_log", "at"), at.AddDate(0, -months[ClassAccessLog], 0)},
		// Who sent what is under a legal hold is proven as long as the hold lasts (R27).
		{`
WITH gone AS (DELETE FROM departure WHERE left_at < $1 AND NOT EXISTS (
  SELECT FROM message m WHERE m.held AND m.sent_by -> 'identifier' ->> 'value' = departure.person_id::text) RETURNING person_id)
DELETE FROM identification WHERE delivery_id IS NULL AND person_id IN (SELECT person_id FROM gone)`, at.AddDate(0, -months[ClassIdentification], 0)},
		{parted("session", "absolute_expires_at"), at},
		{parted("ticket", "expires_at"), at},
		{parted("login", "expires_at"), at},
		{`WITH gone AS (DELETE FROM sign_up WHERE expires_at < $1 RETURNING id) DELETE FROM code_challenge WHERE subject_id IN (SELECT id FROM gone)`, at},
		{`WITH gone AS (DELETE FROM contact_draft WHERE expires_at < $1 RETURNING id) DELETE FROM code_challenge WHERE subject_id IN (SELECT id FROM gone)`, at},
		{`DELETE FROM mandate_draft WHERE expires_at < $1`, at},
		{`DELETE FROM application WHERE person_id IS NULL AND state <> 'approved' AND filed_at < $1`, at},
		{`DELETE FROM application WHERE state = 'filed' AND reason = '' AND filed_at < $1`, at.Add(-unsignedKept)},
		{`DELETE FROM application WHERE state = 'refused' AND decided_at < $1`, at.AddDate(0, -months[ClassRefused], 0)},
		{`DELETE FROM webauthn_ceremony WHERE expires_at < $1`, at},
		{parted("access_token", "expires_at"), at},
		{parted("client_assertion", "expires_at"), at},
		{`DELETE FROM recovery WHERE expires_at < $1`, at},
		{partedIf("attempt_limit", "last_at", "blocked_until < $1"), at.Add(-forgetAfter)},
	} {
		if err := s.forget(ctx, d.sql, d.upTo); err != nil {
			return fmt.Errorf("identity: sweep: %w", err)
		}
	}
	return s.eraseClosed(ctx, at)
}

// forget repeats a removal while it finds as much as one statement may take.
func (s *Service) forget(ctx context.Context, sql string, before time.Time) error {
	for range sweepParts {
		tag, err := s.pool.Exec(ctx, sql, before)
		if err != nil || tag.RowsAffected() < sweepMost {
			return err
		}
	}
	return nil
}
