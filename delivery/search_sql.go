package delivery

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// The expressions of the indexes of migration 23.
const (
	sqlName  = `lower(coalesce(d.recipient -> 'organisation' ->> 'name', (d.recipient ->> 'family') || ' ' || (d.recipient ->> 'given')))`
	sqlEmail = `lower(d.recipient ->> 'email')`
)

// sqlFits says of a delivery d of a message m whether it fits. It stands in the
// select list, so that it never decides how candidates are found.
const sqlFits = `($5::text[] IS NULL OR d.state = ANY ($5)) AND ($6::timestamptz IS NULL OR d.respond_by < $6)
       AND (NOT $7::boolean OR d.email = 'failed' AND d.sms = 'failed') AND ` + sqlFitsMessage + `
       AND ($13::text = '' OR starts_with(` + sqlName + `, lower($13)) OR starts_with(` + sqlName + `, lower($14::text)) OR starts_with(` + sqlEmail + `, lower($13)))`

const sqlFitsMessage = `($8::timestamptz IS NULL OR m.submitted_at >= $8) AND ($9::timestamptz IS NULL OR m.submitted_at < $9)
       AND ($10::text = '' OR m.number = $10) AND ($11::text = '' OR lower(m.reference) = lower($11)) AND ($12::text = '' OR lower(m.cost_centre) = lower($12))`

// Where candidates come from: each has an index in the order of the list. $1 is
// the account, $2 whether test ones are meant, {place} what is on this side of
// the mark.
const (
	sqlFromAll = ` FROM delivery d JOIN message m ON m.id = d.message_id
 WHERE {place}`

	sqlFromStates = ` FROM unnest($5::text[]) AS s (state) CROSS JOIN LATERAL (
	SELECT d.* FROM delivery d WHERE d.account_id = $1 AND d.test = $2 AND d.state = s.state AND {place} ORDER BY {order} LIMIT {look}) d
  JOIN message m ON m.id = d.message_id WHERE true`

	sqlFromUnreached = ` FROM delivery d JOIN message m ON m.id = d.message_id
 WHERE d.account_id = $1 AND d.test = $2 AND d.email = 'failed' AND d.sms = 'failed' AND d.state IN ('submitted', 'notified', 'expired') AND {place}`

	sqlFromNumber = ` FROM message m JOIN delivery d ON d.message_id = m.id
 WHERE m.number = $10 AND m.account_id = $1 AND m.test = $2 AND {place}`

	sqlFromReference = ` FROM message m JOIN delivery d ON d.message_id = m.id
 WHERE m.account_id = $1 AND m.test = $2 AND m.reference <> '' AND lower(m.reference) = lower($11) AND {place}`

	sqlFromCostCentre = ` FROM message m JOIN delivery d ON d.message_id = m.id
 WHERE m.account_id = $1 AND m.test = $2 AND m.cost_centre <> '' AND lower(m.cost_centre) = lower($12) AND {place}`

	// sqlFromSet is deliveries that were found otherwise; they are few.
	sqlFromSet = ` FROM delivery d JOIN message m ON m.id = d.message_id
 WHERE d.id = ANY ($15::uuid[]) AND d.account_id = $1 AND d.test = $2 AND {place}`
)

// sqlSetRecipient finds whom a word may mean, in no order.
const sqlSetRecipient = `
SELECT id FROM ((SELECT d.id FROM delivery d WHERE d.account_id = $1 AND d.test = $2 AND ` + sqlName + ` ~>=~ lower($3::text) AND ` + sqlName + ` ~<~ (lower($3) || $5)
	ORDER BY ` + sqlName + ` USING ~<~ LIMIT {set})
 UNION ALL (SELECT d.id FROM delivery d WHERE d.account_id = $1 AND d.test = $2 AND ` + sqlName + ` ~>=~ lower($4::text) AND ` + sqlName + ` ~<~ (lower($4) || $5)
	ORDER BY ` + sqlName + ` USING ~<~ LIMIT {set})
 UNION ALL (SELECT d.id FROM delivery d WHERE d.account_id = $1 AND d.test = $2 AND ` + sqlEmail + ` ~>=~ lower($3) AND ` + sqlEmail + ` ~<~ (lower($3) || $5)
	ORDER BY ` + sqlEmail + ` USING ~<~ LIMIT {set})) x LIMIT {set}`

