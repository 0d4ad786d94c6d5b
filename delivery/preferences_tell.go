package delivery

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// senderEvent is what a move means to those who sent, and what a receipt says of it;
// empty: nothing that anybody is told of.
func senderEvent(before, after Delivery) (e SenderEvent, outcome State) {
	if after.Undeliverable() && !before.Undeliverable() {
		return EventFailed, outcomeUndeliverable
	}
	if after.State == before.State {
		return "", ""
	}
	e = map[State]SenderEvent{Accepted: EventCollected, Rejected: EventRefused, Expired: EventExpired, Posting: EventPosted, Returned: EventReturned}[after.State]
	return e, after.State
}

const sqlTellAtOnce = `
SELECT p.email, p.language FROM sender_preference s JOIN person p ON p.id = s.person_id WHERE s.account_id = $1 AND s.how ->> $2 = 'at_once'`

const sqlKeepForDaily = `
INSERT INTO sender_event (id, account_id, event, at)
SELECT $1, $2, $3, $4 WHERE EXISTS (SELECT FROM sender_preference WHERE account_id = $2 AND how ->> $3 = 'daily')`

// tellMembers tells the members of the account what a move means, in its
// transaction: at once by a receipt, or by a line that the daily mail counts.
// Nobody is told of test messages, or twice at one address.
func (s *Service) tellMembers(ctx context.Context, tx pgx.Tx, before, after Delivery) error {
	event, outcome := senderEvent(before, after)
	m := after.Message
	if event == "" || m.Test {
		return nil
	}
	if _, err := tx.Exec(ctx, sqlKeepForDaily, evidence.NewID(), m.Account, event, after.LastAt); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, sqlTellAtOnce, m.Account, event)
	if err != nil {
		return err
	}
	var notices []notify.Notice
	var to, language string
	if _, err = pgx.ForEachRow(rows, []any{&to, &language}, func() error {
		if m.Policy.Receipts && strings.EqualFold(to, m.Sender.Email) && event != EventCollected {
			return nil // who gets a receipt already
		}
		notices = append(notices, notify.Notice{ID: evidence.NewID(), Account: m.Account, Delivery: string(after.ID), Kind: notify.Receipt, Channel: notify.Email,
			To: to, Language: language, Ref: string(outcome)})
		return nil
	}); err != nil || len(notices) == 0 {
		return err
	}
	return s.Notices.Enqueue(ctx, tx, notices...)
}

// dailyEvery is how long somebody is left alone after a daily mail.
const dailyEvery = 24 * time.Hour

const sqlDailyDue = `
SELECT s.account_id, s.person_id FROM sender_preference s WHERE s.how @? '$.* ? (@ == "daily")' AND s.told_at <= $1 ORDER BY s.told_at LIMIT $2`

const (
	sqlDailyTake = `
SELECT s.how, s.told_at, p.email, p.language FROM sender_preference s JOIN person p ON p.id = s.person_id
 WHERE s.account_id = $1 AND s.person_id = $2 AND s.told_at <= $3 FOR UPDATE OF s SKIP LOCKED`
	sqlDailyTold = `UPDATE sender_preference SET told_at = $3 WHERE account_id = $1 AND person_id = $2`
)

// keepEvents is how long a line waits for the daily mail, should that be late.
const keepEvents = 7 * dailyEvery

const sqlForgetEvents = `DELETE FROM sender_event WHERE ctid = ANY (ARRAY(SELECT ctid FROM sender_event WHERE at < $1 ORDER BY at LIMIT $2))`

// TellDaily sends the daily mails that are due, each once, and forgets what all
// were told. It returns how many people were told. A mail without anything in it
// is not sent.
func (s *Service) TellDaily(ctx context.Context, limit int) (n int, err error) {
	now := s.Now().UTC().Truncate(time.Microsecond)
	rows, err := s.Pool.Query(ctx, sqlDailyDue, now.Add(-dailyEvery), limit)
	if err != nil {
		return 0, err
	}
	type member struct{ account, person string }
	due, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (m member, err error) { return m, r.Scan(&m.account, &m.person) })
	if err != nil {
		return 0, err
	}
	for _, m := range due {
		told, err := s.tellDaily(ctx, m.account, m.person, now)
		if err != nil {
			return n, err
		}
		if told {
			n++
		}
	}
	return n, s.forgetOld(ctx, sqlForgetEvents, now.Add(-keepEvents))
}

// tellDaily tells one member, unless somebody else just did, or nothing happened.
func (s *Service) tellDaily(ctx context.Context, account, person string, now time.Time) (told bool, err error) {
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		var p Preferences
		var since time.Time
		var to, language string
		err := tx.QueryRow(ctx, sqlDailyTake, account, person, now.Add(-dailyEvery)).Scan(&p, &since, &to, &language)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sqlDailyTold, account, person, now)
		if err == nil {
			err = one(tag)
		}
		if err != nil {
			return err
		}
		counts, err := s.happened(ctx, tx, account, since, now)
		if err != nil {
			return err
		}
		var said []string
		for _, e := range SenderEvents {
			if p[e] == TellDaily && counts[e] != "" {
				said = append(said, string(e)+"="+counts[e])
			}
		}
		if told = len(said) > 0; !told {
			return nil
		}
		return s.Notices.Enqueue(ctx, tx, notify.Notice{ID: evidence.NewID(), Account: account, Kind: notify.DailyReport, Channel: notify.Email,
			To: to, Language: language, Ref: strings.Join(said, " ")})
	})
	return told && err == nil, err
}

const sqlDay = `
SELECT event, n::text FROM (
	SELECT event, count(*) AS n FROM sender_event WHERE account_id = $1 AND at >= $2 AND at < $3 GROUP BY event
	UNION ALL
	SELECT 'soon', count(*) FROM (SELECT FROM delivery WHERE account_id = $1 AND NOT test AND state = 'notified' AND respond_by > $3 AND respond_by < $4
		ORDER BY respond_by LIMIT 1001) x) y WHERE n > 0`

// happened counts what happened in an account in a time, and what ends soon.
func (s *Service) happened(ctx context.Context, tx pgx.Tx, account string, since, now time.Time) (map[SenderEvent]string, error) {
	rows, err := tx.Query(ctx, sqlDay, account, since, now, now.Add(SoonWithin))
	if err != nil {
		return nil, err
	}
	counts := map[SenderEvent]string{}
	var e SenderEvent
	var n string
	_, err = pgx.ForEachRow(rows, []any{&e, &n}, func() error {
		counts[e] = n
		return nil
	})
	return counts, err
}

// dailyFacts are those of a daily mail: numbers only, and nothing of a delivery.
func (s *Service) dailyFacts(ctx context.Context, n notify.Notice) (f notify.Facts, err error) {
	accounts, err := s.accounts()
	if err != nil {
		return f, err
	}
	p, err := accounts.Profile(ctx, n.Account)
	if err != nil {
		return f, err
	}
	f = notify.Facts{Account: p.Name, ServiceName: s.Config.Service, ServiceHost: s.host, Link: s.BaseURL + "/portal"}
	if f.Account == "" {
		f.Account = p.Given + " " + p.Family
	}
	for _, word := range strings.Fields(n.Ref) {
		event, count, _ := strings.Cut(word, "=")
		f.Day = append(f.Day, notify.DayCount{Event: event, Count: count})
	}
	return f, nil
}