// topRune sorts after everything that a text can go on with.
const topRune = "\U0010FFFF"

const sqlSetSoon = `SELECT id FROM delivery WHERE account_id = $1 AND test = $2 AND state = 'notified' AND respond_by < $3 ORDER BY respond_by LIMIT {set}`

// seek chooses how deliveries are found: by what says most.
func (s *Service) seek(ctx context.Context, account string, f Find, from Place) (query, error) {
	args, until, err := s.findArgs(ctx, account, f, from)
	if err != nil {
		return query{}, err
	}
	set, few, err := s.set(ctx, account, f, args)
	if err != nil {
		return query{}, err
	}
	source, by, all := sqlFromAll, "d.account_id, d.test, d.message_id, d.position", f == Find{Test: f.Test}
	narrow := f.Number != "" || few || f.Reference != "" || f.CostCentre != "" || f.states() != nil
	if narrow {
		by = "d.message_id, d.position"
	}
	switch {
	case f.Number != "":
		source = sqlFromNumber
	case few:
		source, args = sqlFromSet, append(args, set)
	case f.Reference != "":
		source, all = sqlFromReference, f == Find{Test: f.Test, Reference: f.Reference}
	case f.CostCentre != "":
		source, all = sqlFromCostCentre, f == Find{Test: f.Test, CostCentre: f.CostCentre}
	case f.Status == StatusUnreached:
		source, all = sqlFromUnreached, f == Find{Test: f.Test, Status: f.Status}
	case f.states() != nil:
		source, all = sqlFromStates, f == Find{Test: f.Test, Status: f.Status, State: f.State} && f.Status != StatusSoon
	}
	q := compose("SELECT d.id, d.message_id, d.position, "+sqlFits+source, args, from, by, all)
	q.until = until
	return q, nil
}

// compose fills the placeholders of a statement, none of which is anybody's text.
// by is the order of the list. Where it begins with the account, the statement is
// bounded by rows that do too: so no other index can seem to serve as well, which
// for a small account among large ones would mean to look at theirs.
func compose(sql string, args []any, from Place, by string, all bool) query {
	look := lookSome
	if all {
		look = lookAll
	}
	comparison, direction, other, end := "<", " DESC", ">=", uuid.Nil
	if from.Newer {
		comparison, direction, other, end = ">", "", "<=", uuid.Max
	}
	account, mine := "", strings.Contains(by, "account_id")
	if mine {
		account = "$1::uuid, $2::boolean, "
	}
	place := fmt.Sprintf("(%s) %s (%s$3::uuid, $4::integer)", by, comparison, account)
	if !strings.Contains(by, "position") {
		place = fmt.Sprintf("(%s) %s (%s$3::uuid)", by, comparison, account)
	}
	if mine {
		place += fmt.Sprintf(" AND (%s) %s ($1, $2, '%s')", strings.TrimSuffix(by, ", d.position"), other, end)
	}
	order := strings.ReplaceAll(by, ",", direction+",") + direction
	sql = strings.NewReplacer("{place}", place, "{order}", order, "{look}", strconv.Itoa(look)).Replace(sql)
	return query{sql: sql + " ORDER BY " + order + " LIMIT " + strconv.Itoa(look), args: args, look: look}
}

// set are the deliveries that a word, or the end of the window, may mean, when
// they are few enough to be sorted. Beyond the wall, as in walk.
func (s *Service) set(ctx context.Context, account string, f Find, args []any) (set []string, few bool, err error) {
	var sql string
	var with []any
	switch a, b := f.names(); {
	case f.Number != "":
		return nil, false, nil
	case a != "":
		sql, with = sqlSetRecipient, []any{account, f.Test, a, b, topRune}
	case f.Status == StatusSoon:
		sql, with = sqlSetSoon, []any{account, f.Test, args[5]}
	default:
		return nil, false, nil
	}
	rows, err := s.Pool.Query(identity.Beyond(ctx), strings.ReplaceAll(sql, "{set}", strconv.Itoa(maxSet+1)), with...)
	if err != nil {
		return nil, false, err
	}
	set, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return set, len(set) <= maxSet, err
}

// findArgs are the arguments of the statements, $1 to $14, and the id beyond which
// nothing fits.
func (s *Service) findArgs(ctx context.Context, account string, f Find, from Place) (args []any, until ID, err error) {
	mark := from.Mark
	oldest, newest, err := s.between(ctx, account, f)
	if err != nil {
		return nil, "", err
	}
	switch until = oldest; {
	case from.Newer:
		until = newest
		if mark.Message < oldest {
			mark = Mark{oldest, 0}
		}
	case mark.Message == "" || mark.Message > newest:
		mark = Mark{newest, MaxRecipients + 1}
	}
	var soon *time.Time
	if f.Status == StatusSoon {
		var aheadUS int64
		if err := s.Pool.QueryRow(ctx, sqlTestClock, account, f.Test).Scan(&aheadUS); err != nil {
			return nil, "", err
		}
		soon = null(s.Now().Add(time.Duration(aheadUS)*time.Microsecond + SoonWithin))
	}
	a, b := f.names()
	number := ""
	if f.Number != "" {
		number = f.number()
	}
	return []any{account, f.Test, string(mark.Message), mark.Position, f.states(), soon, f.Status == StatusUnreached,
		null(f.From), null(f.To), number, f.Reference, f.CostCentre, a, b}, until, nil
}

const (
	sqlOldest = `SELECT id FROM message WHERE account_id = $1 AND test = $2 AND submitted_at >= $3 ORDER BY submitted_at LIMIT 1`
	sqlNewest = `SELECT id FROM message WHERE account_id = $1 AND test = $2 AND submitted_at < $3 ORDER BY submitted_at DESC LIMIT 1`
)

// idSlack is how long after its id was made a message may be submitted, while
// others overtake it.
const idSlack = 10 * time.Minute

// between are the ids between which everything of a range of days lies: ids are
// in the order of their times, and so, but for those under way at once, are
// submissions.
func (s *Service) between(ctx context.Context, account string, f Find) (oldest, newest ID, err error) {
	oldest, newest = ID(uuid.Nil.String()), ID(uuid.Max.String())
	for _, b := range []struct {
		at    time.Time
		sql   string
		to    *ID
		none  ID
		slack time.Duration
	}{{f.From, sqlOldest, &oldest, newest, -idSlack}, {f.To, sqlNewest, &newest, oldest, idSlack}} {
		if b.at.IsZero() {
			continue
		}
		err := s.Pool.QueryRow(ctx, b.sql, account, f.Test, b.at).Scan(b.to)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			*b.to = b.none
		case err != nil:
			return "", "", err
		default:
			*b.to = idNear(*b.to, b.slack)
		}
	}
	return oldest, newest, nil
}

// idNear is the least id of a moment so long after that of another. RFC 9562 §5.7
func idNear(id ID, after time.Duration) ID {
	u, err := uuid.Parse(string(id))
	if err != nil {
		return id
	}
	var was [8]byte
	copy(was[2:], u[:6])
	ms := max(0, int64(binary.BigEndian.Uint64(was[:]))+after.Milliseconds())
	var is uuid.UUID
	binary.BigEndian.PutUint64(was[:], uint64(ms))
	copy(is[:6], was[2:])
	return ID(is.String())
}
